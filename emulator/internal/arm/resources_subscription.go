package arm

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// listTenants shows the one tenant there is.
func listTenants(*call) (answer, error) {
	return list([]any{map[string]any{
		"id": "/tenants/" + azure.DevelopmentTenant, "tenantId": azure.DevelopmentTenant, "displayName": "acrlocal",
		"tenantCategory": "Home", "countryCode": "US", "defaultDomain": "acrlocal.onmicrosoft.com",
	}}), nil
}

// listSubscriptions shows the subscriptions in which the principal has a role at any scope, as the login of az needs it:
// an identity with AcrPull on one registry sees its subscription (az-cli §3).
func listSubscriptions(c *call) (answer, error) {
	var items []any
	for _, d := range c.state.OfType(azure.TypeSubscription) {
		if c.seesSubscription(d.ID) {
			items = append(items, subscriptionBody(c, d))
		}
	}
	return list(items), nil
}

func (c *call) seesSubscription(id azure.ResourceID) bool {
	if c.may("Microsoft.Resources/subscriptions/read", id) {
		return true
	}
	own := c.memberships(c.principal)
	for _, d := range c.state.Children(id.Key(), azure.TypeRoleAssignment) {
		if own[azure.Fold(textAt(d.Body, "properties.principalId"))] {
			return true
		}
	}
	return false
}

func subscriptionBody(c *call, d *azure.Document) map[string]any {
	body := c.show(d)
	for name, value := range map[string]any{
		"subscriptionId": d.ID.Name(), "displayName": d.ID.Name(), "state": "Enabled", "tenantId": azure.DevelopmentTenant,
		"managedByTenants": []any{}, "authorizationSource": "RoleBased",
		"subscriptionPolicies": map[string]any{
			"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
		},
	} {
		if body[name] == nil {
			body[name] = value
		}
	}
	return body
}

func getSubscription(c *call) (answer, error) {
	if _, err := c.authorizeSubscription("Microsoft.Resources/subscriptions/read"); err != nil {
		return answer{}, err
	}
	d, _ := c.state.Get("/subscriptions/" + c.segment(1))
	return ok(subscriptionBody(c, d)), nil
}
