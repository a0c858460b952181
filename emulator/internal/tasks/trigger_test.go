package tasks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const echoTask = "version: v1.1.0\nsteps:\n- cmd: image echo {{.Run.TaskName}} {{.Values.who}}\n"

// taskDocument is a task that says its name, with triggers.
func taskDocument(name string, triggers map[string]any) azure.Document {
	id := azure.MustParseResourceID(testRegistry + "/tasks/" + name)
	return azure.Document{ID: id, Body: map[string]any{"id": id.String(), "name": name, "properties": map[string]any{
		"status": "Enabled", "trigger": triggers, "credentials": map[string]any{"sourceRegistry": map[string]any{"loginMode": "None"}},
		"step": map[string]any{"type": "EncodedTask", "encodedTaskContent": base64.StdEncoding.EncodeToString([]byte(echoTask))},
	}}}
}

// awaitRuns waits until so many runs have ended, and returns them.
func (b *bench) awaitRuns(n int) []*azure.Document {
	b.t.Helper()
	id, _ := b.here.Child("runs", fmt.Sprintf("ca%d", n))
	b.await(id, ended)
	return runsOf(b.cloud.State(), b.here)
}

// must fails the test unless there are so many runs, once all that the service was told of is dealt with.
func (b *bench) must(n int) {
	b.t.Helper()
	b.look(b.t.Context())
	if runs := runsOf(b.cloud.State(), b.here); len(runs) != n {
		b.t.Errorf("%d runs, want %d", len(runs), n)
	}
}

// TestTimer starts a task when its timer is due, once, and none that is switched off. It is 03:04:05.
func TestTimer(t *testing.T) {
	timer := func(schedule, status string) map[string]any {
		return map[string]any{"timerTriggers": []any{map[string]any{"name": "t1", "schedule": schedule, "status": status}}}
	}
	off := taskDocument("stopped", timer("5 3 * * *", "Enabled"))
	properties(&off)["status"] = "Disabled"
	b := newBench(t, taskDocument("daily", timer("5 3 * * *", "Enabled")), taskDocument("later", timer("5 4 * * *", "")), taskDocument("resting", timer("5 3 * * *", "Disabled")), off)
	b.work()
	runs := b.awaitRuns(1)
	about := properties(runs[0])
	rang, _ := about["timerTrigger"].(map[string]any)
	if about["task"] != "daily" || about["runType"] != "AutoRun" || rang["timerTriggerName"] != "t1" || rang["scheduleOccurrence"] != "2026-01-02T03:05:00.0000000+00:00" {
		t.Errorf("%v", about)
	}
	b.must(1)
}

