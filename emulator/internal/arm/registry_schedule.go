package arm

import (
	"errors"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// scheduleRun queues a run, and shows it (acr-tasks §2). az takes 200 and 202; other clients only 200.
func scheduleRun(c *call, d *azure.Document, given map[string]any) (answer, error) {
	if c.Tasks == nil {
		return answer{}, errTasks.with()
	}
	request := azure.MergePatch(nil, given)
	if err := azure.NormalizeRunRequest(request); err != nil {
		return answer{}, err
	}
	azure.DropNulls(request)
	if err := c.checkRequest(azure.TypeRegistry+"/scheduleRun/action", d.ID, request); err != nil {
		return answer{}, err
	}
	id, err := c.Tasks.Schedule(c.r.Context(), d.ID, request, c.principal)
	if err != nil {
		return answer{}, err
	}
	c.state = c.Backend.State()
	run, found := c.state.Get(id.Key())
	if !found {
		return answer{}, c.missing(id, c.kindOf(azure.TypeRun))
	}
	return ok(c.show(run)), nil
}

// checkRequest looks at a request for a run that is made to a resource by a right: at its form, that its task is one of the
// registry's and the principal may read it, and that there is the agent pool that it names.
func (c *call) checkRequest(right string, of azure.ResourceID, request map[string]any) error {
	if err := azure.CheckRunRequest(request); err != nil {
		return err
	}
	registry := of
	if !of.Is(azure.TypeRegistry) {
		registry, _ = of.Parent()
	}
	if textAt(request, "type") == azure.TaskRunRequest {
		if err := c.checkRequestedTask(right, of, registry, textAt(request, "taskId")); err != nil {
			return err
		}
	}
	name := textAt(request, "agentPoolName")
	if name == "" {
		return nil
	}
	pool, err := azure.ParseResourceID(registry.String() + "/agentPools/" + name)
	if err == nil {
		if _, found := c.state.Get(pool.Key()); found {
			return nil
		}
	}
	return errPoolMissing.about("agentPoolName", registry.Name(), name)
}

// checkRequestedTask wants a task of this registry. Whoever may not read it is not told whether it is there.
func (c *call) checkRequestedTask(right string, of, registry azure.ResourceID, text string) error {
	id, err := azure.ParseResourceID(text)
	if above, _ := id.Parent(); err != nil || !id.Is(azure.TypeTask) || above.Key() != registry.Key() {
		return errTaskElsewhere.about("taskId", text, registry.Name())
	}
	const read = azure.TypeTask + "/read"
	if !c.may(read, id) {
		return errLinkForbidden.with(c.clientName(), c.principal, right, of, read, id)
	}
	if _, found := c.state.Get(id.Key()); !found {
		return c.missing(id, c.kindOf(azure.TypeTask))
	}
	return nil
}

// targeted puts the path of what holds a member before the name of the member that an error is about.
func targeted(above string, err error) error {
	if known, ok := errors.AsType[*azure.Error](err); ok {
		moved := *known
		moved.Target = strings.TrimSuffix(above+known.Target, ".")
		return &moved
	}
	if known, ok := errors.AsType[*Error](err); ok && known.Target != "" {
		moved := *known
		moved.Target = above + known.Target
		return &moved
	}
	return err
}

// listSourceUpload makes room for the source of a run, and tells where to write it.
func listSourceUpload(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	if c.Tasks == nil {
		return answer{}, errTasks.with()
	}
	upload, path, err := c.Tasks.SourceUpload(c.r.Context(), d.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"uploadUrl": c.BlobURL(c.r, upload).String(), "relativePath": path}), nil
}
