package instances

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload/workloadtest"
)

// groupOf is a group whose properties are given; whose name is worker.
func groupOf(properties string) string {
	return `{"id": "` + groupID + `", "location": "westeurope", "properties": {` + properties + `}}`
}

// oneContainer is a group of one container, with more properties.
func oneContainer(more string) string {
	return groupOf(`"containers": [{"name": "c", "properties": {"image": "` + image + `"}}]` + more)
}

// events are the names of the events of a container that is shown, with how often each was.
func events(shown map[string]any, list string, at int) string {
	var text []string
	for _, e := range view(shown, list, at)["events"].([]any) {
		e := e.(map[string]any)
		text = append(text, fmt.Sprintf("%s×%v", e["name"], e["count"]))
	}
	return strings.Join(text, " ")
}

func view(shown map[string]any, list string, at int) map[string]any {
	return shown[list].([]any)[at].(map[string]any)["properties"].(map[string]any)["instanceView"].(map[string]any)
}

func current(shown map[string]any) map[string]any {
	return view(shown, "containers", 0)["currentState"].(map[string]any)
}

func groupState(shown map[string]any) any { return shown["instanceView"].(map[string]any)["state"] }

func TestRuns(t *testing.T) {
	w := newWorld(t)
	w.set(oneContainer(""))
	s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
	if err := w.settle(s); err != nil {
		t.Fatal(err)
	}
	shown := w.shown(s)
	if got, want := events(shown, "containers", 0), "Pulling×1 Pulled×1 Created×1 Started×1"; got != want {
		t.Errorf("events %s; want %s", got, want)
	}
	if shown["provisioningState"] != "Succeeded" || groupState(shown) != "Running" || current(shown)["state"] != "Running" {
		t.Errorf("%v", shown)
	}
}

// TestRefused is the reason why the service is here: what a registry says to the group is in its events, its operation fails
// in the words of Azure, and it goes on trying (acr-tasks §5).
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.Refuse(workloadtest.Denied)
	w.set(oneContainer(""))
	s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
	err := w.settle(s)
	refused, ok := errors.AsType[*azure.Error](err)
	if !ok || refused.Code != "InaccessibleImage" ||
		refused.Message != "The image 'myregistry.azurecr.io/hello:v1' in container group 'worker' is not accessible. Please check the image and registry credential." {
		t.Fatalf("%#v", err)
	}
	shown := w.until(s, "backing off", func(shown map[string]any) bool { return strings.Contains(events(shown, "containers", 0), "BackOff") })
	if shown["provisioningState"] != "Failed" || groupState(shown) != "Failed" || current(shown)["state"] != "Waiting" {
		t.Errorf("%v", shown)
	}
	said := view(shown, "containers", 0)["events"].([]any)[1].(map[string]any)
	want := `Failed to pull image "myregistry.azurecr.io/hello:v1": rpc error: code = Unknown desc = Error response from daemon: ` +
		`Head "https://myregistry.azurecr.io/v2/hello/manifests/v1": denied: client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`
	if said["message"] != want || said["name"] != "Failed" || said["type"] != "Warning" {
		t.Errorf("%v\nwant %s", said, want)
	}
	w.wake()
	w.until(s, "refused again", func(shown map[string]any) bool { return strings.Contains(events(shown, "containers", 0), "Failed×2") })
	w.Refuse("")
	w.wake()
	w.until(s, "running", func(shown map[string]any) bool {
		return groupState(shown) == "Running" && shown["provisioningState"] == "Succeeded"
	})
	if diff := cmp.Diff([]time.Duration{2 * time.Second, 4 * time.Second}, w.waited); diff != "" {
		t.Error(diff)
	}
}