// TestTimerMade rings for a task that is made while the service works.
func TestTimerMade(t *testing.T) {
	b := newBench(t)
	b.work()
	made := taskDocument("new-one", map[string]any{"timerTriggers": []any{map[string]any{"name": "t1", "schedule": "5 3 * * *"}}})
	if err := b.cloud.Update(t.Context(), func(*azure.State) (azure.Change, error) {
		return azure.Change{Put: []azure.Document{made}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if about := properties(b.awaitRuns(1)[0]); about["task"] != "new-one" {
		t.Errorf("%v", about)
	}
}

// TestBaseImage starts the tasks whose last run was built from a tag that is pushed anew.
func TestBaseImage(t *testing.T) {
	base := func(kind string) map[string]any {
		return map[string]any{"baseImageTrigger": map[string]any{"name": "base", "baseImageTriggerType": kind, "status": "Enabled", "updateTriggerEndpoint": "https://example.org/hook"}}
	}
	run := func(n int, task, kind, digest string) azure.Document {
		id := azure.MustParseResourceID(fmt.Sprintf("%s/runs/ca%d", testRegistry, n))
		return azure.Document{ID: id, Body: map[string]any{
			"id": id.String(), "name": id.Name(), "properties": map[string]any{
				"status": statusSucceeded, "task": task,
				"outputImages": []any{map[string]any{"registry": "here.azurecr.io", "repository": "app", "tag": "v1", "digest": "sha256:app"}},
			},
			"dependencies": []any{map[string]any{"type": kind, "registry": "here.azurecr.io", "repository": "base", "tag": "v1", "digest": digest}},
		}}
	}
	own := run(4, "itself", runtimeDependency, "sha256:old")
	properties(&own)["outputImages"] = []any{map[string]any{"registry": "here.azurecr.io", "repository": "base", "tag": "v1", "digest": "sha256:old"}}
	b := newBench(t,
		taskDocument("runtime", base("Runtime")), run(1, "runtime", runtimeDependency, "sha256:old"),
		taskDocument("builder", base("Runtime")), run(2, "builder", buildtimeDependency, "sha256:old"),
		taskDocument("uptodate", base("All")), run(3, "uptodate", runtimeDependency, "sha256:new"),
		taskDocument("itself", base("All")), own,
		taskDocument("neverran", base("All")),
	)
	push := agent.Event{Registry: "here", Action: "push", Repository: "base", Tag: "v1", Digest: "sha256:new"}
	for _, other := range []func(*agent.Event){
		func(e *agent.Event) { e.Action = "pull" }, func(e *agent.Event) { e.Tag = "" }, func(e *agent.Event) { e.Registry = "there" },
		func(e *agent.Event) { e.Repository = "bases" }, func(e *agent.Event) { e.Tag = "v2" },
	} {
		e := push
		other(&e)
		b.Happened(e)
		b.must(4)
	}
	b.work()
	b.Happened(push)
	runs := b.awaitRuns(5)
	last := properties(runs[len(runs)-1])
	update, _ := last["imageUpdateTrigger"].(map[string]any)
	images, _ := update["images"].([]any)
	if last["task"] != "runtime" || len(images) != 1 || images[0].(map[string]any)["digest"] != "sha256:new" {
		t.Errorf("%v", last)
	}
	b.awaitText(runs[len(runs)-1].ID, "The update trigger endpoint of the task is outside this emulator")
	b.must(5)
}

// TestWebhook starts the task that waits for a commit, at that commit, if the webhook is signed with its token or not at all.
func TestWebhook(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	task := taskDocument("source", map[string]any{"sourceTriggers": []any{map[string]any{
		"name": "s", "sourceTriggerEvents": []any{"commit"}, "status": "Enabled",
		"sourceRepository": map[string]any{
			"sourceControlType": "Github", "repositoryUrl": "https://github.com/ada/app.git#main", "branch": "main",
			"sourceControlAuthProperties": map[string]any{"tokenType": "PAT", "token": "the-token"},
		},
	}}})
	properties(&task)["step"].(map[string]any)["contextPath"] = "https://github.com/ada/app.git#main:sub"
	b := newBench(t, task)
	b.work()
	body := func(branch string) []byte {
		return []byte(`{"ref": "refs/heads/` + branch + `", "after": "` + commit + `", "repository": {"clone_url": "https://github.com/ada/app.git"}}`)
	}
	sign := func(token string, body []byte) string {
		mac := hmac.New(sha256.New, []byte(token))
		mac.Write(body)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	for name, c := range map[string]struct {
		body      []byte
		signature string
		want      int
	}{
		"unsigned":       {body("main"), "", 1},
		"signed":         {body("main"), sign("the-token", body("main")), 1},
		"signed falsely": {body("main"), sign("another", body("main")), 0},
		"another branch": {body("other"), "", 0},
	} {
		h := http.Header{"X-Github-Event": {"push"}}
		if c.signature != "" {
			h.Set("X-Hub-Signature-256", c.signature)
		}
		if got, err := b.Webhook(t.Context(), h, c.body); err != nil || got != c.want {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	if _, err := b.Webhook(t.Context(), http.Header{}, []byte("{")); err == nil {
		t.Error("what is no webhook is taken for one")
	}
	runs := b.awaitRuns(2)
	override, _ := runs[0].Body["request"].(map[string]any)["overrideTaskStepProperties"].(map[string]any)
	event, _ := properties(runs[0])["sourceTrigger"].(map[string]any)
	if override["contextPath"] != "https://github.com/ada/app.git#"+commit+":sub" || event["commitId"] != commit || event["branchName"] != "main" {
		t.Errorf("%v", runs[0].Body)
	}
}

// TestTaskRun schedules the run that a task run asks for, once for each time that its client takes it away.
func TestTaskRun(t *testing.T) {
	id := azure.MustParseResourceID(testRegistry + "/taskRuns/mine")
	asked := azure.Document{ID: id, Body: map[string]any{"id": id.String(), "name": "mine", "properties": map[string]any{
		"runRequest": map[string]any{"type": "TaskRunRequest", "taskId": testRegistry + "/tasks/named", "overrideTaskStepProperties": map[string]any{
			"values": []any{map[string]any{"name": "who", "value": "me"}},
		}},
	}}}
	b := newBench(t, asked, taskDocument("named", nil))
	b.work()
	first := b.awaitRuns(1)[0]
	b.awaitText(first.ID, "named me")
	if d, _ := b.cloud.State().Get(id.Key()); d.Body["run"] != first.ID.String() {
		t.Errorf("%v", d.Body)
	}
	b.must(1)
	if err := b.cloud.Update(t.Context(), func(*azure.State) (azure.Change, error) {
		return azure.Change{Put: []azure.Document{asked.Clone()}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	b.awaitRuns(2)
	b.must(2)
}

// TestTaskRunMalformed: what is wrong with a task run is told by the end of its run.
func TestTaskRunMalformed(t *testing.T) {
	id := azure.MustParseResourceID(testRegistry + "/taskRuns/mine")
	b := newBench(t, azure.Document{ID: id, Body: map[string]any{"id": id.String(), "name": "mine", "properties": map[string]any{
		"runRequest": map[string]any{"type": "TaskRunRequest", "taskId": testRegistry + "/tasks/gone"},
	}}})
	b.work()
	if about := properties(b.awaitRuns(1)[0]); about["status"] != statusError || about["runErrorMessage"] != "there is no task gone any more" {
		t.Errorf("%v", about)
	}
}
