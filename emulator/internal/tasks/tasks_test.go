package tasks_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/emulatortest"
)

const (
	group     = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal"
	registry  = group + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	owner     = "acac10ca-3000-4000-8000-000000000001"
	loginHost = "myregistry.azurecr.io"
)

// world is an emulator with a person who owns the subscription, and calls Resource Manager as az does.
type world struct {
	*emulatortest.Emulator
	t testing.TB
}

func newWorld(t testing.TB, seed string) *world {
	return &world{emulatortest.Start(t, seed), t}
}

type object = map[string]any

func (w *world) arm(method, path string, body any) object {
	w.t.Helper()
	var answer object
	if err := w.ARM(w.t.Context(), method, path, body, &answer); err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// upload puts files where az puts the source of a run.
func (w *world) upload(files map[string]string) string {
	w.t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zip)
	for name, text := range files {
		_ = archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
		_, _ = io.WriteString(archive, text)
	}
	_, _ = archive.Close(), zip.Close()
	given := w.arm(http.MethodPost, registry+"/listBuildSourceUploadUrl", object{})
	request, _ := http.NewRequestWithContext(w.t.Context(), http.MethodPut, given["uploadUrl"].(string), &packed)
	request.Header.Set("x-ms-blob-type", "BlockBlob")
	response, err := w.At("203.0.113.7").RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusCreated {
		w.t.Fatalf("upload: %v, %v", response, err)
	}
	_ = response.Body.Close()
	return given["relativePath"].(string)
}

// run schedules a run and waits for its end. It returns the run's properties and its log.
func (w *world) run(request object) (about object, log string) {
	w.t.Helper()
	run := w.arm(http.MethodPost, registry+"/scheduleRun", request)
	return w.wait(run["properties"].(object)["runId"].(string))
}

func (w *world) wait(id string) (about object, log string) {
	w.t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; {
		about = w.arm(http.MethodGet, registry+"/runs/"+id, nil)["properties"].(object)
		switch about["status"] {
		case "Queued", "Started", "Running":
		default:
			return about, w.log(id)
		}
	}
	w.t.Fatalf("run %s does not end: %v", id, about)
	return nil, ""
}

func (w *world) log(id string) string {
	w.t.Helper()
	link := w.arm(http.MethodPost, registry+"/runs/"+id+"/listLogSasUrl", object{})["logLink"].(string)
	request, _ := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link, nil)
	response, err := w.At("203.0.113.7").RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("log of %s: %s, %v", id, response.Status, err)
	}
	return string(body)
}

func TestBuild(t *testing.T) {
	w := newWorld(t, "")
	w.arm(http.MethodPatch, registry, object{"properties": object{"networkRuleSet": object{"defaultAction": "Allow"}}})
	source := w.upload(map[string]string{"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n"})
	about, log := w.run(object{
		"type": "DockerBuildRequest", "imageNames": []string{"built:{{.Run.ID}}"}, "dockerFilePath": "Dockerfile", "isPushEnabled": true,
		"platform": object{"os": "linux"}, "sourceLocation": source,
	})
	text, _ := json.Marshal(about)
	fmt.Println(string(text))
	fmt.Println(strings.ReplaceAll(log, "\r", ""))
	if about["status"] != "Succeeded" {
		t.Error(about)
	}
}

// grant gives a principal a role on the registry.
func (w *world) grant(principal, role string) {
	w.t.Helper()
	w.arm(http.MethodPut, registry+"/providers/Microsoft.Authorization/roleAssignments/acac10ca-9000-4000-8000-000000000001", object{"properties": object{
		"principalId": principal, "principalType": "ServicePrincipal",
		"roleDefinitionId": "/subscriptions/acac10ca-2000-4000-8000-000000000001/providers/Microsoft.Authorization/roleDefinitions/" + role,
	}})
}

const acrPush = "8311e382-0749-4cb8-b61a-304f252e45ec"

// TestTheArticle is its worked example: a task with a system-assigned identity passes the network rules of its registry, until
// trusted services are switched off.
func TestTheArticle(t *testing.T) {
	w := newWorld(t, "")
	source := w.upload(map[string]string{"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n", "acb.yaml": `version: v1.1.0
steps:
  - build: -t $Registry/built:$ID .
  - push: [$Registry/built:$ID]
`})
	task := w.arm(http.MethodPut, registry+"/tasks/test-task", object{
		"location": "westeurope", "identity": object{"type": "SystemAssigned"},
		"properties": object{
			"platform":    object{"os": "linux"},
			"credentials": object{
				"sourceRegistry": object{"loginMode": "None"},
				"customRegistries": object{loginHost: object{"identity": "[system]"}},
			},
			"step":        object{"type": "FileTask", "taskFilePath": "acb.yaml", "contextPath": source},
		},
	})
	w.grant(task["identity"].(object)["principalId"].(string), acrPush)
	w.arm(http.MethodPatch, registry, object{"properties": object{"publicNetworkAccess": "Disabled"}})
	request := object{"type": "TaskRunRequest", "taskId": registry + "/tasks/test-task"}
	about, log := w.run(request)
	if about["status"] != "Succeeded" || !strings.Contains(log, "\r\nRun ID: ca1 was successful after 0s\r\n") {
		t.Fatalf("%v\n%s", about, log)
	}
	w.arm(http.MethodPatch, registry, object{"properties": object{"networkRuleBypassOptions": "None"}})
	about, log = w.run(request)
	if about["status"] != "Failed" || !strings.Contains(log, "\r\nfailed to unmarshal task before running: failed to resolve secrets: failed to get ACR refresh token, exchange API response code: 403 Forbidden\r\n") {
		t.Fatalf("%v\n%s", about, log)
	}
}
