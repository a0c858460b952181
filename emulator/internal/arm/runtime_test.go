package arm_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// runtime is whoever runs tasks, but for the running: runs stay queued until they are canceled. It takes the lock of writers
// as the real one does, so that a handler that held it would stand still.
type runtime struct {
	backend *backend
	writing *sync.Mutex
	runs    int
}

func (r *runtime) update(change func(*azure.State) ([]azure.Document, error)) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	documents, err := change(r.backend.State())
	if err != nil {
		return err
	}
	complete, err := r.backend.State().Complete(azure.Change{Put: documents}, azure.Author{Operator: true, Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	_, err = r.backend.Apply(context.Background(), complete)
	return err
}

func (r *runtime) Schedule(_ context.Context, registry azure.ResourceID, request map[string]any, principal string) (azure.ResourceID, error) {
	if request["sourceLocation"] == "nowhere" {
		return azure.ResourceID{}, &azure.Error{Code: "InvalidSourceLocation", Target: "sourceLocation", Message: "there is no such source"}
	}
	r.runs++
	run := put(fmt.Sprintf("%s/runs/ca%d", registry, r.runs), map[string]any{
		"request": request, "principal": principal, "dependencies": []any{map[string]any{"type": "runtime"}},
		"properties": map[string]any{
			"runId": fmt.Sprintf("ca%d", r.runs), "status": "Queued", "runType": "QuickRun", "isArchiveEnabled": false,
			"createTime": now.Add(time.Duration(r.runs) * time.Second).Format(time.RFC3339Nano), "provisioningState": "Succeeded",
		},
	})
	properties := run.Body["properties"].(map[string]any)
	if id, _ := request["taskId"].(string); id != "" {
		properties["task"] = id[strings.LastIndex(id, "/")+1:]
	}
	if images, _ := request["imageNames"].([]any); len(images) > 0 {
		repository, tag, _ := strings.Cut(images[0].(string), ":")
		properties["runType"], properties["outputImages"] = "QuickBuild", []any{map[string]any{
			"registry": "first.azurecr.io", "repository": repository, "tag": tag, "digest": "sha256:" + strings.Repeat("ab", 32),
		}}
	}
	return run.ID, r.update(func(*azure.State) ([]azure.Document, error) { return []azure.Document{run}, nil })
}

func (r *runtime) Cancel(_ context.Context, run azure.ResourceID) error {
	return r.end(run, azure.RunCanceled)
}

// end brings a run to its end.
func (r *runtime) end(run azure.ResourceID, status string) error {
	return r.update(func(s *azure.State) ([]azure.Document, error) {
		d, _ := s.Get(run.Key())
		changed := d.Clone()
		properties := changed.Body["properties"].(map[string]any)
		if azure.RunEnded(properties["status"].(string)) {
			return nil, &azure.Error{Code: azure.CodeConflict, ID: run, Message: "the run has ended"}
		}
		properties["status"] = status
		return []azure.Document{changed}, nil
	})
}

// carryOut schedules the task runs that ask for it.
func (r *runtime) carryOut() error {
	for _, d := range r.backend.State().OfType(azure.TypeTaskRun) {
		if d.Body["run"] != nil {
			continue
		}
		changed := d.Clone()
		registry, _ := d.ID.Parent()
		request, _ := changed.Body["properties"].(map[string]any)["runRequest"].(map[string]any)
		run, err := r.Schedule(context.Background(), registry, request, "")
		if err != nil {
			return err
		}
		changed.Body["run"] = run.String()
		if err := r.update(func(*azure.State) ([]azure.Document, error) { return []azure.Document{changed}, nil }); err != nil {
			return err
		}
	}
	return nil
}

func (r *runtime) SourceUpload(context.Context, azure.ResourceID) (*url.URL, string, error) {
	return &url.URL{Scheme: "https", Host: "acrtasks.blob.core.windows.net", Path: "/source/x.tar.gz", RawQuery: "sig=w"}, "source/x.tar.gz", nil
}

func (r *runtime) LogURL(_ context.Context, run azure.ResourceID) (*url.URL, error) {
	return &url.URL{Scheme: "https", Host: "acrtasks.blob.core.windows.net", Path: "/logs/" + run.Name(), RawQuery: "sig=r"}, nil
}

func (r *runtime) Queued(azure.ResourceID) int { return r.runs }

// withRuntime adds to the options of a server someone who runs tasks.
func withRuntime(o arm.Options) (arm.Options, *runtime) {
	r := &runtime{writing: &sync.Mutex{}}
	r.backend, _ = o.Backend.(*backend)
	o.Tasks, o.Writing = r, r.writing
	o.BlobURL = func(asked *http.Request, blob *url.URL) *url.URL {
		if asked.Host == "management.azure.com" {
			return blob
		}
		return &url.URL{Scheme: "http", Host: asked.Host, Path: "/" + blob.Host + blob.Path, RawQuery: blob.RawQuery}
	}
	return o, r
}
