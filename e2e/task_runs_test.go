package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

// tasksOf is ACR Tasks of one registry, as a client of Resource Manager has it.
type tasksOf struct {
	t        *testing.T
	e        *emulatortest.Emulator
	registry string // its resource ID
}

// startTasks starts an emulator that can run containers where the machine can, and looks at a registry of the sample.
func startTasks(t *testing.T, behavior gate.Behavior, registry string) tasksOf {
	t.Helper()
	e := emulatortest.StartWith(t, emulator.Options{Behavior: behavior, Executable: program(), Now: time.Now})
	return tasksOf{t, e, group + "/providers/Microsoft.ContainerRegistry/registries/" + registry}
}

// program is the binary under test.
func program() string { return filepath.Join(strings.Split(os.Getenv("PATH"), ":")[0], "acrlocal") }

// tasksVersion is the API version of tasks that az has.
const tasksVersion = "?api-version=2019-06-01-preview"

// arm calls Resource Manager, on something of the registry or on a whole resource ID.
func (r tasksOf) arm(method, at string, body, answer any) {
	r.t.Helper()
	if !strings.HasPrefix(at, "/subscriptions/") {
		at = r.registry + at
	}
	if err := r.e.ARM(r.t.Context(), method, at, body, answer); err != nil {
		r.t.Fatal(err)
	}
}

// update changes properties of the registry.
func (r tasksOf) update(properties map[string]any) {
	r.t.Helper()
	r.arm(http.MethodPatch, "", map[string]any{"properties": properties}, nil)
}

// upload puts a source where az puts one, and returns where a run finds it.
func (r tasksOf) upload(files map[string]string) string {
	r.t.Helper()
	return r.uploadBytes(archive(r.t, files))
}

// uploadBytes is upload for any bytes.
func (r tasksOf) uploadBytes(source []byte) string {
	r.t.Helper()
	var at struct{ UploadURL, RelativePath string }
	r.arm(http.MethodPost, "/listBuildSourceUploadUrl"+tasksVersion, nil, &at)
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodPut, at.UploadURL, bytes.NewReader(source))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("x-ms-blob-type", "BlockBlob")
	answer, err := r.client().Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		r.t.Fatalf("upload: %s", answer.Status)
	}
	return at.RelativePath
}

// client is an HTTP client on the internet.
func (r tasksOf) client() *http.Client { return &http.Client{Transport: r.e.At("192.0.2.1")} }

// archive packs files as az does.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	w := tar.NewWriter(zipped)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// ended is a run as it ended, or as it is.
type ended struct {
	id, status, log string
}

// schedule queues a run and returns its ID.
func (r tasksOf) schedule(request map[string]any) string {
	r.t.Helper()
	var queued struct{ Properties struct{ RunID string } }
	r.arm(http.MethodPost, "/scheduleRun"+tasksVersion, request, &queued)
	return queued.Properties.RunID
}

// do queues a run and waits for its end.
func (r tasksOf) do(request map[string]any) ended {
	r.t.Helper()
	return r.await(r.schedule(request))
}

// over are the states in which a run ends.
var over = []string{"Succeeded", "Failed", "Canceled", "Error", "Timeout"}

// await waits until a run is in one of the states; any of those in which it ends, if none is given.
func (r tasksOf) await(id string, states ...string) ended {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if len(states) == 0 {
		states = over
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		status := r.status(id)
		if slices.Contains(states, status) {
			return ended{id, status, r.log(id)}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			r.t.Fatalf("run %s is %s after %s:\n%s", id, status, patience, r.log(id))
		}
	}
}

// awaitLog waits until the log of a run says something.
func (r tasksOf) awaitLog(id, text string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !strings.Contains(r.log(id), text) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			r.t.Fatalf("run %s does not say %q within %s:\n%s", id, text, patience, r.log(id))
		}
	}
}

func (r tasksOf) status(id string) string {
	r.t.Helper()
	var found struct{ Properties struct{ Status string } }
	r.arm(http.MethodGet, "/runs/"+id+tasksVersion, nil, &found)
	return found.Properties.Status
}

