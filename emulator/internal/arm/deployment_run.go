package arm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// deploying is a deployment under way.
type deploying struct {
	*call
	*deploymentRequest
	inside inside
	id     azure.ResourceID
	plan   *template.Deployment
	frame  deploymentFrame
	begun  time.Time
	// done are the resources that were deployed so far, those of nested templates among them.
	done       []deployed
	operations []any
}

// deployed is a resource that a deployment has written, with the version of the API that its template wants.
type deployed struct{ id, version string }

// putDeployment deploys a template. It is over when the answer is sent; a failure is told as ARM tells it, by the operation
// that the answer names (az-cli §6.2).
func putDeployment(c *call) (answer, error) {
	id, err := c.deploymentID(0, template.DeploymentType+"/write")
	if err != nil {
		return answer{}, err
	}
	q, err := c.readDeployment(id)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := c.deployingContext()
	defer cancel()
	run, err := c.prepare(ctx, id, q)
	if err != nil {
		return answer{}, err
	}
	existed, err := run.begin()
	if err != nil {
		return answer{}, err
	}
	outputs, failure := run.all(ctx)
	d, err := run.finish(outputs, failure)
	if err != nil {
		return answer{}, err
	}
	return run.answered(d, existed, failure), nil
}

// deployingContext ends a deployment that takes too long. One that a client asks for goes on when the client is gone.
func (c *call) deployingContext() (context.Context, context.CancelFunc) {
	ctx := c.r.Context()
	if frameOf(ctx).level == 0 {
		ctx = context.WithoutCancel(ctx)
	}
	return context.WithTimeout(ctx, maxDeploying)
}

// prepare binds the template to its parameters, and asks for the rights that its resources need: what is wrong with a
// template as such is told before anything is deployed.
func (c *call) prepare(ctx context.Context, id azure.ResourceID, q *deploymentRequest) (*deploying, error) {
	run := &deploying{call: c, deploymentRequest: q, id: id, frame: frameOf(c.r.Context()), begun: c.Now()}
	if run.frame.level > maxNested {
		return nil, errNesting.with(maxNested)
	}
	run.inside = inside{server: c.server, r: c.r, correlation: c.correlation}
	if err := c.checkAbove(id, "write"); err != nil {
		return nil, err
	}
	environment := c.environment(id, q, run.inside)
	if q.outer {
		environment.Outer = run.frame.outer
	}
	var err error
	if run.plan, err = template.Bind(ctx, q.template, environment, q.parameters); err != nil {
		return nil, err
	}
	if *run.frame.left -= len(run.plan.Resources()); *run.frame.left < 0 {
		return nil, errResources.with(maxDeployed)
	}
	return run, run.checkRights()
}

// checkRights asks for the right to write each resource.
func (run *deploying) checkRights() error {
	for _, r := range run.plan.Resources() {
		id, err := azure.ParseResourceID(r.ID)
		if err != nil {
			return &template.Error{Code: template.CodeInvalid, Message: "The template resource '" + r.Name + "' has no valid ID: " + err.Error()}
		}
		k := run.kindOf(id.Type())
		if r.Skipped || r.Existing || run.may(k.action("write"), id) {
			continue
		}
		return errDeploymentForbades.with(r.Name, r.Type, run.clientName(), run.principal, k.action("write"), id)
	}
	return nil
}

// all deploys the resources, removes what a complete deployment leaves nothing of, and evaluates the outputs.
func (run *deploying) all(ctx context.Context) (outputs map[string]any, err error) {
	for _, r := range run.plan.Resources() {
		if r.Skipped {
			continue
		}
		if err := run.checkGoing(ctx); err != nil {
			return nil, err
		}
		if err := run.one(ctx, r); err != nil {
			return nil, err
		}
	}
	if run.mode == modeComplete {
		if err := run.removeOthers(ctx); err != nil {
			return nil, err
		}
	}
	outputs, err = run.plan.Outputs()
	if err == nil {
		err = checkOutputs(outputs)
	}
	if err != nil {
		return nil, run.failed(err, "")
	}
	return outputs, nil
}

// checkOutputs bounds what the deployment's document keeps of outputs, by the limit of a request. Outputs can be made that
// are much larger than their template.
func checkOutputs(outputs map[string]any) error {
	data, err := json.Marshal(outputs)
	if err == nil && len(data) > maxBody {
		return errOutputs.with(len(data), maxBody)
	}
	return err
}

// checkGoing ends a deployment that was canceled, or takes too long.
func (run *deploying) checkGoing(ctx context.Context) error {
	d, found := run.Backend.State().Get(run.id.Key())
	if !found || textAt(d.Body, "properties.provisioningState") == stateCanceled {
		return errDeploymentCanceled.with(run.id.Name())
	}
	return ctx.Err()
}

