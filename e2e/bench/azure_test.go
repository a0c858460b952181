//go:build bench

package bench

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// work is a client of Resource Manager and of what it leads to.
type work struct {
	testing.TB
	*emulator
	arm *client
}

// advisory is about a package that the image of measureScan has.
const advisory = `{"id": "EMU-2026-0001", "summary": "Invented for the benchmark", "affected": [{"package": {"ecosystem": "Debian:12", "name": "bench"},
	"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}`

func startWork(t testing.TB) *work {
	t.Helper()
	advisories := t.TempDir()
	if err := os.WriteFile(filepath.Join(advisories, "EMU-2026-0001.json"), []byte(advisory), 0o600); err != nil {
		t.Fatal(err)
	}
	e := emulate(t, t.TempDir(), "--advisories", advisories)
	c := newClient(e.url, "")
	token, err := e.entraToken(c, "https://management.azure.com")
	if err != nil {
		t.Fatal(err)
	}
	c.token = token
	return &work{t, e, c}
}

const (
	samples    = subscription + "/resourceGroups/acrlocal/providers/"
	playground = samples + "Microsoft.ContainerRegistry/registries/playground"
)

// ask sends a request to Resource Manager and reads the answer into a value, unless that is nil.
func (w *work) ask(method, path, version string, body, answer any) *http.Response {
	w.Helper()
	m := message{method: method, path: path + "?api-version=" + version, host: "management.azure.com", contentType: "application/json"}
	if body != nil {
		m.body, _ = json.Marshal(body)
	}
	response, text, err := w.arm.send(m)
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		w.Fatal(err)
	}
	return response
}

const tasksVersion = "2019-06-01-preview"

// fetch sends a request to whatever host its URL names, at the service listener and without a credential.
func (w *work) fetch(method, link string, body []byte) []byte {
	w.Helper()
	to, err := url.Parse(link)
	if err != nil {
		w.Fatal(err)
	}
	q, err := http.NewRequest(method, w.url+to.RequestURI(), bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	q.Host = to.Host
	q.Header.Set("x-ms-blob-type", "BlockBlob")
	response, err := w.arm.http.Do(q)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(response.Body); err != nil || response.StatusCode >= http.StatusInternalServerError {
		w.Fatalf("%s %s: %s %v", method, link, response.Status, err)
	}
	return answer.Bytes()
}

// upload puts a source where az puts one, and returns where a run finds it.
func (w *work) upload(files map[string]string) string {
	w.Helper()
	var at struct{ UploadURL, RelativePath string }
	w.ask(http.MethodPost, playground+"/listBuildSourceUploadUrl", tasksVersion, nil, &at)
	w.fetch(http.MethodPut, at.UploadURL, packed(w, files))
	return at.RelativePath
}

// packed are files in a compressed archive.
func packed(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var to bytes.Buffer
	zipped, _ := gzip.NewWriterLevel(&to, gzip.BestSpeed)
	archive := tar.NewWriter(zipped)
	for name, text := range files {
		_ = archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}) // Close knows
		_, _ = archive.Write([]byte(text))
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// build is what az acr build asks for.
func (w *work) build(source string) document {
	return document{
		"type": "DockerBuildRequest", "sourceLocation": source, "dockerFilePath": "Dockerfile", "imageNames": []string{"built:{{.Run.ID}}"},
		"isPushEnabled": true, "noCache": true, "platform": document{"os": "linux"}, "credentials": document{},
	}
}

// quickTask is what az acr run asks for.
func quickTask(text string) document {
	return document{
		"type": "EncodedTaskRunRequest", "encodedTaskContent": base64.StdEncoding.EncodeToString([]byte(text)),
		"platform": document{"os": "linux"}, "credentials": document{},
	}
}

// schedule queues a run and returns its path.
func (w *work) schedule(request document) string {
	w.Helper()
	var queued struct{ Properties struct{ RunID string } }
	w.ask(http.MethodPost, playground+"/scheduleRun", tasksVersion, request, &queued)
	return playground + "/runs/" + queued.Properties.RunID
}

// do queues a run and waits until it has succeeded.
func (w *work) do(request document) {
	w.Helper()
	w.end(w.schedule(request))
}

// end waits until a run has succeeded.
func (w *work) end(run string) {
	w.Helper()
	w.await("the end of a run", func() bool {
		var found struct{ Properties struct{ Status string } }
		w.ask(http.MethodGet, run, tasksVersion, nil, &found)
		switch found.Properties.Status {
		case "Succeeded":
			return true
		case "Queued", "Started", "Running":
			return false
		}
		w.Fatalf("a run has %s:\n%s", found.Properties.Status, w.log(run)())
		return false
	})
}

// log returns what reads the log of a run.
func (w *work) log(run string) func() string {
	w.Helper()
	var at struct{ LogLink string }
	w.ask(http.MethodPost, run+"/listLogSasUrl", tasksVersion, nil, &at)
	return func() string { return string(w.fetch(http.MethodGet, at.LogLink, nil)) }
}

// awaitLog waits until the log of a run says something.
func (w *work) awaitLog(run, text string) {
	w.Helper()
	log := w.log(run)
	w.await(text, func() bool { return strings.Contains(log(), text) })
}

// await asks again and again, until it is so.
func (w *work) await(what string, so func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// containers reports whether containers can be run here.
func (w *work) containers() bool {
	var status struct{ Executor struct{ Kind string } }
	answer, err := http.Get(w.Manage + "/api/status")
	if err == nil {
		defer answer.Body.Close()
		err = json.NewDecoder(answer.Body).Decode(&status)
	}
	if err != nil {
		w.Fatal(err)
	}
	return status.Executor.Kind != "none"
}
