package tasks

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/trigger"
)

// pushed starts the tasks whose images are built from a tag that was pushed: those of all registries, by what their last run
// was built from.
func (s *Service) pushed(ctx context.Context, e agent.Event) {
	image := trigger.Image{Registry: azure.LoginServer(e.Registry), Repository: e.Repository, Tag: e.Tag, Digest: e.Digest}
	state := s.Cloud.State()
	for _, task := range state.OfType(azure.TypeTask) {
		base := triggersOf(task).BaseImage
		if base == nil || !enabled(base.Status) {
			continue
		}
		last := lastBuild(state, task)
		if last == nil || makes(last, image) || len(trigger.Updated(cmp.Or(base.Kind, trigger.Runtime), image, dependenciesOf(last))) == 0 {
			continue
		}
		by := occasion{member: "imageUpdateTrigger", about: map[string]any{
			"id": uuid.NewString(), "timestamp": stamp(e.Time), "images": []any{map[string]any{
				"registry": image.Registry, "repository": image.Repository, "tag": image.Tag, "digest": image.Digest,
			}},
		}}
		if base.Endpoint != "" {
			by.remark = "The update trigger endpoint of the task is outside this emulator: nothing is sent there, the task is run instead."
		}
		s.set(ctx, task, by, nil)
	}
}

// lastBuild is the last run of a task of which it is known what it was built from; nil if there is none.
func lastBuild(s *azure.State, task *azure.Document) (last *azure.Document) {
	registry, _ := task.ID.Parent()
	for _, d := range s.Children(registry.Key(), azure.TypeRun) {
		if azure.Fold(textOf(properties(d)["task"])) == azure.Fold(task.ID.Name()) && d.Body["dependencies"] != nil && (last == nil || number(d) > number(last)) {
			last = d
		}
	}
	return last
}

// dependenciesOf is what a run was built from.
func dependenciesOf(d *azure.Document) (all []trigger.Dependency) {
	var read []struct {
		Type, Registry, Repository, Tag, Digest string
	}
	if decode(d.Body["dependencies"], &read) != nil {
		return nil
	}
	for _, r := range read {
		image := trigger.Image{Registry: r.Registry, Repository: r.Repository, Tag: r.Tag, Digest: r.Digest}
		all = append(all, trigger.Dependency{Image: image, Runtime: r.Type == runtimeDependency})
	}
	return all
}

// makes reports whether a run pushed the tag itself: a task that builds on its own image would start itself for ever.
func makes(d *azure.Document, image trigger.Image) bool {
	outputs, _ := properties(d)["outputImages"].([]any)
	for _, output := range outputs {
		o, _ := output.(map[string]any)
		if azure.Fold(textOf(o["registry"])) == azure.Fold(image.Registry) && o["repository"] == image.Repository && o["tag"] == image.Tag {
			return true
		}
	}
	return false
}
