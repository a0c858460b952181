package learning

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload/workloadtest"
)

const (
	subscription = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	testGroup    = subscription + "/resourceGroups/rg"
	workspace    = testGroup + "/providers/Microsoft.MachineLearningServices/workspaces/vision"
	version      = workspace + "/environments/train/versions/1"
	jobID        = workspace + "/jobs/first"
	endpoint     = workspace + "/onlineEndpoints/score"
	blue         = endpoint + "/deployments/blue"
	puller       = testGroup + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/puller"
	image        = "myregistry.azurecr.io/train:v1"
)

// world is a Cloud with one registry.
type world struct {
	*workloadtest.Registry
	t       *testing.T
	service *Service

	mu     sync.Mutex
	state  *azure.State
	tokens []agent.Identity
	timers chan chan time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Registry: workloadtest.NewRegistry(t), t: t, timers: make(chan chan time.Time, 10)}
	w.state = load(t, base("SystemAssigned", "SystemAssigned"))
	w.Push(t, image, v1.Config{Cmd: []string{"serve"}})
	return w
}

// base is a workspace and an endpoint with identities of a kind, and an environment.
func base(ofWorkspace, ofEndpoint string) []string {
	identity := func(kind string) string {
		if kind == "UserAssigned" {
			return `{"type": "UserAssigned", "userAssignedIdentities": {"` + puller + `": {}}}`
		}
		return `{"type": "` + kind + `"}`
	}
	return []string{
		`{"id": "` + subscription + `"}`, `{"id": "` + testGroup + `", "location": "westeurope"}`, `{"id": "` + puller + `", "location": "westeurope"}`,
		`{"id": "` + workspace + `", "location": "westeurope", "identity": ` + identity(ofWorkspace) + `}`,
		`{"id": "` + endpoint + `", "location": "westeurope", "identity": ` + identity(ofEndpoint) + `}`,
		`{"id": "` + version + `", "properties": {"image": "` + image + `"}}`,
		`{"id": "` + workspace + `/environments/built/versions/1", "properties": {"build": {"dockerfilePath": "Dockerfile"}}}`,
	}
}

