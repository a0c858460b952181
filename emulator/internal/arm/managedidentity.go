package arm

import (
	"cmp"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// identityKinds are those of Microsoft.ManagedIdentity.
func identityKinds() []kind {
	return []kind{
		{
			name: azure.TypeUserAssignedIdentity, located: true, instant: true,
			readOnly: []string{"properties.principalId", "properties.clientId", "properties.tenantId"},
			actions:  map[string]action{"listassociatedresources": {name: "listAssociatedResources", serve: listAssociated}},
		},
		{name: azure.TypeFederatedCredential, methods: withoutPatch, check: checkFederated},
		{name: "Microsoft.ManagedIdentity/identities", methods: readingOnly, find: findSystemAssigned},
	}
}

// The refusals of Microsoft.ManagedIdentity.
var (
	errTooManyFederated = refusal{400, "BadRequest", "The identity '%s' has %d federated identity credentials already, which is the most it can have."}
	errFederatedTaken   = refusal{409, "Conflict", "The federated identity credential '%s' of this identity has the same issuer and subject."}
)

// checkFederated looks at a federated identity credential next to the others of its identity. What is wrong with it alone
// is the domain's to say.
func checkFederated(w *write) error {
	one, err := azure.ReadFederatedCredential(azure.Document{ID: w.id, Body: w.body})
	if err != nil {
		return err
	}
	identity, _ := w.id.Parent()
	others := w.state.Children(identity.Key(), azure.TypeFederatedCredential)
	if w.old == nil && len(others) >= azure.MaxFederatedCredentials {
		return errTooManyFederated.with(identity.Name(), len(others))
	}
	for _, d := range others {
		other, err := azure.ReadFederatedCredential(*d)
		if err == nil && d.ID.Key() != w.id.Key() && other.Issuer == one.Issuer && other.Subject == one.Subject {
			return errFederatedTaken.with(other.Name)
		}
	}
	return nil
}

// findSystemAssigned is …/providers/Microsoft.ManagedIdentity/identities/default: the system-assigned identity of the
// resource that it extends.
func findSystemAssigned(c *call, id azure.ResourceID) (*azure.Document, bool) {
	of, _ := id.Parent()
	d, found := c.state.Get(of.Key())
	if !found || azure.Fold(id.Name()) != "default" {
		return nil, false
	}
	identity, err := azure.ReadManagedIdentity(*d)
	if err != nil || !identity.System {
		return nil, false
	}
	return &azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": "default", "type": "Microsoft.ManagedIdentity/identities",
		"location": cmp.Or(textAt(d.Body, "location"), "global"), "tags": d.Body["tags"],
		"properties": map[string]any{
			"tenantId": azure.DevelopmentTenant, "principalId": identity.PrincipalID, "clientId": identity.ClientID,
		},
	}}, true
}

// listAssociated lists the resources that use an identity, as far as the principal may read them.
func listAssociated(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	var items []any
	for _, other := range c.state.All() {
		used, err := azure.ReadManagedIdentity(*other)
		uses := slices.ContainsFunc(used.UserAssigned, func(id azure.ResourceID) bool { return id.Key() == d.ID.Key() })
		if err != nil || !uses || !c.may(c.kindOf(other.Type()).action("read"), other.ID) {
			continue
		}
		item := map[string]any{
			"id": other.ID.String(), "name": other.ID.Name(), "type": other.Type(), "resourceGroup": other.ID.ResourceGroup(),
		}
		if subscription, found := c.state.Get("/subscriptions/" + other.ID.Subscription()); found { // else the tenant's
			item["subscriptionId"], item["subscriptionDisplayName"] = subscription.ID.Name(), c.displayName(subscription.ID)
		}
		items = append(items, item)
	}
	shown := list(items)
	shown.body.(map[string]any)["totalCount"] = len(items) //nolint:forcetypeassert,errcheck // made by list
	return shown, nil
}
