package tasks

import (
	"context"
	"errors"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// startTaskRun schedules the run that a task run asks for, unless it has one. The two are noted in one change, so that none is
// scheduled twice.
func (s *Service) startTaskRun(ctx context.Context, d *azure.Document) {
	if d.Body["run"] != nil {
		return
	}
	registry, _ := d.ID.Parent()
	request, _ := properties(d)["runRequest"].(map[string]any)
	if request == nil {
		return
	}
	e := entry{registry: registry, request: request, note: func(state *azure.State, run azure.ResourceID) ([]azure.Document, error) {
		now, found := state.Get(d.ID.Key())
		if !found || now.Body["run"] != nil {
			return nil, errBegun
		}
		noted := now.Clone()
		noted.Body["run"] = run.String()
		return []azure.Document{noted}, nil
	}}
	if has, err := azure.ReadManagedIdentity(*d); err == nil && (has.System || len(has.UserAssigned) > 0) {
		e.host = d.ID
	}
	if _, err := s.schedule(ctx, e); err != nil && !errors.Is(err, errBegun) && ctx.Err() == nil {
		s.Log.Error("start a task run", "taskRun", d.ID, "error", err)
	}
}
