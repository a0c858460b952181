package arm_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// TestTasksNotCarriedOut: without a runtime tasks are documents, and what would run one says that nothing runs.
func TestTasksNotCarriedOut(t *testing.T) {
	handler := arm.New(arm.Options{Backend: fixture(t), Now: func() time.Time { return now }})
	const task = `{"location": "westeurope", "properties": {"step": {"type": "EncodedTask", "encodedTaskContent": "dmVyc2lvbjogdjEuMS4w"}}}`
	for _, one := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", "{acr}/first/tasks/nightly", task, 200},
		{"GET", "{acr}/first/runs", "", 200},
		{"GET", "{acr}/first/runs/ca1", "", 404},
		{"POST", "{acr}/first/scheduleRun", `{"type": "TaskRunRequest", "taskId": "{acr}/first/tasks/nightly"}`, 501},
		{"POST", "{acr}/first/listBuildSourceUploadUrl", "", 501},
		{"PUT", "{acr}/first/taskRuns/release", `{"properties": {"runRequest": {"type": "TaskRunRequest", "taskId": "{acr}/first/tasks/nightly"}}}`, 501},
	} {
		if got := send(handler, newRequest("owner", one.method, expand(one.path), expand(one.body))); got.Code != one.status {
			t.Errorf("%s %s: %d %s", one.method, one.path, got.Code, got.Body)
		}
	}
}

// TestTaskRun: a task run is a request that is kept. Its run comes after it, and again when it asks for something else.
func TestTaskRun(t *testing.T) {
	options, runs := withRuntime(arm.Options{Backend: fixture(t), Now: func() time.Time { return now }})
	handler := arm.New(options)
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		return send(handler, newRequest("owner", method, expand(path), expand(body)))
	}
	type state struct {
		Run        any `json:"run"`
		Properties struct {
			ProvisioningState string
			RunResult         *struct {
				Properties struct{ RunID, Status string }
			}
			RunRequest struct {
				Values []struct{ Name, Value string }
			}
		}
	}
	read := func(w *httptest.ResponseRecorder) (shown state) {
		t.Helper()
		if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil || w.Code >= 300 {
			t.Fatalf("%d %s %v", w.Code, w.Body, err)
		}
		return shown
	}
	const release = "{acr}/first/taskRuns/release"
	const request = `{"properties": {"forceUpdateTag": "one", "run": "x", "runRequest": {"type": "EncodedTaskRunRequest", "encodedTaskContent": "dg==",
		"platform": {"os": "linux"}, "values": [{"name": "a", "value": "open"}, {"name": "b", "value": "closed", "isSecret": true}]}}, "run": "chosen"}`
	w := ask("PUT", release, request)
	if shown := read(w); w.Code != 201 || w.Header().Get("Retry-After") == "" || shown.Properties.ProvisioningState != "Creating" || shown.Run != nil {
		t.Errorf("a task run whose run is to come: %d %s", w.Code, w.Body)
	}
	carryOut := func(wantRuns int) {
		t.Helper()
		if err := runs.carryOut(); err != nil || runs.runs != wantRuns {
			t.Fatalf("%d runs, want %d: %v", runs.runs, wantRuns, err)
		}
	}
	carryOut(1)
	for _, one := range []struct{ status, want string }{{"", "Creating"}, {azure.RunTimeout, "Failed"}} {
		if one.status != "" {
			if err := runs.end(azure.MustParseResourceID(expand("{acr}/first/runs/ca1")), one.status); err != nil {
				t.Fatal(err)
			}
		}
		shown := read(ask("GET", release, ""))
		if shown.Properties.ProvisioningState != one.want || shown.Properties.RunResult == nil || shown.Properties.RunResult.Properties.RunID != "ca1" {
			t.Errorf("a task run with a run that is %q: %+v", one.status, shown)
		}
		if values := shown.Properties.RunRequest.Values; values[0].Value != "open" || values[1].Value != "" {
			t.Errorf("a secret is shown: %+v", values)
		}
	}
	if shown := read(ask("POST", release+"/listDetails", "")); shown.Properties.RunRequest.Values[1].Value != "closed" || shown.Properties.RunResult == nil || shown.Run != nil {
		t.Errorf("details: %+v", shown)
	}
	read(ask("PUT", release, request))
	carryOut(1) // the same again is no new run
	read(ask("PATCH", release, `{"properties": {"forceUpdateTag": "two"}}`))
	carryOut(2)
	read(ask("PATCH", release, `{"properties": {"runRequest": {"timeout": 600}}}`))
	carryOut(3)
	if shown := read(ask("GET", release, "")); shown.Properties.RunResult.Properties.RunID != "ca3" {
		t.Errorf("the run is %+v", shown)
	}
	if got := ask("DELETE", release, ""); got.Code != 200 {
		t.Errorf("DELETE: %d", got.Code)
	}
	if got := ask("GET", "{acr}/first/runs/ca3", ""); got.Code != 200 {
		t.Errorf("the run went with the task run: %d", got.Code)
	}
}

// TestDeletedPool: az asks for a pool that it removed, and takes nothing but an answer for an end (az acr agentpool delete).
func TestDeletedPool(t *testing.T) {
	handler := newServer(fixture(t))
	for _, one := range []struct {
		method, command, body string
		status                int
	}{
		{"PUT", "acr agentpool create", `{"location": "westeurope"}`, 201},
		{"DELETE", "acr agentpool delete", "", 200},
		{"GET", "acr agentpool show", "", 404},
		{"GET", "acr agentpool delete", "", 200},
		{"PATCH", "acr agentpool delete", `{"properties": {"count": 2}}`, 404},
		{"DELETE", "acr agentpool delete", "", 204},
	} {
		r := newRequest("owner", one.method, expand("{acr}/first/agentPools/pool1"), one.body)
		r.Header.Set("CommandName", one.command)
		if got := send(handler, r); got.Code != one.status {
			t.Errorf("%s by %s: %d %s", one.method, one.command, got.Code, got.Body)
		}
	}
}
