package arm

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
	"github.com/acrlocal/acrlocal/gate"
)

// scratch is a backend that keeps changes to itself: rights are the real ones, documents a copy.
type scratch struct {
	Backend
	mu    sync.Mutex
	state *azure.State
}

// State returns the copy, with the changes that were made to it.
func (s *scratch) State() *azure.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Apply changes the copy. What a gate would refuse beyond that is not known before it is asked.
func (s *scratch) Apply(_ context.Context, change azure.Change) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.state.With(change)
	if err == nil {
		s.state = next
	}
	return 0, err
}

// Authorize judges by the roles as they really are. An identity that only the copy has is known, and has no role.
func (s *scratch) Authorize(principalID, action, scope string) gate.Authorization {
	judged := s.Backend.Authorize(principalID, action, scope)
	if judged.Reason == gate.PrincipalUnknown && hasIdentity(s.State(), principalID) {
		judged.Reason = gate.NoRole
	}
	return judged
}

// hasIdentity reports whether a principal is a managed identity of a resource.
func hasIdentity(state *azure.State, principalID string) bool {
	for _, d := range state.All() {
		path := "identity.principalId"
		if d.Is(azure.TypeUserAssignedIdentity) {
			path = "properties.principalId"
		}
		if strings.EqualFold(textAt(d.Body, path), principalID) {
			return true
		}
	}
	return false
}

// try deploys a template on a copy of the documents. It returns the server of the copy, and the deployment in it.
func (c *call) try(id azure.ResourceID, data []byte) (*server, *azure.Document, error) {
	options := c.Options
	options.Backend = &scratch{Backend: c.Backend, state: c.state}
	options.Writing = nil // what is scratched is nobody else's
	copied := newServer(options)
	on := inside{server: copied, r: c.r, correlation: c.correlation}
	if _, err := on.send(c.r.Context(), http.MethodPut, id.String(), c.version, data); err != nil {
		return nil, nil, err
	}
	d, found := options.Backend.State().Get(id.Key())
	if !found {
		return nil, nil, errDeploymentMissing.with(id.Name())
	}
	if failure, failed := lookUp(d.Body, "properties.error"); failed {
		return nil, nil, readError(failure)
	}
	return copied, d, nil
}

// validateDeployment tries a deployment, and tells what would fail.
func validateDeployment(c *call) (answer, error) {
	id, err := c.deploymentID(1, template.DeploymentType+"/validate/action")
	if err != nil {
		return answer{}, err
	}
	data, err := c.body()
	if err != nil {
		return answer{}, err
	}
	_, d, err := c.try(id, data)
	if err != nil {
		return answer{}, c.refuseDeployment(id, err)
	}
	body := c.show(d)
	resources, _ := lookUp(body, "properties.outputResources")
	removeAt(body, "properties.outputResources")
	removeAt(body, "properties.outputs")
	setAt(body, "properties.validatedResources", resources)
	setAt(body, "properties.timestamp", c.timestamp())
	return ok(body), nil
}

// refuseDeployment is the error of a trial. What is wrong with the template as such keeps its own code; what a resource's
// provider says is the inner error.
func (c *call) refuseDeployment(id azure.ResourceID, err error) error {
	var known *Error
	if !errors.As(err, &known) || known.Code != errDeploymentFailed.code {
		return err
	}
	failure := errDeploymentInvalid.with(id.Name(), uuid.NewString())
	failure.Details = known.Details
	for _, detail := range known.Details {
		if detail.Status == http.StatusForbidden {
			failure.Status = detail.Status
		}
	}
	return failure
}

// whatIf tells what a deployment would change: it deploys to a copy of the documents, and compares.
func whatIf(c *call) (answer, error) {
	id, err := c.deploymentID(1, template.DeploymentType+"/whatIf/action")
	if err != nil {
		return answer{}, err
	}
	data, err := c.body()
	if err != nil {
		return answer{}, err
	}
	copied, d, err := c.try(id, data)
	if err != nil {
		return answer{}, c.refuseDeployment(id, err)
	}
	p := &prediction{before: c, after: c.in(copied), touched: map[string]bool{}}
	for _, one := range objectsAt(d.Body, deployedMember+".resources") {
		p.compare(textAt(one, "id"), textAt(one, "apiVersion"))
	}
	scope, _ := id.Parent()
	p.others(scope)
	if wantsIDsOnly(data) {
		p.dropBodies()
	}
	return ok(map[string]any{"status": stateSucceeded, "properties": map[string]any{"changes": append([]any{}, p.changes...)}}), nil
}

