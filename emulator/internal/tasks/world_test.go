package tasks_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
)

// TestMain lets the binary of the test be the container that it starts itself as.
func TestMain(m *testing.M) {
	if code, handled := emulator.Main(os.Args); handled {
		os.Exit(code)
	}
	dir, err := os.MkdirTemp("", "tasks-")
	if err != nil {
		panic(err)
	}
	keys = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// keys is the directory of the keys that the emulators of all tests have: to make them takes long.
var keys string

const (
	group      = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal"
	registries = group + "/providers/Microsoft.ContainerRegistry/registries/"
	myregistry = registries + "myregistry" // restricted
	playground = registries + "playground" // open
	outside    = "203.0.113.7"
)

// world is an emulator of the sample environment, whose Resource Manager a person calls who owns the subscription.
type world struct {
	*emulatortest.Emulator
	t        testing.TB
	registry string // the registry whose tasks are meant
}

func newWorld(t testing.TB, registry string, o emulator.Options) *world {
	o.State = keys
	return &world{emulatortest.StartWith(t, o), t, registry}
}

type object = map[string]any

func (w *world) arm(method, path string, body any) object {
	w.t.Helper()
	var answer object
	if err := w.ARM(w.t.Context(), method, path, body, &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// update changes properties of a registry.
func (w *world) update(registry string, properties object) {
	w.t.Helper()
	w.arm(http.MethodPatch, registry, object{"properties": properties})
}

// upload puts files where az puts the source of a run.
func (w *world) upload(files map[string]string) string {
	w.t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zip)
	for name, text := range files {
		_ = archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
		_, _ = io.WriteString(archive, text)
	}
	_, _ = archive.Close(), zip.Close()
	given := w.arm(http.MethodPost, w.registry+"/listBuildSourceUploadUrl", object{})
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, given["uploadUrl"].(string), &packed)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("x-ms-blob-type", "BlockBlob")
	if status, body := w.send(request); status != http.StatusCreated {
		w.t.Fatalf("upload: %d %s", status, body)
	}
	return given["relativePath"].(string)
}

func (w *world) send(r *http.Request) (status int, body string) {
	w.t.Helper()
	response, err := w.At(outside).RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(read)
}

// task makes a task of a task file, and returns its ID. What is given beside it is of the task's properties, but for identity.
func (w *world) task(name, text string, more object) string {
	w.t.Helper()
	properties := object{
		"platform": object{"os": "linux"},
		"step":     object{"type": "EncodedTask", "encodedTaskContent": base64.StdEncoding.EncodeToString([]byte(text))},
	}
	body := object{"location": "westeurope", "properties": properties}
	for member, value := range more {
		if member == "identity" {
			body[member] = value
		} else {
			properties[member] = value
		}
	}
	w.arm(http.MethodPut, w.registry+"/tasks/"+name, body)
	return w.registry + "/tasks/" + name
}

// roles are those that tests give, by name.
var roles = map[string]string{
	"AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec", "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
}

// grant gives the identity of a resource a role on a registry.
func (w *world) grant(resource, role, registry string) {
	w.t.Helper()
	who := w.arm(http.MethodGet, resource, nil)
	identity, isResource := who["identity"].(object)
	if !isResource {
		identity = who["properties"].(object)
	}
	name := fmt.Sprintf("acac10ca-9000-4000-8000-%012x", crc32.ChecksumIEEE([]byte(resource+role+registry)))
	w.arm(http.MethodPut, registry+"/providers/Microsoft.Authorization/roleAssignments/"+name, object{"properties": object{
		"principalId": identity["principalId"], "principalType": "ServicePrincipal",
		"roleDefinitionId": strings.Split(group, "/resourceGroups")[0] + "/providers/Microsoft.Authorization/roleDefinitions/" + roles[role],
	}})
}

var system = object{"type": "SystemAssigned"}

// use are the credentials of a task that logs in to registries by an identity, and not by itself.
func use(identity string, hosts ...string) object {
	custom := object{}
	for _, host := range hosts {
		custom[host] = object{"identity": identity}
	}
	return object{"sourceRegistry": object{"loginMode": "None"}, "customRegistries": custom}
}

// schedule queues a run and returns its ID.
func (w *world) schedule(request object) string {
	w.t.Helper()
	return w.arm(http.MethodPost, w.registry+"/scheduleRun", request)["properties"].(object)["runId"].(string)
}

// ended is a run that has ended.
type ended struct {
	about  object
	status string
	log    string
}

// do queues a run and waits for its end.
func (w *world) do(request object) ended {
	w.t.Helper()
	return w.await(w.schedule(request))
}

// await waits for the end of a run.
func (w *world) await(id string) ended {
	w.t.Helper()
	var about object
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(2 * time.Millisecond) {
		about = w.arm(http.MethodGet, w.registry+"/runs/"+id, nil)["properties"].(object)
		if !slices.Contains([]any{"Queued", "Started", "Running"}, about["status"]) {
			return ended{about, about["status"].(string), w.log(id)}
		}
	}
	w.t.Fatalf("run %s does not end: %v\n%s", id, about, w.log(id))
	return ended{}
}

// awaitLog waits until the log of a run says something.
func (w *world) awaitLog(id, text string) {
	w.t.Helper()
	for begun := time.Now(); !strings.Contains(w.log(id), text); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			w.t.Fatalf("run %s does not say %q:\n%s", id, text, w.log(id))
		}
	}
}

func (w *world) log(id string) string {
	w.t.Helper()
	link := w.arm(http.MethodPost, w.registry+"/runs/"+id+"/listLogSasUrl", object{})["logLink"].(string)
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	_, body := w.send(request)
	return body
}

// must fails the test unless a run ended so, and says all of that.
func (w *world) must(got ended, status string, says ...string) {
	w.t.Helper()
	for _, text := range says {
		if !strings.Contains(got.log, text) {
			w.t.Errorf("it does not say %q", text)
		}
	}
	if got.status != status || w.t.Failed() {
		w.t.Fatalf("%v\n%s", got.about, got.log)
	}
}