func load(t *testing.T, documents []string) *azure.State {
	t.Helper()
	var all []azure.Document
	for _, text := range documents {
		all = append(all, parse(t, text))
	}
	state, err := azure.Load(all)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func parse(t *testing.T, text string) azure.Document {
	t.Helper()
	d, err := azure.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// put writes documents, as Resource Manager does.
func (w *world) put(documents ...string) {
	w.t.Helper()
	var change azure.Change
	for _, text := range documents {
		change.Put = append(change.Put, parse(w.t, text))
	}
	if err := w.Update(w.t.Context(), func(*azure.State) (azure.Change, error) { return change, nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) Update(_ context.Context, change func(*azure.State) (azure.Change, error)) error {
	w.mu.Lock()
	made, err := change(w.state)
	if err == nil {
		var next *azure.State
		if next, err = w.state.With(made); err == nil {
			w.state = next
		}
	}
	service := w.service
	w.mu.Unlock()
	if err == nil && service != nil && len(made.Put)+len(made.Delete) > 0 {
		service.Changed(made.Keys())
	}
	return err
}

func (w *world) State() *azure.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *world) Dial(ctx context.Context, place agent.Place, address string) (net.Conn, error) {
	if _, err := place(w.State()); err != nil {
		return nil, err
	}
	return w.Connect(ctx, address)
}

func (w *world) Token(_ context.Context, as agent.Identity, _ string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, as)
	return "token", nil
}

func (w *world) Now() time.Time { return time.Unix(1_800_000_000, 0) }

func (w *world) After(time.Duration) <-chan time.Time {
	timer := make(chan time.Time, 1)
	w.timers <- timer
	return timer
}

// containers run a function, whatever they are for.
func containers(run workloadtest.Program) *workloadtest.Executor {
	return &workloadtest.Executor{Programs: map[string]workloadtest.Program{"job": run, "inference-server": run}}
}

// start runs the service until the returned function is called, or the test ends.
func (w *world) start(e executor.Executor) (*Service, func()) {
	w.t.Helper()
	s := New(workload.Options{Cloud: w, Executor: e, Dir: w.t.TempDir()})
	w.mu.Lock()
	w.service = s
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	w.t.Cleanup(stop)
	for begun := false; !begun; {
		s.mu.Lock()
		begun = s.work != nil
		s.mu.Unlock()
	}
	return s, stop
}

// until waits until a job has a status, and returns its properties.
func (w *world) until(status string) map[string]any {
	w.t.Helper()
	var properties map[string]any
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		d, found := w.State().Get(azure.Fold(jobID))
		if !found {
			continue
		}
		properties, _ = d.Body["properties"].(map[string]any)
		if properties["status"] == status {
			return properties
		}
	}
	w.t.Fatalf("never %s: %v", status, properties)
	return nil
}

// job is a document of a job, with more properties.
func jobOf(more string) string {
	return `{"id": "` + jobID + `", "systemData": {"createdAt": "2027-01-15T08:00:00Z"}, "properties": {"jobType": "Command",
		"environmentId": "azureml:train:1", "command": "python train.py --rate ${{inputs.rate}}", "environmentVariables": {"SEED": "7"},
		"inputs": {"rate": {"jobInputType": "literal", "value": "0.1"}}` + more + `}}`
}

func TestJobCompletes(t *testing.T) {
	w := newWorld(t)
	var got executor.Spec
	s, _ := w.start(containers(func(_ context.Context, s executor.Spec) int {
		got = s
		_, _ = fmt.Fprintln(s.Stdout, "epoch 1")
		return 0
	}))
	w.put(jobOf(""))
	done := w.until(azure.JobCompleted)
	if done["startTime"] == nil || done["endTime"] == nil || done["error"] != nil {
		t.Errorf("%v", done)
	}
	if text := strings.Join(got.Args, "|"); text != "/bin/sh|-c|python train.py --rate 0.1" {
		t.Errorf("it ran %s", text)
	}
	if env := strings.Join(got.Env, " "); !strings.Contains(env, "AZUREML_RUN_ID=first") || !strings.HasSuffix(env, "SEED=7") {
		t.Errorf("with %s", env)
	}
	id, _ := azure.ParseResourceID(jobID)
	if text := s.Logs(id, 0); text != "epoch 1\n" {
		t.Errorf("it printed %q", text)
	}
	if len(w.tokens) != 1 || w.tokens[0] != (agent.Identity{Resource: workspace}) {
		t.Errorf("tokens of %+v", w.tokens)
	}
}

// TestJobFails is what a job says that did not run, or did not succeed.
func TestJobFails(t *testing.T) {
	for _, c := range []struct {
		name, job, refusal, want string
		code                     int
		without                  bool
	}{
		{
			name: "refused", job: jobOf(""), refusal: workloadtest.Denied,
			want: "AzureMLCompute job failed.\nFailedPullingImage: Unable to pull docker image\n\timageName: myregistry.azurecr.io/train:v1\n" +
				"\terror: Run docker command to pull private image failed with error: Error response from daemon: " +
				`Head "https://myregistry.azurecr.io/v2/train/manifests/v1": denied: client with IP '198.18.0.7' is not allowed access.`,
		},
		{name: "exit code", job: jobOf(""), code: 3, want: "ended with exit code 3"},
		{name: "no executor", job: jobOf(""), without: true, want: "no container can be run here"},
		{name: "no image", job: strings.Replace(jobOf(""), "azureml:train:1", "azureml:built:1", 1), want: "has no image"},
		{name: "no environment", job: strings.Replace(jobOf(""), "azureml:train:1", "azureml:none:1", 1), want: "there is no environment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Refuse(c.refusal)
			var e executor.Executor
			if !c.without {
				e = containers(workloadtest.Exits(c.code))
			}
			w.start(e)
			w.put(c.job)
			told, _ := w.until(azure.JobFailed)["error"].(map[string]any)
			if said, _ := told["message"].(string); !strings.Contains(said, c.want) {
				t.Errorf("%q; want %q", said, c.want)
			}
		})
	}
}

func TestJobEnds(t *testing.T) {
	id, _ := azure.ParseResourceID(jobID)
	for _, c := range []struct {
		name, job, status, why string
		end                    func(w *world, s *Service)
	}{
		{"canceled", jobOf(""), azure.JobCanceled, errCanceled.Error(), func(w *world, s *Service) {
			if err := s.Cancel(w.t.Context(), id); err != nil {
				w.t.Error(err)
			}
		}},
		{"timeout", jobOf(`, "limits": {"timeout": "PT1M"}`), azure.JobFailed, errTimeout.Error(), func(w *world, _ *Service) {
			timer := <-w.timers
			timer <- time.Time{}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, _ := w.start(containers(workloadtest.Forever))
			w.put(c.job)
			w.until(azure.JobRunning)
			c.end(w, s)
			told, _ := w.until(c.status)["error"].(map[string]any)
			if told["message"] != c.why {
				t.Errorf("%v", told)
			}
		})
	}
}