// wantsIDsOnly reports whether the client wants to see no more than which resources change.
func wantsIDsOnly(data []byte) bool {
	body, _, err := template.ReadBody(data)
	return err == nil && strings.EqualFold(textAt(body, "properties.whatIfSettings.resultFormat"), "ResourceIdOnly")
}

// in is the call as another server would see it.
func (c *call) in(s *server) *call {
	other := *c
	other.server, other.state = s, s.Backend.State()
	return &other
}

// prediction compares the documents before and after a deployment.
type prediction struct {
	before, after *call
	touched       map[string]bool
	changes       []any
}

func (p *prediction) dropBodies() {
	for _, change := range p.changes {
		for _, name := range []string{"before", "after", "delta"} {
			delete(change.(map[string]any), name)
		}
	}
}

// compare adds what happens to a resource that the template has.
func (p *prediction) compare(text, version string) {
	id, err := azure.ParseResourceID(text)
	if err != nil || p.touched[id.Key()] {
		return
	}
	p.touched[id.Key()] = true
	was, existed := p.before.state.Get(id.Key())
	is, exists := p.after.state.Get(id.Key())
	if !exists {
		return
	}
	after := p.body(p.after, is, version)
	if !existed {
		for _, path := range p.after.kindOf(id.Type()).readOnly {
			removeAt(after, path) // Azure will set them, to what is not known yet
		}
		p.add("Create", is.ID, nil, after)
		return
	}
	if !p.before.may(p.before.kindOf(id.Type()).action("read"), id) {
		p.add("Deploy", is.ID, nil, nil) // what it is now is not for everybody who may write it
		return
	}
	before := p.body(p.before, was, version)
	delta := compareObjects(before, after, "")
	change := p.add("Modify", is.ID, before, after)
	if len(delta) == 0 {
		change["changeType"] = "NoChange"
	}
	change["delta"] = append([]any{}, delta...)
}

// others adds the resources of the group that the template does not have.
func (p *prediction) others(scope azure.ResourceID) {
	if !scope.Is(azure.TypeResourceGroup) {
		return
	}
	for _, d := range groupResources(p.before.state, scope) {
		if p.touched[d.ID.Key()] || !p.before.may(p.before.kindOf(d.Type()).action("read"), d.ID) {
			continue
		}
		before := p.body(p.before, d, latestVersion)
		if _, stays := p.after.state.Get(d.ID.Key()); stays {
			p.add("Ignore", d.ID, before, before)
		} else {
			p.add("Delete", d.ID, before, nil)
		}
	}
}

func (p *prediction) add(kind string, id azure.ResourceID, before, after map[string]any) map[string]any {
	change := map[string]any{"resourceId": id.String(), "changeType": kind}
	if before != nil {
		change["before"] = before
	}
	if after != nil {
		change["after"] = after
	}
	p.changes = append(p.changes, change)
	return change
}

// volatile are the members that change by themselves with every write.
var volatile = []string{
	"systemData", "etag", "properties.provisioningState", "properties.creationDate", "properties.createdOn", "properties.createdBy",
	"properties.updatedOn", "properties.updatedBy", "properties.policies.retentionPolicy.lastUpdatedTime",
	"properties.policies.softDeletePolicy.lastUpdatedTime",
}

// body is what a change shows of a resource: what a client sees, but for what changes by itself.
func (p *prediction) body(c *call, d *azure.Document, version string) map[string]any {
	seen := *c
	seen.version = azure.Fold(version)
	body := seen.show(d)
	for _, path := range volatile {
		removeAt(body, path)
	}
	body["apiVersion"] = version
	return body
}
