package azure

import (
	"crypto/rand"
	"maps"
)

// identity sets what Microsoft Entra ID tells of a resource's managed identities. The principal ID of a resource that
// stays is the one that it has; an operator may choose it; otherwise it is a fresh one.
func (w *completion) identity(d *Document) error {
	m, err := ReadManagedIdentity(*d)
	if err != nil {
		return err
	}
	body := object(d.Body, "identity")
	given := body["principalId"]
	delete(body, "principalId")
	delete(body, "tenantId")
	if m.System {
		body["principalId"], body["tenantId"] = w.principalID(d.ID, given), DevelopmentTenant
	}
	w.usedIdentities(body)
	return nil
}

// principalID chooses the object ID of the identity that a document is or has.
func (w *completion) principalID(id ResourceID, given any) string {
	if text, _ := given.(string); w.by.Operator && text != "" {
		return text
	}
	if before := w.formerPrincipal(id); before != "" {
		return before
	}
	return w.freshPrincipal(id)
}

// formerPrincipal is the object ID that the identity of a resource has so far, unless the change deletes it.
func (w *completion) formerPrincipal(id ResourceID) string {
	d, ok := w.old.Get(id.Key())
	if !ok || w.deletes[id.Key()] {
		return ""
	}
	if d.Is(TypeUserAssignedIdentity) {
		view, _ := ReadUserAssignedIdentity(*d)
		return view.PrincipalID
	}
	m, _ := ReadManagedIdentity(*d)
	return m.PrincipalID
}

// freshPrincipal is the object ID of a new identity. An operator's is derived from the resource's ID, so that start-up state
// is always the same. A client's is like no other: a resource made again under its old ID has a new identity in Azure, with
// neither the roles nor the tokens of the old one.
func (w *completion) freshPrincipal(id ResourceID) string {
	if w.by.Operator {
		return DerivedID(id.Key())
	}
	return DerivedID(id.Key() + "#" + rand.Text())
}

// usedIdentities shows the IDs of the user-assigned identities that a resource uses, as ARM does.
func (w *completion) usedIdentities(body map[string]any) {
	used, _ := body["userAssignedIdentities"].(map[string]any)
	for text := range used {
		used[text] = map[string]any{}
		id, err := ParseResourceID(text)
		if err != nil {
			continue // Validate says so
		}
		d, ok := w.get(id.Key())
		if !ok {
			continue
		}
		_ = w.userAssignedIdentity(d)
		if view, err := ReadUserAssignedIdentity(*d); err == nil {
			used[text] = map[string]any{"principalId": view.PrincipalID, "clientId": view.ClientID}
		}
	}
}

func (w *completion) userAssignedIdentity(d *Document) error {
	if w.puts[d.ID.Key()] != d {
		return nil // as it was; a document of the state is never changed
	}
	p := properties(d)
	p["principalId"] = w.principalID(d.ID, p["principalId"])
	if text, _ := p["clientId"].(string); !w.by.Operator || text == "" {
		p["clientId"] = DerivedID(d.ID.Key() + "/clientId")
	}
	p["tenantId"] = DevelopmentTenant
	return nil
}

// identitiesGone takes user-assigned identities that go away from the resources that use them: one that is made again under
// such a name is another, and whoever had the old one has no right to it. (Azure leaves the name where it was, and gives no
// tokens for it.)
func (w *completion) identitiesGone(gone []*Document) {
	keys := map[string]bool{}
	for _, d := range gone {
		if d.Is(TypeUserAssignedIdentity) {
			keys[d.ID.Key()] = true
		}
	}
	if len(keys) == 0 {
		return
	}
	for _, d := range w.old.All() {
		if now, stays := w.get(d.ID.Key()); stays && (d.Body["identity"] != nil || d.Is(TypeManagedCluster)) {
			w.withoutIdentities(now, keys)
		}
	}
}

// withoutIdentities takes identities away from one resource, if it uses any of them.
func (w *completion) withoutIdentities(d *Document, keys map[string]bool) {
	isGone := func(text string) bool { id, err := ParseResourceID(text); return err == nil && keys[id.Key()] }
	changed := d.Clone()
	identity, _ := changed.Body["identity"].(map[string]any)
	used, _ := identity["userAssignedIdentities"].(map[string]any)
	had := len(used)
	maps.DeleteFunc(used, func(text string, _ any) bool { return isGone(text) })
	if had > 0 && len(used) == 0 {
		m, _ := ReadManagedIdentity(*d)
		identity["type"] = map[bool]string{true: "SystemAssigned", false: "None"}[m.System]
		delete(identity, "userAssignedIdentities")
	}
	profile := fieldsOf(changed).in("properties", "identityProfile")
	kubelet := isGone(profile.in("kubeletidentity").text("resourceId"))
	if kubelet {
		delete(profile.object, "kubeletidentity")
	}
	if kubelet || len(used) < had {
		w.amend(changed)
	}
}