// TestJobInterrupted ends the service in the middle of a job, and kills it: neither job runs twice.
func TestJobInterrupted(t *testing.T) {
	w := newWorld(t)
	_, stop := w.start(containers(workloadtest.Forever))
	w.put(jobOf(""))
	w.until(azure.JobRunning)
	stop()
	told, _ := w.until(azure.JobFailed)["error"].(map[string]any)
	if told["message"] != errInterrupted.Error() {
		t.Errorf("%v", told)
	}
	w.put(jobOf(`, "status": "Running"`)) // as one that was killed left it
	w.start(containers(func(context.Context, executor.Spec) int {
		t.Error("it ran again")
		return 0
	}))
	w.until(azure.JobFailed)
}

// TestUserAssigned asks for the token of a workspace and of an endpoint that have no identity of their own.
func TestUserAssigned(t *testing.T) {
	w := newWorld(t)
	w.state = load(t, base("UserAssigned", "UserAssigned"))
	s, _ := w.start(containers(workloadtest.Forever))
	w.put(jobOf(""))
	w.until(azure.JobRunning)
	w.put(deploymentOf("1"))
	if err := w.settle(s); err != nil {
		t.Fatal(err)
	}
	want := []agent.Identity{{Resource: puller, Host: workspace}, {Resource: puller, Host: endpoint}}
	if len(w.tokens) != 2 || w.tokens[0] != want[0] || w.tokens[1] != want[1] {
		t.Errorf("tokens of %+v", w.tokens)
	}
}

func deploymentOf(at string) string {
	return `{"id": "` + blue + `", "location": "westeurope", "systemData": {"lastModifiedAt": "` + at + `"},
		"properties": {"environmentId": "azureml:` + version + `", "endpointComputeType": "Managed"}}`
}

func (w *world) settle(s *Service) error {
	w.t.Helper()
	id, _ := azure.ParseResourceID(blue)
	done := make(chan error, 1)
	s.Settle(id, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		w.t.Fatal("the deployment neither is ready nor fails")
		return nil
	}
}

// TestDeployment follows a deployment that is refused, written again after that was mended, and ends by itself.
func TestDeployment(t *testing.T) {
	for _, c := range []struct{ name, refusal, want string }{
		{
			"address", workloadtest.Denied,
			`Unable to download user container image. Error response from daemon: Head "https://myregistry.azurecr.io/v2/train/manifests/v1": denied: client with IP`,
		},
		{"role", workloadtest.NoRole, "Endpoint identity does not have pull permission on the registry."},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Refuse(c.refusal)
			crash := make(chan bool)
			s, _ := w.start(containers(func(context.Context, executor.Spec) int {
				<-crash
				return 1
			}))
			w.put(deploymentOf("1"))
			refused, ok := errors.AsType[*azure.Error](w.settle(s))
			if !ok || refused.Code != "BadArgument" || !strings.HasPrefix(refused.Message, c.want) {
				t.Fatalf("%#v; want %s", refused, c.want)
			}
			w.Refuse("")
			w.put(deploymentOf("2"))
			if err := w.settle(s); err != nil {
				t.Fatal(err)
			}
			if got := w.shown(s)["provisioningState"]; got != "Succeeded" {
				t.Errorf("it is %v", got)
			}
			if w.tokens[0] != (agent.Identity{Resource: endpoint}) {
				t.Errorf("tokens of %+v", w.tokens)
			}
			close(crash)
			for w.shown(s)["provisioningState"] != "Failed" {
				time.Sleep(time.Millisecond)
			}
			if told, _ := w.shown(s)["error"].(map[string]any); told["code"] != "ResourceNotReady" {
				t.Errorf("%v", told)
			}
		})
	}
}

func (w *world) shown(s *Service) map[string]any {
	id, _ := azure.ParseResourceID(blue)
	properties := map[string]any{"provisioningState": "Succeeded"}
	s.Show(id, properties)
	return properties
}

func TestDeploymentWithoutExecutor(t *testing.T) {
	w := newWorld(t)
	s, _ := w.start(nil)
	w.put(deploymentOf("1"))
	if err := w.settle(s); err != nil {
		t.Fatal(err)
	}
	id, _ := azure.ParseResourceID(blue)
	if text := s.Logs(id, 0); !strings.HasPrefix(text, "no container can be run here") {
		t.Errorf("%q", text)
	}
}