// TestMirrored pulls an image of a registry outside, in whose place a mirror has one of a registry here: with the group's own
// login, where it is refused if the group is.
func TestMirrored(t *testing.T) {
	for _, closed := range []bool{false, true} {
		w := newWorld(t)
		w.mirror = func(ctx context.Context, reference string, platform *v1.Platform, pull agent.Pull) (v1.Image, error) {
			if reference != "quay.io/hello:v1" {
				return nil, errors.New(reference + " is outside")
			}
			return pull(ctx, image, platform)
		}
		w.set(`{"id": "` + groupID + `", "location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": {
			"containers": [{"name": "c", "properties": {"image": "quay.io/hello:v1"}}],
			"imageRegistryCredentials": [{"server": "myregistry.azurecr.io", "identity": "[system]"}]}}`)
		if closed {
			w.Refuse(workloadtest.Denied)
		}
		s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
		if closed {
			w.until(s, "refused", func(shown map[string]any) bool {
				return len(events(shown, "containers", 0)) > 0 && strings.Contains(fmt.Sprint(view(shown, "containers", 0)), "denied: client with IP")
			})
			continue
		}
		if err := w.settle(s); err != nil {
			t.Error(err)
		}
		if len(w.tokens) != 1 || w.tokens[0] != (agent.Identity{Resource: groupID}) {
			t.Errorf("tokens of %+v", w.tokens)
		}
	}
}

// TestTriesAgainWhenWritten is a client that writes a group once more after it mended what was wrong.
func TestTriesAgainWhenWritten(t *testing.T) {
	w := newWorld(t)
	w.Refuse(workloadtest.Denied)
	w.set(oneContainer(""))
	s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
	if err := w.settle(s); err == nil {
		t.Fatal("a closed registry let the group in")
	}
	w.Refuse("")
	if err := w.settle(s); err == nil {
		t.Error("the same document has begun now; it was not written again")
	}
	written := `{"systemData": {"lastModifiedAt": "2027-01-15T09:00:00Z"}, ` + oneContainer("")[1:]
	w.set(written)
	if err := w.settle(s); err != nil {
		t.Error(err)
	}
}

// TestIdentities asks whose token a group pulls with (acr-tasks §4.2), and how patient it is.
func TestIdentities(t *testing.T) {
	const puller = testGroup + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/puller"
	group := func(kind, used, login string) string {
		return `{"id": "` + groupID + `", "location": "westeurope", "identity": {"type": "` + kind + `"` + used + `},
			"properties": {"containers": [{"name": "c", "properties": {"image": "` + image + `"}}],
			"imageRegistryCredentials": [{"server": "MyRegistry.azurecr.io", ` + login + `}]}}`
	}
	used := `, "userAssignedIdentities": {"` + puller + `": {}}`
	for _, c := range []struct {
		name, document string
		want           agent.Identity
		attempts       int
	}{
		{"system-assigned", group("SystemAssigned", "", `"identity": "[system]"`), agent.Identity{Resource: groupID}, systemPatience},
		{"system-assigned, by the group's ID", group("SystemAssigned", "", `"identity": "`+groupID+`"`), agent.Identity{Resource: groupID}, systemPatience},
		{"user-assigned", group("UserAssigned", used, `"identity": "`+puller+`"`), agent.Identity{Resource: puller, Host: groupID}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Refuse(workloadtest.Denied)
			w.set(`{"id": "`+puller+`", "location": "westeurope"}`, c.document)
			s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
			go func() {
				for range systemPatience - 1 {
					timer := <-w.timers
					timer <- time.Time{}
				}
			}()
			if err := w.settle(s); err == nil {
				t.Fatal("a closed registry let the group in")
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.tokens) < c.attempts || w.tokens[0] != c.want {
				t.Errorf("tokens of %+v; want %d of %+v", w.tokens, c.attempts, c.want)
			}
		})
	}
}

// TestPassword logs in with a user and a password, and asks for no token of an identity.
func TestPassword(t *testing.T) {
	w := newWorld(t)
	w.set(oneContainer(`, "imageRegistryCredentials": [{"server": "myregistry.azurecr.io", "username": "ci", "password": "secret"}]`))
	s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
	if err := w.settle(s); err != nil || len(w.tokens) > 0 {
		t.Errorf("%v, tokens of %v", err, w.tokens)
	}
}

func TestWithoutExecutor(t *testing.T) {
	for name, e := range map[string]executor.Executor{"none": nil, "unavailable": &workloadtest.Executor{Refused: &executor.UnavailableError{Why: "user namespaces are off"}}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.set(oneContainer(""))
			s := w.run(e)
			if err := w.settle(s); err != nil {
				t.Fatal(err)
			}
			shown := w.shown(s)
			detail, _ := current(shown)["detailStatus"].(string)
			if current(shown)["state"] != "Waiting" || !strings.HasPrefix(detail, "no container can be run here: ") || groupState(shown) != "Pending" {
				t.Errorf("%v", shown)
			}
			if got, want := events(shown, "containers", 0), "Pulling×1 Pulled×1 Failed×1"; got != want {
				t.Errorf("events %s; want %s", got, want)
			}
		})
	}
}

