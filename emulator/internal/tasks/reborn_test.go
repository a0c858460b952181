package tasks

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// made is a task that was made at a time, and logs in by its identity.
func made(name, at string) azure.Document {
	d := taskDocument(name, nil)
	d.Body["systemData"] = map[string]any{"createdAt": at}
	d.Body["identity"] = map[string]any{"type": "SystemAssigned", "principalId": "acac10ca-3000-4000-8000-00000000000a"}
	properties(&d)["credentials"] = map[string]any{
		"sourceRegistry":   map[string]any{"loginMode": "None"},
		"customRegistries": map[string]any{"here.azurecr.io": map[string]any{"identity": "[system]"}},
	}
	return d
}

// TestRebornTask: a run that waits while its task is removed, and somebody makes another one of the same name, has nothing of the
// identity of that one, nor does it work at its place. (It once logged in as the new one.)
func TestRebornTask(t *testing.T) {
	b := newBench(t, made("mine", "2026-01-01T00:00:00Z"))
	request := map[string]any{"type": "TaskRunRequest", "taskId": testRegistry + "/tasks/mine"}
	id := b.schedule(request)
	if err := b.cloud.Update(t.Context(), func(*azure.State) (azure.Change, error) {
		return azure.Change{Put: []azure.Document{made("mine", "2026-01-02T00:00:00Z")}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	again := b.schedule(request)
	b.work()
	const refused = "mine was removed since the run was scheduled"
	b.await(id, ended)
	if text := b.text(id); !strings.Contains(text, refused) {
		t.Errorf("the old run: %s", text)
	}
	b.await(again, ended)
	if text := b.text(again); strings.Contains(text, refused) {
		t.Errorf("the new run: %s", text)
	}
	old := &plan{registry: b.here, host: azure.MustParseResourceID(testRegistry + "/tasks/mine"), made: "2026-01-01T00:00:00Z"}
	if _, err := old.place()(b.cloud.State()); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("the place of the old run: %v", err)
	}
}

// TestTaskOfAnother: whatever the request of a run says, its task is one of its registry.
func TestTaskOfAnother(t *testing.T) {
	elsewhere := testGroup + "/providers/Microsoft.ContainerRegistry/registries/there"
	task := made("theirs", "")
	task.ID = azure.MustParseResourceID(elsewhere + "/tasks/theirs")
	b := newBench(t, task)
	_, err := b.Schedule(t.Context(), b.here, map[string]any{"type": "TaskRunRequest", "taskId": task.ID.String()}, "somebody")
	if refused, ok := errors.AsType[*azure.Error](err); !ok || refused.Code != azure.CodeBadRequest {
		t.Errorf("%v", err)
	}
}

// TestPass: the pass of a run is good from its first login to its end, and each run has its own.
func TestPass(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	passes := map[string]bool{}
	b.Login = func(_ context.Context, _ azure.ResourceID, pass string) (agent.Credential, error) {
		mu.Lock()
		defer mu.Unlock()
		passes[pass] = b.Running(pass)
		return agent.Credential{}, errors.New("no login today")
	}
	stop := b.work()
	for range 2 {
		b.await(b.schedule(map[string]any{"type": "EncodedTaskRunRequest", "encodedTaskContent": []byte("steps:\n- cmd: image echo x\n")}), ended)
	}
	stop()
	if len(passes) != 2 {
		t.Errorf("%d passes", len(passes))
	}
	for pass, good := range passes {
		if !good || pass == "" || b.Running(pass) {
			t.Errorf("%q: good %t during the run, %t after it", pass, good, b.Running(pass))
		}
	}
}

// TestMostAtOnce: however many machines registries and their agent pools have, so many runs go on at once. (A pool of a thousand
// machines once ran a thousand.)
func TestMostAtOnce(t *testing.T) {
	b := newBench(t)
	b.Workers, b.Most = 10, 2
	var ids []azure.ResourceID
	for range 5 {
		ids = append(ids, b.schedule(taskOf("version: v1.1.0\nsteps:\n- cmd: image block\n")))
	}
	b.work()
	for left := len(ids); left > 0; left-- {
		var going []azure.ResourceID
		for len(going) < min(2, left) {
			going = nil
			for _, id := range ids {
				if d, _ := b.cloud.State().Get(id.Key()); running(d) {
					going = append(going, id)
				}
			}
			if len(going) > 2 {
				t.Fatalf("%d runs go on", len(going))
			}
		}
		if err := b.Cancel(t.Context(), going[0]); err != nil {
			t.Fatal(err)
		}
		b.await(going[0], ended)
	}
}

// TestRequestsBounded: what waits is bounded by its size too, and what has ended gives way. (A thousand runs of a megabyte each once
// could wait in every registry.)
func TestRequestsBounded(t *testing.T) {
	b := newBench(t)
	large := taskOf("version: v1.1.0\nsteps: []\n# " + strings.Repeat("x", 12<<20))
	var refused *azure.Error
	var ids []azure.ResourceID
	for refused == nil && len(ids) < 10 {
		id, err := b.Schedule(t.Context(), b.here, large, "somebody")
		if err == nil {
			ids = append(ids, id)
		}
		refused, _ = errors.AsType[*azure.Error](err)
	}
	if len(ids) != 3 || refused == nil || refused.Code != azure.CodeConflict {
		t.Fatalf("%d wait: %v", len(ids), refused)
	}
	if err := b.Cancel(t.Context(), ids[1]); err != nil {
		t.Fatal(err)
	}
	b.schedule(large)
	if _, found := b.cloud.State().Get(ids[1].Key()); found {
		t.Error("a run that has ended does not give way")
	}
}