func (r tasksOf) log(id string) string {
	r.t.Helper()
	var at struct{ LogLink string }
	r.arm(http.MethodPost, "/runs/"+id+"/listLogSasUrl"+tasksVersion, nil, &at)
	answer, err := r.client().Get(at.LogLink)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// mustEnd fails the test unless a run ended so, and its log has all the texts.
func (r tasksOf) mustEnd(got ended, status string, texts ...string) {
	r.t.Helper()
	if got.status != status {
		r.t.Fatalf("run %s: %s, not %s:\n%s", got.id, got.status, status, got.log)
	}
	for _, text := range texts {
		if !strings.Contains(got.log, text) {
			r.t.Errorf("run %s does not say %q:\n%s", got.id, text, got.log)
		}
	}
}

// quickTask is the request of a run of a task file, as az acr run sends it.
func quickTask(text string, more ...map[string]any) map[string]any {
	request := map[string]any{
		"type": "EncodedTaskRunRequest", "encodedTaskContent": base64.StdEncoding.EncodeToString([]byte(text)),
		"platform": map[string]any{"os": "linux"}, "credentials": map[string]any{},
	}
	for _, m := range more {
		for name, value := range m {
			request[name] = value
		}
	}
	return request
}

// quickBuild is the request of az acr build.
func quickBuild(source string, images ...string) map[string]any {
	return map[string]any{
		"type": "DockerBuildRequest", "sourceLocation": source, "dockerFilePath": "Dockerfile", "imageNames": images,
		"isPushEnabled": len(images) > 0, "platform": map[string]any{"os": "linux"}, "credentials": map[string]any{},
	}
}

// task makes a task of a task file, as az acr task create with -c /dev/null does, and returns its resource ID.
func (r tasksOf) task(name, text string, more map[string]any) string {
	r.t.Helper()
	properties := map[string]any{
		"status": "Enabled", "platform": map[string]any{"os": "linux", "architecture": "amd64"},
		"step": map[string]any{"type": "EncodedTask", "encodedTaskContent": base64.StdEncoding.EncodeToString([]byte(text))},
	}
	body := map[string]any{"location": "westeurope", "properties": properties}
	for name, value := range more {
		if name == "identity" {
			body[name] = value
		} else {
			properties[name] = value
		}
	}
	r.arm(http.MethodPut, "/tasks/"+name+tasksVersion, body, nil)
	return r.registry + "/tasks/" + name
}

// runTask is the request of az acr task run.
func runTask(id string) map[string]any {
	return map[string]any{"type": "TaskRunRequest", "taskId": id}
}

// credentials are those of az acr task credential add --use-identity, without a login of the task's own.
func credentials(identity string, registries ...string) map[string]any {
	custom := map[string]any{}
	for _, registry := range registries {
		custom[registry+".azurecr.io"] = map[string]any{"identity": identity}
	}
	return map[string]any{"sourceRegistry": map[string]any{"loginMode": "None"}, "customRegistries": custom}
}

// grant gives a principal, which may be a resource with an identity, a role on a registry.
func (r tasksOf) grant(principal, role, registry string) {
	r.t.Helper()
	roles := map[string]string{
		"AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d", "AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec",
		"Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
	}
	place, err := r.e.Place(r.t.Context(), principal, "")
	if err != nil {
		r.t.Fatal(err)
	}
	assignment := fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/acac10ca-6100-4000-8000-%012x", registry, len(principal)*1000+len(registry)*10+len(role))
	r.arm(http.MethodPut, assignment+"?api-version=2022-04-01", map[string]any{"properties": map[string]any{
		"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + roles[role],
		"principalId":      place.Principal, "principalType": "ServicePrincipal",
	}}, nil)
}

// mustRefuse fails the test unless that is why the gate refused somebody last.
func (r tasksOf) mustRefuse(reason gate.Reason) {
	r.t.Helper()
	denied := r.e.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Deny })
	if len(denied) == 0 || denied[0].Reason != reason {
		r.t.Errorf("refused for %+v, not for %s", denied, reason)
	}
}

func wasAllowed(d emulator.DecisionEntry) bool { return d.Verdict == gate.Allow }