// TestRestartPolicy counts the starts of a container that ends by itself.
func TestRestartPolicy(t *testing.T) {
	for _, c := range []struct {
		policy string
		code   int
		again  bool
		state  string
	}{
		{"Always", 0, true, "Running"},
		{"Always", 3, true, "Running"},
		{"OnFailure", 0, false, "Succeeded"},
		{"OnFailure", 3, true, "Running"},
		{"Never", 0, false, "Succeeded"},
		{"Never", 3, false, "Failed"},
	} {
		t.Run(fmt.Sprintf("%s %d", c.policy, c.code), func(t *testing.T) {
			w := newWorld(t)
			w.set(oneContainer(`, "restartPolicy": "` + c.policy + `"`))
			s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Exits(c.code)}})
			if err := w.settle(s); err != nil {
				t.Fatal(err)
			}
			if c.again {
				w.wake()
				shown := w.until(s, "restarted twice", func(shown map[string]any) bool { return view(shown, "containers", 0)["restartCount"] == 2.0 })
				previous, _ := view(shown, "containers", 0)["previousState"].(map[string]any)
				if groupState(shown) != c.state || previous["state"] != "Terminated" || previous["exitCode"] != float64(c.code) {
					t.Errorf("%v", shown)
				}
				return
			}
			shown := w.until(s, "over", func(shown map[string]any) bool { return current(shown)["state"] == "Terminated" })
			if groupState(shown) != c.state || current(shown)["exitCode"] != float64(c.code) || view(shown, "containers", 0)["restartCount"] != 0.0 {
				t.Errorf("%v", shown)
			}
		})
	}
}

func TestInitContainers(t *testing.T) {
	group := groupOf(`"restartPolicy": "Never", "initContainers": [{"name": "first", "properties": {"image": "` + image + `"}}],
		"containers": [{"name": "c", "properties": {"image": "` + image + `"}}]`)
	for _, c := range []struct {
		name    string
		code    int
		started int
	}{{"succeeds", 0, 2}, {"fails", 1, 1}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.set(group)
			e := &workloadtest.Executor{Programs: map[string]workloadtest.Program{"first": workloadtest.Exits(c.code), "c": workloadtest.Forever}}
			s := w.run(e)
			if err := w.settle(s); (err == nil) != (c.code == 0) {
				t.Errorf("%v", err)
			}
			if len(e.Started()) != c.started || e.Started()[0].Name != "first" {
				t.Errorf("started %+v", e.Started())
			}
		})
	}
}

// TestContainer holds what a container is started with against its document.
func TestContainer(t *testing.T) {
	w := newWorld(t)
	w.Push(t, "myregistry.azurecr.io/tool:v1", v1.Config{Entrypoint: []string{"tool"}, Cmd: []string{"--help"}})
	w.set(groupOf(`"volumes": [{"name": "keys", "secret": {"token": "c2VzYW1l"}}, {"name": "scratch", "emptyDir": {}}], "containers": [
		{"name": "c", "properties": {"image": "myregistry.azurecr.io/tool:v1", "command": ["serve", "--all"],
		 "environmentVariables": [{"name": "A", "value": "1"}, {"name": "B", "secureValue": "2"}],
		 "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}, "limits": {"cpu": 2}},
		 "volumeMounts": [{"name": "keys", "mountPath": "/keys"}, {"name": "scratch", "mountPath": "/tmp"}]}},
		{"name": "d", "properties": {"image": "myregistry.azurecr.io/tool:v1", "volumeMounts": [{"name": "scratch", "mountPath": "/s", "readOnly": true}]}}]`))
	seen := make(chan string, 1)
	e := &workloadtest.Executor{Programs: map[string]workloadtest.Program{"d": workloadtest.Forever, "c": func(ctx context.Context, s executor.Spec) int {
		data, err := os.ReadFile(filepath.Join(s.Mounts[0].From, "token"))
		seen <- fmt.Sprintf("%s %v", data, err)
		return workloadtest.Forever(ctx, s)
	}}}
	s := w.run(e)
	if err := w.settle(s); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != "sesame <nil>" {
		t.Errorf("the secret is %s", got)
	}
	specs := map[string]executor.Spec{}
	for _, one := range e.Started() {
		specs[one.Name] = one
	}
	c, d := specs["c"], specs["d"]
	if diff := cmp.Diff([]string{"serve", "--all"}, c.Args); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"tool", "--help"}, d.Args); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"A=1", "B=2"}, c.Env); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(executor.Limits{Memory: 3 << 29, CPUs: 2}, c.Limits); diff != "" {
		t.Error(diff)
	}
	if !c.Mounts[0].ReadOnly || c.Mounts[1].ReadOnly || !d.Mounts[0].ReadOnly || c.Mounts[1].From != d.Mounts[0].From {
		t.Errorf("mounts %+v and %+v", c.Mounts, d.Mounts)
	}
}