// one deploys a resource, or reads one that is to exist already.
func (run *deploying) one(ctx context.Context, r *template.Resource) error {
	begun, doing := run.Now(), "Create"
	var err error
	if r.Existing {
		doing = "Read"
		_, err = run.inside.Get(ctx, r.ID, r.APIVersion)
	} else {
		err = run.put(ctx, r)
	}
	run.note(doing, r, begun, err)
	if err != nil {
		return run.failed(err, r.ID)
	}
	return nil
}

func (run *deploying) put(ctx context.Context, r *template.Resource) error {
	body, err := run.plan.Body(r)
	if err != nil {
		return err
	}
	module := strings.EqualFold(r.Type, template.DeploymentType)
	if module {
		ctx = run.nest(ctx, r, body)
	}
	answered, err := run.inside.do(ctx, http.MethodPut, r.ID, r.APIVersion, body)
	if err != nil {
		return err
	}
	shown, _ := answered.(map[string]any)
	if !module {
		run.done = append(run.done, deployed{r.ID, r.APIVersion})
		return nil
	}
	run.done = append(run.done, run.doneBy(r.ID)...)
	if textAt(shown, "properties.provisioningState") != stateSucceeded {
		failure, _ := lookUp(shown, "properties.error")
		return readError(failure)
	}
	return nil
}

// nest makes the frame of a module. Its expressions are the outer template's, unless it says otherwise.
func (run *deploying) nest(ctx context.Context, r *template.Resource, body map[string]any) context.Context {
	if textAt(body, "properties.expressionEvaluationOptions.scope") == "" {
		setAt(body, "properties.expressionEvaluationOptions", map[string]any{"scope": "outer"})
	}
	return context.WithValue(ctx, deploymentFrameKey{}, deploymentFrame{
		level: run.frame.level + 1, left: run.frame.left, outer: run.plan.Nested(r),
	})
}

// doneBy returns what a nested deployment has written.
func (run *deploying) doneBy(id string) []deployed {
	d, found := run.Backend.State().Get(id)
	if !found {
		return nil
	}
	var done []deployed
	for _, one := range objectsAt(d.Body, deployedMember+".resources") {
		done = append(done, deployed{textAt(one, "id"), textAt(one, "apiVersion")})
	}
	return done
}

// failed is the error of the whole deployment for that of one part.
func (run *deploying) failed(err error, target string) error {
	cause := *asError(err)
	if cause.Target == "" {
		cause.Target = target
	}
	failure := errDeploymentFailed.about(run.id.String())
	failure.Details = []Error{cause}
	return failure
}

// removeOthers removes the resources of the group that the deployment did not write. One that others need goes after them.
func (run *deploying) removeOthers(ctx context.Context) error {
	kept := map[string]bool{}
	for _, one := range run.done {
		kept[azure.Fold(one.id)] = true
	}
	group, _ := run.id.Parent()
	for {
		var left, removed int
		var failure error
		for _, d := range groupResources(run.Backend.State(), group) {
			if kept[d.ID.Key()] || managed(d) {
				continue
			}
			if err := run.checkGoing(ctx); err != nil {
				return err
			}
			begun := run.Now()
			_, err := run.inside.do(ctx, http.MethodDelete, d.ID.String(), latestVersion, nil)
			if err != nil {
				left, failure = left+1, run.failed(err, d.ID.String())
				continue
			}
			removed++
			run.note("Delete", &template.Resource{ID: d.ID.String(), Type: d.Type(), Name: d.ID.Name()}, begun, nil)
		}
		if left == 0 || removed == 0 {
			return failure
		}
	}
}

// managed reports whether a resource belongs to another one, with which it goes.
func managed(d *azure.Document) bool {
	return textAt(d.Body, "managedBy") != "" || textAt(d.Body, "properties.privateEndpoint.id") != ""
}

// latestVersion is the version for requests of which the template says nothing.
const latestVersion = "2024-01-01"

// groupResources returns the resources of a group that are no children.
func groupResources(state *azure.State, group azure.ResourceID) []*azure.Document {
	var found []*azure.Document
	for _, d := range state.Below(group.Key()) {
		if above, _ := d.ID.Parent(); isResource(d) && above.Key() == group.Key() {
			found = append(found, d)
		}
	}
	return found
}

// answered is the answer to PUT.
func (run *deploying) answered(d *azure.Document, existed bool, failure error) answer {
	a := answer{status: http.StatusCreated, body: run.show(d)}
	if existed {
		a.status = http.StatusOK
	}
	if nested := run.frame.level > 0; nested || failure == nil && run.delay() == 0 {
		return a
	}
	o := run.start(template.DeploymentType+"/write", run.id)
	var known *Error
	canceled := errors.As(failure, &known) && known.Code == errDeploymentCanceled.code
	o.settle(run.Now().Add(run.delay()), outcome{err: failure, canceled: canceled})
	if run.delay() > 0 {
		run.call.operations.show(o, stateRunning)
	}
	return o.accepted(run.call, http.StatusCreated, run.show(d))
}

// newOperationID names an operation of a deployment.
func newOperationID() string {
	return strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", "")[:16])
}
