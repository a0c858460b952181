package tasks_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/acrlocal/acrlocal/emulator"
)

const owner = "acac10ca-3000-4000-8000-000000000001"

// TestBaseImageUpdate builds an image anew when the one that it is based on is pushed anew (acr-tasks §1.5).
func TestBaseImageUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{})
	pushBase := func() {
		t.Helper()
		base, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		w.At(outside).As(owner).MustPush("playground.azurecr.io/base:v1", base)
	}
	pushBase()
	w.arm(http.MethodPut, playground+"/tasks/rebuild", object{"location": "westeurope", "properties": object{
		"platform": object{"os": "linux"},
		"step": object{
			"type": "Docker", "imageNames": []string{"app:{{.Run.ID}}"}, "isPushEnabled": true, "dockerFilePath": "Dockerfile",
			"contextPath": w.upload(map[string]string{"Dockerfile": "FROM playground.azurecr.io/base:v1\nLABEL made=here\n"}),
		},
		"trigger": object{"baseImageTrigger": object{"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}},
	}})
	first := w.do(object{"type": "TaskRunRequest", "taskId": playground + "/tasks/rebuild"})
	w.must(first, "Succeeded", "The following dependencies were found:", "  runtime-dependency:\r\n    registry: playground.azurecr.io\r\n    repository: base\r\n    tag: v1\r\n")
	pushBase()
	w.awaitRun("ca2")
	second := w.await("ca2")
	w.must(second, "Succeeded", "Successfully pushed image: playground.azurecr.io/app:ca2")
	update, _ := second.about["imageUpdateTrigger"].(object)
	if second.about["runType"] != "AutoBuild" || update == nil || len(update["images"].([]any)) != 1 {
		t.Errorf("%v", second.about)
	}
}

// awaitRun waits until a run is there.
func (w *world) awaitRun(id string) {
	w.t.Helper()
	for tries := 0; ; tries++ {
		var answer object
		err := w.ARM(w.t.Context(), http.MethodGet, w.registry+"/runs/"+id, nil, &answer)
		if err == nil {
			return
		}
		if tries > 1000 {
			w.t.Fatalf("there is no run %s: %v", id, err)
		}
	}
}

// TestContainers runs the steps of a task in containers, where this machine can: they find the workspace, each other, the login
// of the run, and the metadata service of their task; their exit codes are the run's end.
func TestContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{Executable: os.Args[0]})
	if s := w.Status().Executor; s.Kind == "none" {
		t.Skip("no container can be run here: " + s.Detail)
	}
	id := w.task("steps", `version: v1.1.0
steps:
- id: write
  cmd: bash -c 'echo from-a-step > /workspace/shared; cat /acb/home/.docker/config.json'
- id: read
  cmd: bash -c 'cat shared'
- id: tags
  cmd: acr tag list -r $Registry --repository hello
- id: token
  cmd: curl -s -H Metadata:true "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
- id: manage
  cmd: bash -c 'curl -s --max-time 2 http://127.0.0.1/ || echo nobody is there'
- id: fails
  cmd: bash -c 'exit 3'
  retries: 1
  retryDelay: 1
`, object{"identity": system})
	got := w.do(object{"type": "TaskRunRequest", "taskId": id})
	w.must(got, "Failed", "\r\nfrom-a-step\r\n", `"auth": "***"`, "v1", `"access_token":"`, "nobody is there", "failed to run step ID: fails: exit status 3")
	if strings.Count(got.log, "Launching container with name: fails") != 2 {
		t.Error("the step was not tried again")
	}

	stopped := w.schedule(object{"type": "EncodedTaskRunRequest", "platform": object{"os": "linux"}, "encodedTaskContent": []byte("version: v1.1.0\nsteps:\n- id: forever\n  cmd: bash -c 'echo begun; sleep 600'\n")})
	w.awaitLog(stopped, "begun")
	w.arm(http.MethodPost, fmt.Sprintf("%s/runs/%s/cancel", playground, stopped), object{})
	w.must(w.await(stopped), "Canceled", "Run ID: "+stopped+" was canceled after")
}

// TestRemoteFiles: sources and what ADD names come from this machine and the emulated world, and from nowhere else; the
// emulator's own listeners are no servers of this machine.
func TestRemoteFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("from a server\n")) }))
	t.Cleanup(server.Close)
	build := func(dockerfile string) ended {
		return w.do(object{
			"type": "DockerBuildRequest", "imageNames": []string{"app:v1"}, "isPushEnabled": false, "dockerFilePath": "Dockerfile",
			"platform": object{"os": "linux"}, "sourceLocation": w.upload(map[string]string{"Dockerfile": dockerfile}),
		})
	}
	w.must(build("FROM scratch\nADD "+server.URL+"/file /\n"), "Succeeded")
	w.must(build("FROM scratch\nADD http://example.org/file /\n"), "Failed", "example.org is outside this emulator")
	for _, own := range []string{w.Status().Service, w.Status().Manage} {
		host := strings.TrimPrefix(own, "http://")
		w.must(build("FROM scratch\nADD "+own+"/api/status /\n"), "Failed", host+" is outside this emulator")
		w.must(w.do(object{
			"type": "DockerBuildRequest", "imageNames": []string{"app:v1"}, "isPushEnabled": false, "dockerFilePath": "Dockerfile",
			"platform": object{"os": "linux"}, "sourceLocation": own + "/api/export",
		}), "Failed", host+" is outside this emulator")
	}
}

// TestWithoutContainers: where none can be run, builds without RUN still work, and everything else says why it does not.
func TestWithoutContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{Executor: "none"})
	build := func(dockerfile string) ended {
		return w.do(object{
			"type": "DockerBuildRequest", "imageNames": []string{"app:v1"}, "isPushEnabled": true, "dockerFilePath": "Dockerfile",
			"platform": object{"os": "linux"}, "sourceLocation": w.upload(map[string]string{"Dockerfile": dockerfile}),
		})
	}
	const why = "no container can be run here: switched off by --executor none"
	w.must(build("FROM scratch\nLABEL made=here\n"), "Succeeded")
	w.must(build("FROM scratch\nRUN make\n"), "Failed", why)
	step := "version: v1.1.0\nsteps:\n- cmd: playground.azurecr.io/hello:v1 echo\n"
	w.must(w.do(object{"type": "EncodedTaskRunRequest", "platform": object{"os": "linux"}, "encodedTaskContent": []byte(step)}), "Failed", "docker: "+why)
}
