package sdk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	acr "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry/v2"
)

// understood makes a call, and fails unless the SDK's type has all that the answer says, in the same words.
func understood[T any](t *testing.T, call func(context.Context) (T, error)) T {
	t.Helper()
	var raw *http.Response
	answer, err := call(policy.WithCaptureResponse(t.Context(), &raw))
	if err != nil {
		t.Fatal(err)
	}
	body, err := runtime.Payload(raw)
	if err != nil {
		t.Fatal(err)
	}
	var said any
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, lost := range missing("", instants(said), instants(plain(t, answer))) {
		t.Errorf("the SDK does not understand %s", lost)
	}
	return answer
}

// instants writes every time in a value in one way, in place: there are several that mean the same.
func instants(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = instants(v[name])
		}
	case []any:
		for i := range v {
			v[i] = instants(v[i])
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return value
}

func encoded(text string) *string {
	return to.Ptr(base64.StdEncoding.EncodeToString([]byte(text)))
}

// fullTask is a task with everything set that a client may set, but for secrets.
func fullTask() acr.Task {
	return acr.Task{
		Location: to.Ptr("westeurope"), Tags: map[string]*string{"team": to.Ptr("shop")},
		Identity: &acr.IdentityProperties{Type: to.Ptr(acr.ResourceIdentityTypeSystemAssigned)},
		Properties: &acr.TaskProperties{
			Status: to.Ptr(acr.TaskStatusEnabled), Timeout: to.Ptr[int32](600), LogTemplate: to.Ptr("logs:{{.Run.ID}}"), IsSystemTask: to.Ptr(false),
			AgentConfiguration: &acr.AgentProperties{CPU: to.Ptr[int32](2)},
			Platform:           &acr.PlatformProperties{OS: to.Ptr(acr.OSLinux), Architecture: to.Ptr(acr.ArchitectureAmd64)},
			Credentials: &acr.Credentials{
				SourceRegistry:   &acr.SourceRegistryCredentials{LoginMode: to.Ptr(acr.SourceRegistryLoginModeNone)},
				CustomRegistries: map[string]*acr.CustomRegistryCredentials{"playground.azurecr.io": {Identity: to.Ptr("[system]")}},
			},
			Step: &acr.EncodedTaskStep{
				Type: to.Ptr(acr.StepTypeEncodedTask), EncodedTaskContent: encoded("version: v1.1.0\nsteps: []\n"),
				Values: []*acr.SetValue{{Name: to.Ptr("a"), Value: to.Ptr("b"), IsSecret: to.Ptr(false)}},
			},
			Trigger: &acr.TriggerProperties{
				TimerTriggers: []*acr.TimerTrigger{{Name: to.Ptr("t1"), Schedule: to.Ptr("0 3 * * *"), Status: to.Ptr(acr.TriggerStatusDisabled)}},
				BaseImageTrigger: &acr.BaseImageTrigger{
					Name: to.Ptr("base"), BaseImageTriggerType: to.Ptr(acr.BaseImageTriggerTypeRuntime), Status: to.Ptr(acr.TriggerStatusEnabled),
				},
			},
		},
	}
}

