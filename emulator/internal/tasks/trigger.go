package tasks

import (
	"context"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// triggers are what starts a task without anybody asking (acr-tasks §1.5).
type triggers struct {
	Timers []struct {
		Name     string `json:"name"`
		Schedule string `json:"schedule"`
		Status   string `json:"status"`
	} `json:"timerTriggers"`
	Sources []struct {
		Name       string   `json:"name"`
		Status     string   `json:"status"`
		Events     []string `json:"sourceTriggerEvents"`
		Repository struct {
			Type   string `json:"sourceControlType"`
			URL    string `json:"repositoryUrl"`
			Branch string `json:"branch"`
			Auth   struct {
				Token string `json:"token"`
			} `json:"sourceControlAuthProperties"`
		} `json:"sourceRepository"`
	} `json:"sourceTriggers"`
	BaseImage *struct {
		Kind     string `json:"baseImageTriggerType"`
		Status   string `json:"status"`
		Endpoint string `json:"updateTriggerEndpoint"`
	} `json:"baseImageTrigger"`
}

// enabled reports whether a status, which is Enabled unless it says otherwise, lets a trigger start a task.
func enabled(status string) bool { return status == "" || strings.EqualFold(status, "Enabled") }

// triggersOf reads the triggers of a task; one that is switched off has none.
func triggersOf(d *azure.Document) (t triggers) {
	var read struct {
		Status  string   `json:"status"`
		Trigger triggers `json:"trigger"`
	}
	if decode(d.Body["properties"], &read) != nil || !enabled(read.Status) {
		return triggers{}
	}
	return read.Trigger
}

// set starts a task for a trigger.
func (s *Service) set(ctx context.Context, task *azure.Document, by occasion, override map[string]any) {
	registry, _ := task.ID.Parent()
	request := map[string]any{"type": "TaskRunRequest", "taskId": task.ID.String()}
	if override != nil {
		request["overrideTaskStepProperties"] = override
	}
	e := entry{registry: registry, request: request, occasion: by, note: unnoted}
	if _, err := s.schedule(ctx, e); err != nil && ctx.Err() == nil {
		s.Log.Error("start a triggered run", "task", task.ID, "error", err)
	}
}

// unnoted notes nothing.
func unnoted(*azure.State, azure.ResourceID) ([]azure.Document, error) { return nil, nil }