func TestStopStartRestartDelete(t *testing.T) {
	w := newWorld(t)
	w.set(oneContainer(""))
	s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": workloadtest.Forever}})
	if err := w.settle(s); err != nil {
		t.Fatal(err)
	}
	id, _ := azure.ParseResourceID(groupID)
	if err := s.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	shown := w.shown(s)
	if groupState(shown) != "Stopped" || current(shown)["state"] != "Terminated" || !strings.HasSuffix(events(shown, "containers", 0), "Killing×1") {
		t.Errorf("after stop: %v", shown)
	}
	begun := make(chan error, 1)
	s.Start(id, func(err error) { begun <- err })
	if err := <-begun; err != nil || groupState(w.shown(s)) != "Running" {
		t.Errorf("after start: %v, %v", err, w.shown(s))
	}
	if err := s.Restart(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.until(s, "running again", func(shown map[string]any) bool {
		return strings.HasSuffix(events(shown, "containers", 0), "Started×3 Killing×2")
	})
	g, _ := s.group(id)
	w.set()
	s.Changed([]string{id.Key()})
	select {
	case <-g.done:
	case <-time.After(patience):
		t.Error("a group that was removed goes on")
	}
	if left, _ := filepath.Glob(filepath.Join(s.options.Dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLogsAndExec(t *testing.T) {
	w := newWorld(t)
	w.set(oneContainer(""))
	printed := make(chan bool)
	s := w.run(&workloadtest.Executor{Programs: map[string]workloadtest.Program{"c": func(ctx context.Context, s executor.Spec) int {
		_, _ = fmt.Fprint(s.Stdout, "one\ntwo\nthr")
		_, _ = fmt.Fprint(s.Stderr, "ee\n")
		close(printed)
		return workloadtest.Forever(ctx, s)
	}}})
	if err := w.settle(s); err != nil {
		t.Fatal(err)
	}
	<-printed
	id, _ := azure.ParseResourceID(groupID)
	for _, c := range []struct {
		tail  int
		times bool
		want  string
	}{
		{0, false, "one\ntwo\nthree\n"},
		{2, false, "two\nthree\n"},
		{1, true, "2027-01-15T08:00:00Z three\n"},
	} {
		if got, err := s.Logs(id, "c", c.tail, c.times); err != nil || got != c.want {
			t.Errorf("%q, %v; want %q", got, err, c.want)
		}
	}
	if _, err := s.Logs(id, "other", 0, false); err == nil {
		t.Error("logs of a container that is not there")
	}
	var said strings.Builder
	typed := strings.NewReader("hello")
	if err := s.Exec(t.Context(), id, "c", []string{"/bin/shout"}, readWriter{typed, &said}); err != nil || said.String() != "HELLO" {
		t.Errorf("%q, %v", said.String(), err)
	}
	if err := s.Exec(t.Context(), id, "c", []string{"/bin/nothing"}, readWriter{typed, &said}); err == nil {
		t.Error("a program that is not there was run")
	}
	if err := s.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), id, "c", []string{"/bin/shout"}, readWriter{typed, &said}); err == nil {
		t.Error("a program was run in a container that is stopped")
	}
}

// TestPlaces are groups without containers: nothing runs, and nothing is kept of them.
func TestPlaces(t *testing.T) {
	w := newWorld(t)
	w.set(groupOf(""))
	s := w.run(&workloadtest.Executor{})
	if err := w.settle(s); err != nil {
		t.Error(err)
	}
	if got := groupState(w.shown(s)); got != "Stopped" || len(s.groups) > 0 {
		t.Errorf("%v, %d groups", got, len(s.groups))
	}
}
