package arm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// The states of a deployment.
const (
	stateRunning   = "Running"
	stateSucceeded = "Succeeded"
	stateFailed    = "Failed"
	stateCanceled  = "Canceled"
)

// deployedMember is the member of a deployment's document that holds what has APIs of its own: the template, the operations,
// and the resources with the versions of their APIs. Clients do not see it.
const deployedMember = "deployed"

// showDeployment brings a deployment's document to what a client sees of it.
func showDeployment(_ *call, _ azure.ResourceID, body map[string]any) {
	delete(body, "location") // which a seed file makes up for deployments to a group
	if location := textAt(body, deployedMember+".location"); location != "" {
		body["location"] = location
	}
	delete(body, deployedMember)
}

// begin writes down that the deployment is under way, and reports whether there was one of the name.
func (run *deploying) begin() (existed bool, err error) {
	run.Writing.Lock()
	defer run.Writing.Unlock()
	run.state = run.Backend.State()
	if err := run.authorize(template.DeploymentType+"/write", run.id); err != nil {
		return false, err // again: the template may have been long in coming
	}
	if err := run.checkLocks("write", run.id); err != nil {
		return false, err
	}
	if old, found := run.state.Get(run.id.Key()); found {
		existed, run.id = true, old.ID
		if err := run.checkReplaces(old); err != nil {
			return existed, err
		}
	}
	var forget []string
	if !existed {
		if forget, err = run.forgotten(); err != nil {
			return false, err
		}
	}
	return existed, run.store(run.document(stateRunning), forget)
}

// checkReplaces refuses to replace a deployment that is under way, or in another region.
func (run *deploying) checkReplaces(old *azure.Document) error {
	begun, _ := time.Parse(time.RFC3339Nano, textAt(old.Body, "properties.timestamp"))
	if textAt(old.Body, "properties.provisioningState") == stateRunning && run.Now().Before(begun.Add(maxDeploying)) {
		return errDeploymentActive.with(run.id.Name(), begun.Format(time.RFC3339))
	}
	if was := textAt(old.Body, deployedMember+".location"); was != "" && run.location != "" && was != run.location {
		return errDeploymentMoved.with(run.location, run.id.Name(), was)
	}
	return nil
}

// forgotten are the keys of the oldest deployment of the scope and of what is below it, when there are too many. One that a
// lock keeps is not forgotten; if that is all of them, there is no room, as in ARM.
func (run *deploying) forgotten() ([]string, error) {
	scope, _ := run.id.Parent()
	all := deploymentsAt(run.state, scope)
	if len(all) < maxDeployments {
		return nil, nil
	}
	free := slices.DeleteFunc(slices.Clone(all), func(d *azure.Document) bool { return run.checkLocks("delete", d.ID) != nil })
	if len(free) == 0 {
		return nil, errDeploymentQuota.with(run.id.Name(), maxDeployments, len(all))
	}
	oldest := slices.MinFunc(free, func(a, b *azure.Document) int {
		return strings.Compare(textAt(a.Body, "properties.timestamp"), textAt(b.Body, "properties.timestamp"))
	})
	keys := []string{oldest.ID.Key()}
	for _, d := range run.state.Below(oldest.ID.Key()) {
		keys = append(keys, d.ID.Key())
	}
	return keys, nil
}

func (run *deploying) store(body map[string]any, forget []string) error {
	plain, err := plainJSON(body)
	if err != nil {
		return err
	}
	run.revision, err = run.Backend.Apply(context.WithoutCancel(run.r.Context()), azure.Change{Put: []azure.Document{{ID: run.id, Body: plain}}, Delete: forget})
	return err
}

// plainJSON is an object as documents have it: all numbers are float64, and nothing is shared.
func plainJSON(object map[string]any) (plain map[string]any, err error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return plain, json.Unmarshal(data, &plain)
}

// finish writes down how the deployment ended, unless it was deleted meanwhile, perhaps with its resource group.
func (run *deploying) finish(outputs map[string]any, failure error) (*azure.Document, error) {
	state := stateSucceeded
	var known *Error
	switch {
	case errors.As(failure, &known) && known.Code == errDeploymentCanceled.code:
		state = stateCanceled
	case failure != nil:
		state = stateFailed
	}
	body := run.document(state)
	properties := body["properties"].(map[string]any)
	if failure != nil {
		properties["error"] = bodyOf(asError(failure))
	}
	if outputs != nil {
		properties["outputs"] = outputs
	}
	run.Writing.Lock()
	defer run.Writing.Unlock()
	if _, stays := run.Backend.State().Get(run.id.Key()); !stays {
		return nil, errDeploymentMissing.with(run.id.Name())
	}
	if err := run.store(body, nil); err != nil {
		return nil, err
	}
	run.state = run.Backend.State()
	return run.deployment(run.id)
}

