package arm

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Learning runs jobs and deployments of Machine Learning. A job is a document that the implementation follows: it writes
// properties.status, startTime, endTime and error {code, message}. How a deployment is doing, only the implementation knows.
// Its methods may be called from any number of goroutines.
type Learning interface {
	// Settle calls done, once, when it is known whether a deployment is ready, as its document is now. It waits for nothing.
	Settle(deployment azure.ResourceID, done func(error))
	// Show puts into the properties of a deployment how it is doing: provisioningState, and error {code, message}.
	Show(deployment azure.ResourceID, properties map[string]any)
	// Cancel ends a job. It is never called while [Options.Writing] is held.
	Cancel(ctx context.Context, job azure.ResourceID) error
	// Logs returns the last lines, all for a number below 1, that a job or a deployment printed.
	Logs(of azure.ResourceID, tail int) string
}

// learningKinds are those of Microsoft.MachineLearningServices that do something. Workspaces, endpoints and computes are places.
func learningKinds() []kind {
	logs := action{name: "getLogs", serve: getLearningLogs}
	return []kind{
		{name: azure.TypeEnvironment, find: findEnvironment, list: listEnvironments},
		{name: azure.TypeEnvironmentVersion},
		{
			name: azure.TypeTrainingJob, check: checkJob,
			readOnly: []string{"properties.status", "properties.startTime", "properties.endTime", "properties.error"},
			actions:  map[string]action{"cancel": {name: "cancel", serve: cancelJob}, "getlogs": logs},
		},
		{
			name: azure.TypeOnlineDeployment, located: true, check: checkServing, show: showServing, settle: settleServing,
			readOnly: []string{"properties.error"}, actions: map[string]action{"getlogs": logs},
		},
	}
}

var (
	errJobFixed    = refusal{400, "UserError", "The job '%s' exists already, and a job runs once: only its tags, description, displayName and isArchived change."}
	errNoVersion   = refusal{400, "UserError", "The environment '%s' does not exist."}
	errNoLearning  = refusal{501, "NotImplemented", "Jobs are not run by this emulator."}
	jobMayChange   = []string{"description", "displayName", "isArchived", "properties", "tags"}
	jobStaysAsItIs = []string{"jobType", "command", "environmentId", "computeId", "inputs", "environmentVariables", "limits"}
)

// findEnvironment finds an environment that has versions, or gets its first one now: nobody makes it first.
func findEnvironment(c *call, id azure.ResourceID) (*azure.Document, bool) {
	workspace, _ := id.Parent()
	if _, exists := c.state.Get(workspace.Key()); !exists {
		return nil, false
	}
	versions := c.state.Children(id.Key(), azure.TypeEnvironmentVersion)
	writing := c.r.Method == http.MethodPut && azure.Fold(c.path) != id.Key()
	if len(versions) == 0 && !writing {
		return nil, false
	}
	properties := map[string]any{"isArchived": false, "provisioningState": stateSucceeded}
	if len(versions) > 0 {
		properties["latestVersion"] = versions[len(versions)-1].ID.Name()
	}
	return &azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": id.Name(), "type": azure.TypeEnvironment, "properties": properties,
	}}, true
}

// listEnvironments lists the environments of a workspace that have versions, and those that somebody made.
func listEnvironments(c *call, t target) ([]*azure.Document, error) {
	environments := c.state.Children(t.scope.Key(), azure.TypeEnvironment)
	for _, version := range c.state.OfType(azure.TypeEnvironmentVersion) {
		id, _ := version.ID.Parent()
		workspace, _ := id.Parent()
		known := slices.ContainsFunc(environments, func(d *azure.Document) bool { return d.ID.Key() == id.Key() })
		if workspace.Key() != t.scope.Key() || known {
			continue
		}
		if d, found := findEnvironment(c, id); found {
			environments = append(environments, d)
		}
	}
	return environments, nil
}

// checkJob lets a new job begin, and an old one stay as it is.
func checkJob(w *write) error {
	if w.old == nil {
		setAt(w.body, "properties.status", azure.JobNotStarted)
		job, err := azure.ReadTrainingJob(azure.Document{ID: w.id, Body: w.body})
		if err != nil {
			return err
		}
		if err := w.checkRoom(goesOn); err != nil {
			return err
		}
		return w.checkVersion(job.Environment)
	}
	was, _ := w.old.Body["properties"].(map[string]any)
	given, _ := w.body["properties"].(map[string]any)
	for _, name := range jobStaysAsItIs {
		if value, found := given[name]; found && !reflect.DeepEqual(value, was[name]) {
			return errJobFixed.about("properties."+name, w.id.Name())
		}
	}
	stays := azure.Document{Body: w.old.Body}.Clone().Body["properties"].(map[string]any)
	for _, name := range jobMayChange {
		if value, found := given[name]; found {
			stays[name] = value
		}
	}
	w.body["properties"] = stays
	return nil
}

// goesOn reports whether a job has not ended.
func goesOn(d *azure.Document) bool {
	job, err := azure.ReadTrainingJob(*d)
	return err == nil && !job.Over()
}

// checkVersion refuses an environment that does not exist.
func (w *write) checkVersion(id azure.ResourceID) error {
	if _, exists := w.state.Get(id.Key()); !exists {
		return errNoVersion.about("properties.environmentId", id)
	}
	return nil
}

// serves reports whether a deployment is more than a place.
func serves(d *azure.Document) bool { return textAt(d.Body, "properties.environmentId") != "" }

func checkServing(w *write) error {
	if err := w.checkRoom(serves); err != nil {
		return err
	}
	d, err := azure.ReadOnlineDeployment(azure.Document{ID: w.id, Body: w.body})
	if err != nil || d.Environment.IsZero() {
		return err
	}
	return w.checkVersion(d.Environment)
}

func showServing(c *call, id azure.ResourceID, body map[string]any) {
	if properties, isObject := body["properties"].(map[string]any); isObject && c.Learning != nil {
		c.Learning.Show(id, properties)
	}
}

func settleServing(c *call, id azure.ResourceID, done func(error)) {
	if c.Learning == nil {
		done(nil)
		return
	}
	c.Learning.Settle(id, done)
}

// cancelJob ends a job.
func cancelJob(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	if c.Learning == nil {
		return answer{}, errNoLearning.with()
	}
	return answer{status: http.StatusOK}, c.Learning.Cancel(c.r.Context(), d.ID)
}

// getLearningLogs answers with what a job or a deployment printed. That of deployments is Azure's own action; jobs, whose logs
// Azure keeps elsewhere, have it too.
func getLearningLogs(c *call, d *azure.Document, given map[string]any) (answer, error) {
	if c.Learning == nil {
		return answer{}, errNoLearning.with()
	}
	tail, _ := given["tail"].(float64)
	return ok(map[string]any{"content": c.Learning.Logs(d.ID, int(tail))}), nil
}
