package arm

import (
	"net/http"
	"slices"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// Template deployments. A deployment is a client of the control plane like any other: it sends each resource of its
// template to the server itself, as the principal who deploys, in the order of the dependencies. Rights, locks, defaults
// and checks are those of a PUT. What-if sends the same to a server whose backend forgets it (deployment_whatif.go).
//
//	deployment_request.go  the body, and where the template is deployed
//	deployment_run.go      one resource after the other
//	deployment_record.go   the document that tells of it
//	deployment_inside.go   the server as its own client

const (
	maxDeployments   = 800 // that a scope remembers; the oldest are forgotten first, as in ARM
	deploymentsScope = "/providers/microsoft.resources/deployments"
	// maxDeploying is how long a deployment may take. One that is under way for longer was interrupted.
	maxDeploying = time.Minute
)

var (
	errDeploymentMissing = refusal{404, "DeploymentNotFound", "Deployment '%s' could not be found."}
	errDeploymentName    = refusal{400, "InvalidDeployment", "The deployment name '%.80s' is not valid: it has up to 64 letters," +
		" digits, and the characters '-', '_', '.', '(' and ')'."}
	errDeploymentScope = refusal{400, "InvalidDeployment", "A template is deployed to a resource group, a subscription, a management" +
		" group or the tenant, and not to '%s'."}
	errDeploymentActive = refusal{409, "DeploymentActive", "Unable to edit or replace deployment '%s': previous deployment from '%s'" +
		" is still active. Please see https://aka.ms/arm-deploy for usage details."}
	errDeploymentOver = refusal{409, "DeploymentCannotBeCancelled", "The deployment '%s' cannot be cancelled: its provisioning" +
		" state is '%s'."}
	errDeploymentFailed = refusal{409, "DeploymentFailed", "At least one resource deployment operation failed. Please list" +
		" deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details."}
	errDeploymentCanceled = refusal{409, "DeploymentCanceled", "The deployment '%s' was canceled."}
	errDeploymentInvalid  = refusal{400, "InvalidTemplateDeployment", "The template deployment '%s' is not valid according to the" +
		" validation procedure. The tracking id is '%s'. See inner errors for details."}
	errDeploymentProperties = refusal{400, "InvalidRequestContent", "The request content was invalid: %s."}
	errDeploymentMode       = refusal{400, "InvalidDeployment", "The deployment mode '%.40s' is not supported here: it is Incremental, or" +
		" Complete for a resource group."}
	errDeploymentLocation = refusal{400, "LocationRequired", "The 'location' property must be specified for '%s'. Please see" +
		" https://aka.ms/arm-deployment-subscription for usage details."}
	errDeploymentMoved = refusal{409, "InvalidDeploymentLocation", "Invalid deployment location '%s'. The deployment '%s' already" +
		" exists in location '%s'."}
	errDeploymentQuota = refusal{409, "DeploymentQuotaExceeded", "Creating the deployment '%s' would exceed the quota of '%d'. The current" +
		" deployment count is '%d'. Please delete some deployments before creating a new one."}
	errDeploymentRollback = refusal{400, "InvalidDeployment", "'onErrorDeployment' is not supported here: deploy again what is to be" +
		" restored."}
	errTemplateLink = refusal{400, "InvalidContentLink", "Unable to download deployment content from '%.300s': the emulator" +
		" reaches no network. Give the content inline."}
	errOutputs            = refusal{400, "DeploymentOutputsTooLarge", "The outputs of the deployment have %d bytes, more than the limit of %d."}
	errNesting            = refusal{400, "InvalidTemplate", "The template is nested deeper than the limit of %d levels."}
	errResources          = refusal{400, "InvalidTemplate", "The template, with all that are nested in it, has more than %d resources."}
	errDeploymentForbades = refusal{403, "InvalidTemplateDeployment", "Deployment failed with multiple errors: 'Authorization failed" +
		" for template resource '%s' of type '%s'. The client '%s' with object id '%s' does not have permission to perform action" +
		" '%s' at scope '%s'.'"}
	errDeploymentOperation = refusal{404, "DeploymentOperationNotFound", "The deployment operation '%s' could not be found."}
)

// deploymentKinds is the row of deployments.
func deploymentKinds() []kind {
	return []kind{{
		name: template.DeploymentType, methods: withoutPatch, instant: true, show: showDeployment, list: listDeployments,
		fields: map[string]fieldOf{"provisioningstate": memberField("properties.provisioningState")},
		serve: map[string]handler{
			http.MethodGet: getDeployment, http.MethodPut: putDeployment, http.MethodDelete: deleteDeployment,
		},
	}}
}

// deploymentScopes are the paths at which deployments are made, folded.
var deploymentScopes = []string{
	"", "/subscriptions/{subscription}", "/subscriptions/{subscription}/resourcegroups/{group}",
	"/providers/microsoft.management/managementgroups/{group}",
}

// deploymentScopeTypes are the types of what stands there.
var deploymentScopeTypes = []string{azure.TypeTenant, azure.TypeSubscription, azure.TypeResourceGroup, azure.TypeManagementGroup}

// deploymentRoutes are the lists and actions of deployments at every scope.
func deploymentRoutes() []route {
	routes := []route{
		{"POST", "/providers/microsoft.resources/calculatetemplatehash", hashTemplate},
		{"POST", "/subscriptions/{subscription}/resourcegroups/{group}/exporttemplate", exportGroup},
		// The one resource whose API leaves the provider out.
		{"GET", "/subscriptions/{subscription}/resourcegroups/{group}/deployments/{name}/operations", listDeploymentOperations},
		{"GET", "/subscriptions/{subscription}/resourcegroups/{group}/deployments/{name}/operations/{operation}", getDeploymentOperation},
	}
	for _, scope := range deploymentScopes {
		at := scope + deploymentsScope
		routes = append(routes,
			route{"GET", at, listDeploymentsAt},
			route{"POST", at + "/{name}/validate", validateDeployment},
			route{"POST", at + "/{name}/whatif", whatIf},
			route{"POST", at + "/{name}/cancel", cancelDeployment},
			route{"POST", at + "/{name}/exporttemplate", exportDeployment},
			route{"GET", at + "/{name}/operations", listDeploymentOperations},
			route{"GET", at + "/{name}/operations/{operation}", getDeploymentOperation},
		)
	}
	return routes
}

var deploymentName = formOf(`[-\w._()]{1,64}`)

// deploymentID reads the ID of the deployment from a path that goes on behind it, and asks for the right to do something
// with it.
func (c *call) deploymentID(words int, right string) (azure.ResourceID, error) {
	path := c.path
	for range words {
		path, _ = cutLast(path)
	}
	above, name := cutLast(path)
	if at, last := cutLast(above); azure.Fold(last) == "deployments" && azure.Fold(cutTail(at)) != "microsoft.resources" {
		path = at + "/providers/" + template.DeploymentType + "/" + name
	}
	id, err := azure.ParseResourceID(path)
	if err != nil {
		return id, refusePath(err)
	}
	if err := c.checkSubscription(id); err != nil {
		return id, err
	}
	if err := c.authorize(right, id); err != nil {
		return id, err
	}
	return c.spelled(id), checkDeploymentID(id)
}

// spelled is the ID with the scope as it was first written, since the IDs of what is deployed begin with it.
func (c *call) spelled(id azure.ResourceID) azure.ResourceID {
	scope, _ := id.Parent()
	if d, found := c.state.Get(scope.Key()); found {
		if better, err := d.ID.Extension(template.DeploymentType, id.Name()); err == nil {
			return better
		}
	}
	return id
}

func cutTail(path string) string {
	_, last := cutLast(path)
	return last
}

// checkDeploymentID insists on a name that deployments may have, and on a scope that templates are deployed to.
func checkDeploymentID(id azure.ResourceID) error {
	above, _ := id.Parent()
	if !slices.ContainsFunc(deploymentScopeTypes, above.Is) {
		return errDeploymentScope.with(above)
	}
	if !deploymentName().MatchString(id.Name()) {
		return errDeploymentName.with(id.Name())
	}
	return nil
}

// deployment finds the document of a deployment.
func (c *call) deployment(id azure.ResourceID) (*azure.Document, error) {
	if d, found := c.state.Get(id.Key()); found {
		return d, nil
	}
	if err := c.checkGroup(id); err != nil {
		return nil, err
	}
	return nil, errDeploymentMissing.with(id.Name())
}

func getDeployment(c *call) (answer, error) {
	id, err := c.deploymentID(0, template.DeploymentType+"/read")
	if err != nil {
		return answer{}, err
	}
	d, err := c.deployment(id)
	if err != nil {
		return answer{}, err
	}
	return ok(c.show(d)), nil
}

// deleteDeployment forgets a deployment; what it deployed stays. Clients take no 200 (az-cli §6.2).
func deleteDeployment(c *call) (answer, error) {
	_, err := deleteAny(c)
	return answer{status: http.StatusNoContent}, err
}

// listDeploymentsAt lists the deployments made at a scope, and not those made below it.
func listDeploymentsAt(c *call) (answer, error) {
	path, _ := cutLast(c.path)
	scope, _, _ := cutProvider(path)
	above, err := azure.ParseResourceID(scope)
	if err != nil {
		return answer{}, refusePath(err)
	}
	if err := c.checkScope(above); err != nil {
		return answer{}, err
	}
	return c.listOf(target{scope: above, kind: template.DeploymentType}, c.kindOf(template.DeploymentType))
}

func listDeployments(c *call, t target) ([]*azure.Document, error) {
	return deploymentsAt(c.state, t.scope), nil
}

func deploymentsAt(state *azure.State, scope azure.ResourceID) []*azure.Document {
	var found []*azure.Document
	for _, d := range state.Children(scope.Key(), template.DeploymentType) {
		if above, _ := d.ID.Parent(); above.Key() == scope.Key() {
			found = append(found, d)
		}
	}
	return found
}

// cancelDeployment ends a deployment that is under way, after the resource that it is at.
func cancelDeployment(c *call) (answer, error) {
	id, err := c.deploymentID(1, template.DeploymentType+"/cancel/action")
	if err != nil {
		return answer{}, err
	}
	c.Writing.Lock()
	defer c.Writing.Unlock()
	c.state = c.Backend.State()
	d, err := c.deployment(id)
	if err != nil {
		return answer{}, err
	}
	if state := textAt(d.Body, "properties.provisioningState"); state != stateRunning {
		return answer{}, errDeploymentOver.with(id.Name(), state)
	}
	changed := d.Clone()
	setAt(changed.Body, "properties.provisioningState", stateCanceled)
	c.revision, err = c.Backend.Apply(c.r.Context(), azure.Change{Put: []azure.Document{changed}})
	return answer{status: http.StatusNoContent}, err
}

// exportDeployment shows the template that was deployed.
func exportDeployment(c *call) (answer, error) {
	id, err := c.deploymentID(1, template.DeploymentType+"/exportTemplate/action")
	if err != nil {
		return answer{}, err
	}
	d, err := c.deployment(id)
	if err != nil {
		return answer{}, err
	}
	text, _ := lookUp(d.Body, deployedMember+".template")
	return ok(map[string]any{"template": text}), nil
}

// hashTemplate tells templates apart by what they say.
func hashTemplate(c *call) (answer, error) {
	data, err := c.body()
	if err != nil {
		return answer{}, err
	}
	t, err := template.Parse(data)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"minifiedTemplate": t.Minified(), "templateHash": t.Hash()}), nil
}

func listDeploymentOperations(c *call) (answer, error) {
	id, err := c.deploymentID(1, template.DeploymentType+"/operations/read")
	if err != nil {
		return answer{}, err
	}
	d, err := c.deployment(id)
	if err != nil {
		return answer{}, err
	}
	operations, _ := lookUp(d.Clone().Body, deployedMember+".operations")
	items, _ := operations.([]any)
	return list(items), nil
}

func getDeploymentOperation(c *call) (answer, error) {
	id, err := c.deploymentID(2, template.DeploymentType+"/operations/read")
	if err != nil {
		return answer{}, err
	}
	d, err := c.deployment(id)
	if err != nil {
		return answer{}, err
	}
	wanted := cutTail(c.path)
	for _, operation := range objectsAt(d.Body, deployedMember+".operations") {
		if textAt(operation, "operationId") == wanted {
			return ok(operation), nil
		}
	}
	return answer{}, errDeploymentOperation.with(wanted)
}