// TestTask takes a task through its life.
func TestTask(t *testing.T) {
	j := newJudge(t)
	tasks := client(t, j, acr.NewTasksClient)
	ctx := t.Context()
	sent := fullTask()
	created := must[acr.TasksClientCreateResponse](t)(done(tasks.BeginCreate(ctx, group, "playground", "release", sent, nil)))
	kept(t, sent, created.Task)
	got := understood(t, func(ctx context.Context) (acr.TasksClientGetResponse, error) {
		return tasks.Get(ctx, group, "playground", "release", nil)
	})
	kept(t, created.Task, got.Task)
	if p := got.Properties; *p.ProvisioningState != acr.ProvisioningStateSucceeded || p.CreationDate == nil || got.Identity.PrincipalID == nil {
		t.Errorf("filled in: %+v", p)
	}
	updated := must[acr.TasksClientUpdateResponse](t)(done(tasks.BeginUpdate(ctx, group, "playground", "release", acr.TaskUpdateParameters{
		Properties: &acr.TaskPropertiesUpdateParameters{
			Status:   to.Ptr(acr.TaskStatusDisabled),
			Platform: &acr.PlatformUpdateParameters{}, Trigger: &acr.TriggerUpdateParameters{},
			Credentials: &acr.Credentials{CustomRegistries: map[string]*acr.CustomRegistryCredentials{"elsewhere.example": {
				UserName: &acr.SecretObject{Type: to.Ptr(acr.SecretObjectTypeOpaque), Value: to.Ptr("user")},
				Password: &acr.SecretObject{Type: to.Ptr(acr.SecretObjectTypeOpaque), Value: to.Ptr("password")},
			}}},
		},
	}, nil)))
	if p := updated.Properties; *p.Status != acr.TaskStatusDisabled || len(p.Credentials.CustomRegistries) != 2 || p.Credentials.CustomRegistries["elsewhere.example"].Password.Value != nil {
		t.Errorf("after the update: %+v", p)
	}
	details := understood(t, func(ctx context.Context) (acr.TasksClientGetDetailsResponse, error) {
		return tasks.GetDetails(ctx, group, "playground", "release", nil)
	})
	if password := details.Properties.Credentials.CustomRegistries["elsewhere.example"].Password; *password.Value != "password" {
		t.Errorf("the details: %+v", password)
	}
	names := 0
	for _, page := range all(t, tasks.NewListPager(group, "playground", nil)) {
		names += len(page.Value)
	}
	if names != 1 {
		t.Errorf("%d tasks; want 1", names)
	}
	must[acr.TasksClientDeleteResponse](t)(done(tasks.BeginDelete(ctx, group, "playground", "release", nil)))
	_, err := tasks.Get(ctx, group, "playground", "release", nil)
	refused(t, err, http.StatusNotFound, "ResourceNotFound")
}

// uploaded puts a Dockerfile where a run finds it, and returns that path.
func uploaded(t *testing.T, j *judge, dockerfile string) *string {
	t.Helper()
	at := must[acr.RegistriesClientGetBuildSourceUploadURLResponse](t)(
		client(t, j, acr.NewRegistriesClient).GetBuildSourceUploadURL(t.Context(), group, "playground", nil))
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	w := tar.NewWriter(zipped)
	_ = w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}) // it is in memory
	_, _ = io.WriteString(w, dockerfile)
	_ = w.Close()
	_ = zipped.Close()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, *at.UploadURL, &packed)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("x-ms-blob-type", "BlockBlob")
	answer, err := j.transport.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("upload: %s", answer.Status)
	}
	return at.RelativePath
}

