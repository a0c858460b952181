package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// ending is how a run ended.
type ending struct {
	status string
	err    error // nil if it ended well
	begun  time.Time
	log    *runLog // nil if there is none yet
	// outputs and dependencies are what the run noted.
	outputs      []any
	dependencies []any
}

// endings are what logs and documents say of how a run ended, by its status: the last line, a format for the ID, the time
// it took and the error; the mark of the log; and the provisioning state (acr-tasks §1.6).
var endings = map[string]struct{ line, mark, provisioning string }{
	statusSucceeded: {"Run ID: %[1]s was successful after %[2]s", "successful", "Succeeded"},
	statusFailed:    {"Run ID: %[1]s failed after %[2]s. Error: failed during run, err: exit status 1", "failed", "Failed"},
	statusCanceled:  {"Run ID: %[1]s was canceled after %[2]s", "canceled", "Canceled"},
	statusTimeout:   {"Run ID: %[1]s timed out after %[2]s. Error: failed during run, err: timed out", "timedout", "Failed"},
	statusError:     {"Run ID: %[1]s failed after %[2]s. Error: %[3]v", "internalerror", "Failed"},
}

// statusOfEnd is the state of a run that ended with an error, or with none.
func statusOfEnd(err error) string {
	switch {
	case err == nil:
		return statusSucceeded
	case errors.Is(err, errTimeout):
		return statusTimeout
	case errors.Is(err, errCanceled):
		return statusCanceled
	case errors.Is(err, errStopped):
		return statusError
	}
	return statusFailed
}

// end writes down how a run ended: at the end of its log, and in its document.
func (s *Service) end(ctx context.Context, id azure.ResourceID, e ending) {
	how := endings[e.status]
	now := s.Cloud.Now()
	took := time.Duration(0)
	if !e.begun.IsZero() {
		took = now.Sub(e.begun).Round(time.Second)
	}
	var err error
	if e.log == nil {
		e.log, err = s.continueLog(id)
	}
	if err == nil {
		last := fmt.Sprintf(how.line, id.Name(), took, e.err)
		err = e.log.finish(last, how.mark)
	}
	if err != nil {
		s.Log.Error("finish the log of a run", "run", id, "error", err)
	}
	err = s.note(ctx, id, func(body, about map[string]any) {
		about["status"], about["provisioningState"], about["finishTime"] = e.status, how.provisioning, stamp(now)
		if e.err != nil && e.status != statusCanceled {
			about["runErrorMessage"] = e.message()
		}
		if len(e.outputs) > 0 {
			about["outputImages"] = e.outputs
		}
		if len(e.dependencies) > 0 {
			body["dependencies"] = e.dependencies
		}
	})
	if err != nil && !errors.Is(err, errGone) {
		s.Log.Error("note the end of a run", "run", id, "error", err)
	}
}

// message is what the document says of an error.
func (e ending) message() string {
	if e.status == statusFailed {
		return "failed during run, err: exit status 1"
	}
	return e.err.Error()
}

// continueLog is the log of a run that nobody works at: as it was left, or a new one.
func (s *Service) continueLog(id azure.ResourceID) (*runLog, error) {
	l := &runLog{blobs: s.Blobs, ref: logOf(id), now: s.Cloud.Now}
	if _, err := s.Blobs.Stat(l.ref); err == nil {
		return l, nil
	}
	return l, s.Blobs.Create(l.ref)
}
