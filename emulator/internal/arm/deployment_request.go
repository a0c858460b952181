package arm

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// The bounds of templates within templates, as ARM's.
const (
	maxNested    = 5
	maxDeployed  = 800 // resources of a template and of all that are nested in it
	modeComplete = "Complete"
)

// deploymentRequest is the body of a call about a deployment.
type deploymentRequest struct {
	template   *template.Template
	parameters map[string]any
	mode       string
	location   string
	tags       any
	outer      bool // the template's expressions are those of the template around it
}

// deploymentFrame is what a deployment tells those that are nested in it.
type deploymentFrame struct {
	level int
	outer *template.Outer
	left  *int // resources that all of them may still have together
}

type deploymentFrameKey struct{}

// frameOf returns the frame of a deployment; that of one which a client asks for is at the top.
func frameOf(ctx context.Context) deploymentFrame {
	if frame, nested := ctx.Value(deploymentFrameKey{}).(deploymentFrame); nested {
		return frame
	}
	left := maxDeployed
	return deploymentFrame{left: &left}
}

// readDeployment reads the body, also as az sends it (az-cli §1 item 11).
func (c *call) readDeployment(id azure.ResourceID) (*deploymentRequest, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	body, text, err := template.ReadBody(data)
	if err != nil {
		return nil, err
	}
	properties, isObject := body["properties"].(map[string]any)
	if !isObject {
		return nil, errDeploymentProperties.with("'properties' is missing or no object")
	}
	for _, link := range []string{"templateLink", "parametersLink"} {
		if linked, _ := properties[link].(map[string]any); linked != nil {
			return nil, errTemplateLink.with(textAt(linked, "uri") + textAt(linked, "id"))
		}
	}
	if properties["onErrorDeployment"] != nil {
		return nil, errDeploymentRollback.with()
	}
	if text == nil {
		return nil, errDeploymentProperties.with("'properties.template' is missing or no object")
	}
	if err := checkObjects(map[string]any{"tags": body["tags"]}); err != nil {
		return nil, err
	}
	if err := checkTags(body); err != nil {
		return nil, err
	}
	q := &deploymentRequest{mode: textAt(properties, "mode"), tags: body["tags"]}
	q.location = azure.RegionName(textAt(body, "location"))
	q.outer = strings.EqualFold(textAt(properties, "expressionEvaluationOptions.scope"), "outer")
	if q.parameters, isObject = properties["parameters"].(map[string]any); !isObject && properties["parameters"] != nil {
		return nil, errDeploymentProperties.with("'properties.parameters' is no object")
	}
	if q.template, err = template.Parse(text); err != nil {
		return nil, err
	}
	return q, q.check(id)
}

// check looks whether the scope has such deployments.
func (q *deploymentRequest) check(id azure.ResourceID) error {
	above, _ := id.Parent()
	inGroup := above.Is(azure.TypeResourceGroup)
	switch {
	case q.mode == "" || strings.EqualFold(q.mode, "Incremental"):
		q.mode = "Incremental"
	case inGroup && strings.EqualFold(q.mode, modeComplete):
		q.mode = modeComplete
	default:
		return errDeploymentMode.with(q.mode)
	}
	if !inGroup && q.location == "" {
		return errDeploymentLocation.with(id.Name())
	}
	return nil
}

// environment is what the functions of the template can see of the place that it is deployed to.
func (c *call) environment(id azure.ResourceID, q *deploymentRequest, host template.Host) template.Environment {
	scope, _ := id.Parent()
	deployment := map[string]any{"name": id.Name(), "properties": map[string]any{
		"mode": q.mode, "provisioningState": "Accepted", "templateHash": q.template.Hash(),
		"template": map[string]any{"contentVersion": q.template.ContentVersion()},
	}}
	if q.location != "" {
		deployment["location"] = q.location
	}
	e := template.Environment{
		Scope: scope.String(), Host: host, Now: c.Now, NewGUID: uuid.NewString, Deployment: deployment,
		Deployer: map[string]any{"objectId": c.principal, "tenantId": azure.DevelopmentTenant},
		Tenant: map[string]any{
			"id": "/tenants/" + azure.DevelopmentTenant, "tenantId": azure.DevelopmentTenant, "displayName": "acrlocal", "countryCode": "US",
		},
	}
	if view := c.clientName(); c.principalKind() == "User" {
		e.Deployer["userPrincipalName"] = view
	}
	if subscription := scope.Subscription(); subscription != "" {
		e.Subscription = map[string]any{
			"id": "/subscriptions/" + subscription, "subscriptionId": subscription, "tenantId": azure.DevelopmentTenant,
			"displayName": subscription,
		}
	}
	switch {
	case scope.Is(azure.TypeResourceGroup):
		e.ResourceGroup = c.scopeBody(scope)
	case scope.Is(azure.TypeManagementGroup):
		e.ManagementGroup = c.scopeBody(scope)
	}
	return e
}

// scopeBody is the document of a scope, for the function that shows it.
func (c *call) scopeBody(scope azure.ResourceID) map[string]any {
	d, found := c.state.Get(scope.Key())
	if !found {
		return nil
	}
	body, _ := template.Integral(c.show(d)).(map[string]any)
	if body["tags"] == nil {
		body["tags"] = map[string]any{}
	}
	return body
}