// TestRun builds an image as the SDK's users do: a source, a run, its log.
func TestRun(t *testing.T) {
	j := newJudge(t)
	registries, runs := client(t, j, acr.NewRegistriesClient), client(t, j, acr.NewRunsClient)
	ctx := t.Context()
	queued := must[acr.RegistriesClientScheduleRunResponse](t)(done(registries.BeginScheduleRun(ctx, group, "playground", &acr.DockerBuildRequest{
		Type: to.Ptr("DockerBuildRequest"), DockerFilePath: to.Ptr("Dockerfile"), ImageNames: []*string{to.Ptr("judged:v1")}, IsPushEnabled: to.Ptr(true),
		SourceLocation: uploaded(t, j, "FROM scratch\nCOPY Dockerfile /\n"), Platform: &acr.PlatformProperties{OS: to.Ptr(acr.OSLinux)},
	}, nil)))
	got := awaited(t, runs, *queued.Properties.RunID)
	if log, end := readLog(t, j, runs, *queued.Properties.RunID); end != "successful" || !strings.Contains(log, "was successful after") {
		t.Fatalf("the log ends with %q:\n%s", end, log)
	}
	if p := got.Properties; *p.Status != acr.RunStatusSucceeded || *p.RunType != acr.RunTypeQuickBuild || p.FinishTime == nil || *p.OutputImages[0].Repository != "judged" {
		t.Errorf("the run: %+v", p)
	}
	filter := to.Ptr("contains(OutputImageManifests, 'judged@" + *got.Properties.OutputImages[0].Digest + "') and Status eq 'Succeeded'")
	found := 0
	for _, page := range all(t, runs.NewListPager(group, "playground", &acr.RunsClientListOptions{Filter: filter, Top: to.Ptr[int32](1)})) {
		found += len(page.Value)
	}
	if found != 1 {
		t.Errorf("%d runs made the image; want 1", found)
	}
	kept := must[acr.RunsClientUpdateResponse](t)(done(runs.BeginUpdate(ctx, group, "playground", *queued.Properties.RunID,
		acr.RunUpdateParameters{IsArchiveEnabled: to.Ptr(true)}, nil)))
	if !*kept.Properties.IsArchiveEnabled {
		t.Error("the run is not kept")
	}
	_, err := registries.BeginScheduleRun(ctx, group, "playground", &acr.FileTaskRunRequest{Type: to.Ptr("FileTaskRunRequest"), TaskFilePath: to.Ptr("acb.yaml")}, nil)
	refused(t, err, http.StatusBadRequest, "InvalidResource")
}

// awaited asks for a run until it has ended.
func awaited(t *testing.T, runs *acr.RunsClient, id string) acr.RunsClientGetResponse {
	t.Helper()
	for {
		got := understood(t, func(ctx context.Context) (acr.RunsClientGetResponse, error) {
			return runs.Get(ctx, group, "playground", id, nil)
		})
		if got.Properties.FinishTime != nil {
			return got
		}
	}
}

// readLog reads a run's log so far, and how the run ended if it has.
func readLog(t *testing.T, j *judge, runs *acr.RunsClient, id string) (log, end string) {
	t.Helper()
	at := must[acr.RunsClientGetLogSasURLResponse](t)(runs.GetLogSasURL(t.Context(), group, "playground", id, nil))
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *at.LogLink, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := j.transport.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), answer.Header.Get("x-ms-meta-Complete")
}

// TestTaskRun: what the SDK calls the creation of a task run lasts until its run has ended.
func TestTaskRun(t *testing.T) {
	j := newJudge(t)
	taskRuns := client(t, j, acr.NewTaskRunsClient)
	sent := acr.TaskRun{Properties: &acr.TaskRunProperties{ForceUpdateTag: to.Ptr("one"), RunRequest: &acr.DockerBuildRequest{
		Type: to.Ptr("DockerBuildRequest"), DockerFilePath: to.Ptr("Dockerfile"), ImageNames: []*string{to.Ptr("judged:v2")}, IsPushEnabled: to.Ptr(true),
		SourceLocation: uploaded(t, j, "FROM scratch\nCOPY Dockerfile /\n"), Platform: &acr.PlatformProperties{OS: to.Ptr(acr.OSLinux)},
	}}}
	poller, err := taskRuns.BeginCreate(t.Context(), group, "playground", "release", sent, nil)
	if err != nil {
		t.Fatal(err)
	}
	created, err := poller.PollUntilDone(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := created.Properties; *p.ProvisioningState != acr.ProvisioningStateSucceeded || *p.RunResult.Properties.Status != acr.RunStatusSucceeded {
		t.Errorf("the task run: %+v", p)
	}
	got := understood(t, func(ctx context.Context) (acr.TaskRunsClientGetResponse, error) {
		return taskRuns.Get(ctx, group, "playground", "release", nil)
	})
	kept(t, sent, got.TaskRun)
	must[acr.TaskRunsClientDeleteResponse](t)(done(taskRuns.BeginDelete(t.Context(), group, "playground", "release", nil)))
}