// document is what there is to say of the deployment now.
func (run *deploying) document(state string) map[string]any {
	now := run.Now()
	properties := map[string]any{
		"templateHash": run.template.Hash(), "parameters": run.plan.Parameters(), "mode": run.mode, "provisioningState": state,
		"timestamp": now.UTC().Format(time.RFC3339Nano), "duration": isoDuration(now.Sub(run.begun)), "correlationId": run.correlation,
		"providers": providersOf(run.plan.Resources()), "dependencies": dependenciesOf(run.plan.Resources()),
	}
	body := map[string]any{"id": run.id.String(), "name": run.id.Name(), "type": template.DeploymentType, "properties": properties}
	if run.tags != nil {
		body["tags"] = run.tags
	}
	var resources, shown []any
	for _, one := range run.done {
		resources = append(resources, map[string]any{"id": one.id, "apiVersion": one.version})
		shown = append(shown, map[string]any{"id": one.id})
	}
	if state == stateSucceeded {
		properties["outputResources"] = append([]any{}, shown...)
	}
	body[deployedMember] = map[string]any{
		"template": json.RawMessage(run.template.Minified()), "operations": run.operations, "resources": resources, "location": run.location,
	}
	return body
}

// isoDuration is a duration as ISO 8601 writes it.
func isoDuration(d time.Duration) string { return fmt.Sprintf("PT%.7fS", d.Seconds()) }

// providersOf lists the types of resources by their providers.
func providersOf(resources []*template.Resource) []any {
	byNamespace := map[string]map[string]bool{}
	for _, r := range resources {
		namespace, kind, _ := strings.Cut(r.Type, "/")
		if byNamespace[namespace] == nil {
			byNamespace[namespace] = map[string]bool{}
		}
		byNamespace[namespace][kind] = true
	}
	providers := []any{}
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		types := []any{}
		for _, kind := range slices.Sorted(maps.Keys(byNamespace[namespace])) {
			types = append(types, map[string]any{"resourceType": kind, "locations": []any{nil}})
		}
		providers = append(providers, map[string]any{"namespace": namespace, "resourceTypes": types})
	}
	return providers
}

// maxDependencies is how many dependencies a deployment's document lists. A template can have a third of a million.
const maxDependencies = 2000

func dependenciesOf(resources []*template.Resource) []any {
	dependencies, count := []any{}, 0
	for _, r := range resources {
		if count += len(r.DependsOn); len(r.DependsOn) == 0 || count > maxDependencies {
			continue
		}
		var on []any
		for _, before := range r.DependsOn {
			on = append(on, resourceBody(before))
		}
		entry := resourceBody(r)
		entry["dependsOn"] = on
		dependencies = append(dependencies, entry)
	}
	return dependencies
}

func resourceBody(r *template.Resource) map[string]any {
	return map[string]any{"id": r.ID, "resourceType": r.Type, "resourceName": r.Name}
}

// note keeps the operation by which the deployment wrote, read or deleted a resource.
func (run *deploying) note(doing string, r *template.Resource, begun time.Time, err error) {
	state, code := stateSucceeded, http.StatusText(http.StatusOK)
	properties := map[string]any{
		"timestamp": run.timestamp(), "duration": isoDuration(run.Now().Sub(begun)), "trackingId": run.correlation,
		"targetResource": resourceBody(r),
	}
	if err != nil {
		failure := asError(err)
		state, code = stateFailed, strings.ReplaceAll(http.StatusText(failure.Status), " ", "")
		properties["statusMessage"] = map[string]any{"status": stateFailed, "error": bodyOf(failure)}
	}
	properties["provisioningOperation"], properties["provisioningState"], properties["statusCode"] = doing, state, code
	id := newOperationID()
	run.operations = append(run.operations, map[string]any{
		"id": run.id.String() + "/operations/" + id, "operationId": id, "properties": properties,
	})
}
