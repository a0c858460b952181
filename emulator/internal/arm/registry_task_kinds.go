package arm

import (
	"net/http"
	"reflect"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The rows of the table of errors that are of ACR Tasks.
var (
	errTasks = refusal{
		http.StatusNotImplemented, "TasksNotCarriedOut",
		"Tasks are kept here, and not carried out: this emulator was started without a service that runs them.",
	}
	errStepMissing = refusal{
		http.StatusBadRequest, "InvalidRequestContent",
		"The task has no step. Only a system task goes without 'properties.step'; it is called 'quicktask' and says 'isSystemTask'.",
	}
	errTaskElsewhere = refusal{
		http.StatusBadRequest, "InvalidTaskId", "The task '%.300s' is not a task of the registry '%s'.",
	}
	errPoolMissing = refusal{http.StatusBadRequest, "AgentPoolNotFound", "The registry '%s' has no agent pool '%.80s'."}
)

// systemTask is the task by which a registry's owner sets how quick runs go. It does nothing itself.
const systemTask = "quicktask"

// taskKinds are the rows of what ACR Tasks are made of.
func taskKinds() []kind {
	details := map[string]action{"listdetails": {name: "listDetails", serve: listDetails}}
	return []kind{
		{
			name: azure.TypeTask, located: true, instant: true, readOnly: append([]string{"properties.step.baseImageDependencies"}, childReads[:2]...),
			check: called(mapName, checkTask), merge: mergeTask, show: showTask, actions: details, created: http.StatusOK, // az-cli §1, surprise 2
		},
		{
			name: azure.TypeTaskRun, readOnly: taskRunReads, check: called(mapName, checkTaskRun), show: showTaskRun, actions: details,
		},
		{
			name: azure.TypeRun, methods: []string{http.MethodGet, http.MethodHead, http.MethodPatch}, show: showRun,
			serve: map[string]handler{http.MethodPatch: patchRun},
			actions: map[string]action{
				"cancel": {name: "cancel", serve: cancelRun}, "listlogsasurl": {name: "listLogSasUrl", serve: listLogURL},
			},
		},
		{
			name: azure.TypeAgentPool, located: true, readOnly: childReads, check: called(poolName, nil), find: findRemovedPool,
			links:   []link{joinSubnet("properties.virtualNetworkSubnetResourceId")},
			actions: map[string]action{"listqueuestatus": {name: "listQueueStatus", serve: listQueueStatus}},
		},
	}
}

func showTask(_ *call, _ azure.ResourceID, body map[string]any) {
	if properties, isObject := body["properties"].(map[string]any); isObject {
		azure.ConcealWork(properties)
	}
}

// listDetails shows a document with its secrets.
func listDetails(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	body := c.details(d)
	if d.Is(azure.TypeTaskRun) {
		c.showRunOf(body)
	}
	return ok(body), nil
}

// checkTask wants a task that a client writes to have something to do.
func checkTask(w *write) error {
	isSystem, _ := lookUp(w.body, "properties.isSystemTask")
	step, _ := lookUp(w.body, "properties.step")
	if object, _ := step.(map[string]any); len(object) == 0 && (isSystem != true || w.id.Name() != systemTask) {
		return errStepMissing.about("properties.step")
	}
	return nil
}

// mergeTask brings a change of a task to the form in which it is merged as ACR does it: a step of another type takes the
// place of the old one, credentials of a registry are a whole, and triggers are known by their names (az acr task timer
// update sends one of several, and only what changes of it).
func mergeTask(old, changes map[string]any) {
	was, now := textAt(old, "properties.step.type"), textAt(changes, "properties.step.type")
	if now != "" && now != was {
		replace(lookUpOnly(old, "properties.step"), lookUpOnly(changes, "properties.step"))
	}
	const registries = "properties.credentials.customRegistries"
	had := asObject(lookUpOnly(old, registries))
	for host, given := range asObject(lookUpOnly(changes, registries)) {
		replace(had[host], given)
	}
	for _, list := range []string{"properties.trigger.timerTriggers", "properties.trigger.sourceTriggers"} {
		if given, found := lookUp(changes, list); found && given != nil {
			setAt(changes, list, mergeNamed(objectsAt(old, list), objectsAt(changes, list)))
		}
	}
}

// mergeNamed merges items into those of the same name, and adds the others.
func mergeNamed(old, changes []map[string]any) []any {
	merged := make([]any, 0, len(old)+len(changes))
	rest := slices.Clone(changes)
	for _, item := range old {
		at := slices.IndexFunc(rest, func(change map[string]any) bool {
			return azure.Fold(textAt(change, "name")) == azure.Fold(textAt(item, "name"))
		})
		if at >= 0 {
			item = azure.MergePatch(item, rest[at])
			rest = slices.Delete(rest, at, at+1)
		}
		merged = append(merged, item)
	}
	for _, item := range rest {
		merged = append(merged, item)
	}
	return merged
}

// replace has the change of an object take away the members of which it says nothing.
func replace(old, change any) {
	after := asObject(change)
	for name := range asObject(old) {
		if _, said := after[name]; !said && after != nil {
			after[name] = nil
		}
	}
}

func lookUpOnly(object map[string]any, path string) any {
	value, _ := lookUp(object, path)
	return value
}

func asObject(value any) map[string]any {
	object, _ := value.(map[string]any)
	return object
}

// taskRunReads are the members of a task run that are no client's: run is where its run is noted (see Tasks).
var taskRunReads = []string{"run", "properties.runResult", "properties.provisioningState"}

// checkTaskRun looks at a request for a run that is kept as a document. Unless it is the one that was there, its run is to
// come.
func checkTaskRun(w *write) error {
	request := asObject(lookUpOnly(w.body, "properties.runRequest"))
	if err := w.checkRequest(w.kind.action("write"), w.id, request); err != nil {
		return targeted("properties.runRequest.", err)
	}
	if w.old != nil && reflect.DeepEqual(asked(w.old.Body), asked(w.body)) {
		return nil
	}
	if w.Tasks == nil {
		return errTasks.with()
	}
	delete(w.body, "run")
	return nil
}

// asked is what a task run asks for.
func asked(body map[string]any) []any {
	return []any{lookUpOnly(body, "properties.runRequest"), lookUpOnly(body, "properties.forceUpdateTag")}
}

// showTaskRun shows how the run of a task run is doing.
func showTaskRun(c *call, _ azure.ResourceID, body map[string]any) {
	c.showRunOf(body)
	azure.ConcealWork(asObject(lookUpOnly(body, "properties.runRequest")))
}

// taskRunStates are what provisioningState says of a task run whose run has a status; of any other the run goes on.
var taskRunStates = map[string]string{
	azure.RunSucceeded: stateSucceeded, azure.RunCanceled: stateCanceled,
	azure.RunFailed: stateFailed, azure.RunError: stateFailed, azure.RunTimeout: stateFailed,
}

// showRunOf puts the run of a task run in the place of its name.
func (c *call) showRunOf(body map[string]any) {
	state := "Creating"
	if id, err := azure.ParseResourceID(textAt(body, "run")); err == nil {
		if run, found := c.state.Get(id.Key()); found {
			setAt(body, "properties.runResult", c.show(run))
			if ended := taskRunStates[textAt(run.Body, "properties.status")]; ended != "" {
				state = ended
			}
		}
	}
	setAt(body, "properties.provisioningState", state)
	delete(body, "run")
}

// findRemovedPool shows az a pool that is gone. az 2.45 asks how the removal of a pool is doing by a GET of the pool, and
// fails unless that finds one (its _agentpool_polling.py); it says in a header of its own which command is at work.
func findRemovedPool(c *call, id azure.ResourceID) (*azure.Document, bool) {
	if c.r.Method != http.MethodGet || c.r.Header.Get("CommandName") != "acr agentpool delete" {
		return nil, false
	}
	return &azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": id.Name(), "type": azure.TypeAgentPool, "properties": map[string]any{"provisioningState": stateSucceeded},
	}}, true
}

// listQueueStatus tells how many runs wait for an agent pool.
func listQueueStatus(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	queued := 0
	if c.Tasks != nil {
		queued = c.Tasks.Queued(d.ID)
	}
	return ok(map[string]any{"count": queued}), nil
}
