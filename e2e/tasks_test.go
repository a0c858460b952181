package e2e

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/acrlocal/acrlocal/gate"
)

// needContainers skips a test where no container can be run, which only a machine without namespaces is.
func (r tasksOf) needContainers() {
	r.t.Helper()
	if s := r.e.Status().Executor; s.Kind == "none" {
		r.t.Skipf("no containers here: %s", s.Detail)
	}
}

// webImage is an image of testdata/web.
func webImage(t *testing.T) v1.Image {
	t.Helper()
	return programImage(t, "web")
}

// programImage is an image of a program of testdata, which is all that it holds.
func programImage(t *testing.T, name string) v1.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", path, "./testdata/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}) // it is in memory
	_, _ = w.Write(program)
	_ = w.Close()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	image, err = mutate.Config(image, v1.Config{Entrypoint: []string{"/" + name}})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// push pushes an image to the registry as its owner, from inside the network.
func (r tasksOf) push(reference string, image v1.Image) {
	r.t.Helper()
	r.e.At("virtualMachines/jumpbox").As(clientID).MustPush(reference, image)
}

// TestTaskSteps plays steps beside each other, one that is tried again, and a service that the others talk to and that
// ends with the run.
func TestTaskSteps(t *testing.T) {
	r := startTasks(t, gate.Article, "playground")
	r.needContainers()
	r.push("playground.azurecr.io/web:v1", webImage(t))
	got := r.do(quickTask(`version: v1.1.0
steps:
  - id: web
    cmd: $Registry/web:v1 80
    detach: true
    when: ["-"]
  - id: left
    cmd: bash -c 'touch left; until test -e right; do sleep 0.01; done; echo left met right'
    when: ["-"]
  - id: right
    cmd: bash -c 'touch right; until test -e left; do sleep 0.01; done; echo right met left'
    when: ["-"]
  - id: again
    cmd: bash -c 'test -e tried && echo tried again && exit 0; touch tried; exit 1'
    retries: 2
    retryDelay: 1
    when: [left, right]
  - id: wrong
    cmd: bash -c 'exit 7'
    ignoreErrors: true
    when: [again]
  - id: ask
    cmd: curl --retry 20 --retry-connrefused --retry-delay 1 -sS http://web/
    when: [wrong]
`))
	r.mustEnd(got, "Succeeded", "left met right", "right met left", "tried again", "hello from web")
}

// TestTaskCancel reads the log of a run while it runs, and then ends it.
func TestTaskCancel(t *testing.T) {
	r := startTasks(t, gate.Article, "playground")
	r.needContainers()
	id := r.schedule(quickTask("steps:\n  - cmd: bash -c 'echo begun; sleep 600'\n"))
	r.awaitLog(id, "begun")
	if status := r.status(id); status != "Running" {
		t.Errorf("it is %s while it runs", status)
	}
	began := time.Now()
	r.arm(http.MethodPost, "/runs/"+id+"/cancel"+tasksVersion, nil, nil)
	r.mustEnd(r.await(id), "Canceled", "Run ID: "+id+" was canceled")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// TestTaskQueue queues fifty runs at once. They begin in the order in which they came.
func TestTaskQueue(t *testing.T) {
	r := startTasks(t, gate.Article, "playground")
	source := r.upload(map[string]string{"Dockerfile": "FROM scratch\nLABEL a=b\n"})
	var ids []string
	for range 50 {
		ids = append(ids, r.schedule(quickBuild(source)))
	}
	var starts []string
	for i, id := range ids {
		if want := fmt.Sprintf("ca%d", i+1); id != want {
			t.Errorf("run %d is called %s", i+1, id)
		}
		r.mustEnd(r.await(id), "Succeeded")
		var found struct{ Properties struct{ StartTime string } }
		r.arm(http.MethodGet, "/runs/"+id+tasksVersion, nil, &found)
		starts = append(starts, found.Properties.StartTime)
	}
	if !slices.IsSorted(starts) {
		t.Errorf("they began at %v", starts)
	}
}

// TestTaskSwitchedOff has a run switch its own bypass off, as the identity that it has: its next request is refused.
func TestTaskSwitchedOff(t *testing.T) {
	r := startTasks(t, gate.Article, "myregistry")
	r.needContainers()
	id := r.task("builder", fmt.Sprintf(`version: v1.1.0
steps:
  - build: -t $Registry/made:$ID .
  - push: ["$Registry/made:$ID"]
  - cmd: >-
      bash -c 'token=$(curl -sS -H Metadata:true "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/" | tr "," "\n" | grep access_token | cut -d \" -f 4);
      curl -sS -f -o /dev/null -X PATCH -H "Authorization: Bearer $token" -H "Content-Type: application/json" -d "{\"properties\":{\"networkRuleBypassOptions\":\"None\"}}" "https://management.azure.com%s?api-version=2023-07-01"; echo switched off'
  - build: -t $Registry/made:after .
  - push: ["$Registry/made:after"]
`, r.registry), map[string]any{"identity": system, "credentials": credentials("[system]", "myregistry")})
	r.grant("registries/myregistry/tasks/builder", "Owner", r.registry)
	r.grant("registries/myregistry/tasks/builder", "AcrPush", r.registry)
	got := r.do(r.runWith(id, tinySource))
	r.mustEnd(got, "Failed", "Successfully pushed image: myregistry.azurecr.io/made:"+got.id, "switched off", firewall)
	r.mustRefuse(gate.BypassOff)
	if strings.Contains(got.log, "Successfully pushed image: myregistry.azurecr.io/made:after") {
		t.Errorf("it pushed all the same:\n%s", got.log)
	}
}

// TestTaskContained has a container try the machine it runs on, the emulator's listeners, and another run.
func TestTaskContained(t *testing.T) {
	r := startTasks(t, gate.Article, "playground")
	r.needContainers()
	r.push("playground.azurecr.io/web:v1", webImage(t))
	other := r.schedule(quickTask("version: v1.1.0\nsteps:\n  - id: neighbour\n    cmd: $Registry/web:v1 8080\n"))
	r.await(other, "Running")
	targets := []string{"neighbour:8080", "example.com:80"}
	for _, at := range []string{r.e.Endpoints().Service, r.e.Endpoints().Manage} {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(at, "http://"))
		for _, address := range machineAddresses(t) {
			targets = append(targets, net.JoinHostPort(address, port), net.JoinHostPort(address, "22"))
		}
	}
	got := r.do(quickTask("version: v1.1.0\nsteps:\n  - cmd: $Registry/web:v1 try " + strings.Join(targets, " ") + "\n"))
	r.mustEnd(got, "Succeeded", "tried everything")
	for line := range strings.Lines(got.log) {
		if strings.HasPrefix(line, "reached") || strings.HasPrefix(line, "could") {
			t.Errorf("a container %s", line)
		}
	}
	r.arm(http.MethodPost, "/runs/"+other+"/cancel"+tasksVersion, nil, nil)
	r.await(other)
}

// machineAddresses are the addresses of this machine.
func machineAddresses(t *testing.T) []string {
	t.Helper()
	found, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, a := range found {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil {
			addresses = append(addresses, network.IP.String())
		}
	}
	return addresses
}
