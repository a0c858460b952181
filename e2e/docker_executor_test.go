//go:build clients

package e2e

import (
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

// TestDockerExecutor has a Docker engine run the containers of tasks and container groups. The engine has no network and asks
// no registry; what runs there reaches emulated Azure from the place of the run, and nothing else. At the end nothing is left.
func TestDockerExecutor(t *testing.T) {
	need(t, "docker", "dockerd")
	needRoot(t)
	d := startDocker(t)
	t.Setenv("DOCKER_HOST", d.host)
	if output, err := d.run("volume", "create", "the-users-own"); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	t.Run("engine", engineTests)
	t.Run("status", dockerStatus)
	t.Run("tasks", dockerTasks)
	t.Run("container group", dockerGroup)
	for _, left := range [][]string{{"ps", "--all", "--quiet"}, {"images", "--all", "--quiet"}, {"network", "ls", "--quiet", "--filter", "type=custom"}} {
		if output, err := d.run(left...); err != nil || output != "" {
			t.Errorf("docker %v: %v: %s", left, err, output)
		}
	}
	if output, err := d.run("volume", "ls", "--quiet"); err != nil || output != "the-users-own\n" {
		t.Errorf("volumes: %v: %s", err, output)
	}
}

// engineTests runs the executor's own tests of an engine.
func engineTests(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "test", "-tags", "clients", "-count", "1", "-run", "^TestDockerEngine", "./emulator/internal/executor")
	command.Dir = ".."
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// dockerStatus asks the emulator how it runs containers.
func dockerStatus(t *testing.T) {
	p := up(t, "--executor", "docker")
	output, err := run(t, []string{"ACRLOCAL_MANAGE=" + p.manager()}, "acrlocal", "status")
	if err != nil || !strings.Contains(output, "docker: Docker Engine ") {
		t.Errorf("%v: %s", err, output)
	}
}

func startDockerTasks(t *testing.T) tasksOf {
	e := emulatortest.StartWith(t, emulator.Options{Behavior: gate.Article, Executable: program(), Executor: "docker", Now: time.Now})
	r := tasksOf{t, e, group + "/providers/Microsoft.ContainerRegistry/registries/playground"}
	if s := e.Status().Executor; s.Kind != "docker" {
		t.Fatal(s.Detail)
	}
	r.push("playground.azurecr.io/web:v1", webImage(t))
	return r
}

// dockerTasks plays a run that builds, serves, asks, meets, and tries to break out.
func dockerTasks(t *testing.T) {
	r := startDockerTasks(t)
	var targets []string
	for _, at := range []string{r.e.Endpoints().Service, r.e.Endpoints().Manage} {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(at, "http://"))
		for _, address := range append(machineAddresses(t), "172.17.0.1", "172.18.0.1", "198.18.0.1", "203.0.113.1") {
			targets = append(targets, net.JoinHostPort(address, port), net.JoinHostPort(address, "22"))
		}
	}
	source := r.upload(map[string]string{
		"Dockerfile": "FROM mcr.microsoft.com/acr/bash\nRUN --mount=type=bind,target=/context cat /context/text > /made && mkdir /dir && echo $SSL_CERT_FILE\nRUN cat /made > /dir/again\nCMD [\"bash\", \"-c\", \"cat /dir/again\"]\n",
		"text":       "hello from the context\n",
		"task.yaml": `version: v1.1.0
steps:
  - build: -t $Registry/made:$ID .
  - push: ["$Registry/made:$ID"]
  - cmd: $Registry/made:$ID
  - id: web
    cmd: $Registry/web:v1 80
    detach: true
  - id: left
    cmd: bash -c 'touch left; until test -e right; do sleep 0.01; done; echo left met right'
    when: [web]
  - id: right
    cmd: bash -c 'touch right; until test -e left; do sleep 0.01; done; echo right met left'
    when: [web]
  - id: ask
    cmd: curl --retry 20 --retry-connrefused --retry-delay 1 -sS http://web/
    when: [left, right]
  - id: token
    cmd: bash -c 'curl -sS -H Metadata:true "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/" | cut -c 1-16'
  - id: escape
    cmd: $Registry/web:v1 try example.com:80 ` + strings.Join(targets, " ") + `
  - id: absent
    cmd: bash -c 'exit 7'
    ignoreErrors: true
  - id: privileged
    privileged: true
    cmd: bash -c 'echo it is'
`,
	})
	got := r.do(map[string]any{
		"type": "FileTaskRunRequest", "taskFilePath": "task.yaml", "sourceLocation": source,
		"platform": map[string]any{"os": "linux"}, "credentials": map[string]any{},
	})
	r.mustEnd(got, "Failed", "/run/acrlocal/ca.pem", "hello from the context", "Successfully pushed image: playground.azurecr.io/made:"+got.id,
		"left met right", "right met left", "hello from web", "tried everything", "power over its machine")
	for line := range strings.Lines(got.log) {
		if strings.HasPrefix(line, "reached") || strings.HasPrefix(line, "could") {
			t.Errorf("a container %s", line)
		}
	}
	id := r.task("builder", "version: v1.1.0\nsteps:\n  - cmd: bash -c 'curl -sS -H Metadata:true \"http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/\" | cut -c 1-16'\n",
		map[string]any{"identity": system})
	r.mustEnd(r.do(runTask(id)), "Succeeded", `{"access_token":`)
	cancelled := r.schedule(quickTask("steps:\n  - cmd: bash -c 'echo begun; sleep 600'\n"))
	r.awaitLog(cancelled, "begun")
	r.arm(http.MethodPost, "/runs/"+cancelled+"/cancel"+tasksVersion, nil, nil)
	r.mustEnd(r.await(cancelled), "Canceled")
}

// dockerGroup has a container group run until its containers have ended.
func dockerGroup(t *testing.T) {
	r := startDockerTasks(t)
	r.push("myregistry.azurecr.io/web:v1", webImage(t))
	a := aci{t, r.e}
	a.create("by-docker", asUser, map[string]any{
		"restartPolicy":            "Never",
		"imageRegistryCredentials": []any{map[string]any{"server": "myregistry.azurecr.io", "identity": builderUser}},
		"containers": []any{
			map[string]any{"name": "web", "properties": map[string]any{
				"image": "myregistry.azurecr.io/web:v1", "command": []any{"/web", "try", "example.com:80"},
				"resources": map[string]any{"requests": map[string]any{"cpu": 0.5, "memoryInGB": 0.5}},
			}},
		},
	})
	if pulled, told := a.settled("by-docker"); !pulled {
		t.Fatal(told)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var g containerGroup
		if err := r.e.ARM(t.Context(), http.MethodGet, groupPath("by-docker"), nil, &g); err != nil {
			t.Fatal(err)
		}
		state := g.Properties.Containers[0].Properties.InstanceView.CurrentState
		if state.State == "Terminated" {
			if state.DetailStatus != "Completed" {
				t.Errorf("%+v", state)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", g)
		}
	}
}
