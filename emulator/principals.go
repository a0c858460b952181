package emulator

import (
	"fmt"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// anonymous is the name by which a person asks for nobody.
const anonymous = "anonymous"

// caller is a principal together with the resource at which it is used.
type caller struct {
	principal identity.Principal
	host      string // resource ID of the host of a user-assigned identity
	known     bool
}

// findCaller finds who a person means: a principal by name, or the identity of a place if there is no name.
func (w *world) findCaller(name string, at azure.Place) (caller, error) {
	switch {
	case name == anonymous:
		return caller{}, nil
	case name != "":
		p, err := w.findPrincipal(name)
		return caller{principal: p, host: hostOf(p, at), known: err == nil}, err
	}
	p, ok := w.identityOf(at)
	return caller{principal: p, host: hostOf(p, at), known: ok}, nil
}

// identityOf returns the identity with which a place asks: its system-assigned one, or the first user-assigned one.
func (w *world) identityOf(at azure.Place) (identity.Principal, bool) {
	if at.Kind == azure.PlaceService {
		return w.people.Find(identity.ByUserName, at.Name)
	}
	for _, id := range append([]string{at.System}, at.UserAssigned...) {
		if p, ok := w.people.Find(identity.ByResource, id); ok && id != "" {
			return p, true
		}
	}
	return identity.Principal{}, false
}

func hostOf(p identity.Principal, at azure.Place) string {
	if p.Kind != identity.UserAssigned {
		return ""
	}
	for _, host := range p.Hosts {
		if azure.Fold(host) == azure.Fold(at.Resource) {
			return host
		}
	}
	return ""
}

// findPrincipal finds a principal by any of its names, or by the tail of its resource's ID.
func (w *world) findPrincipal(name string) (identity.Principal, error) {
	for _, by := range []identity.By{identity.ByObjectID, identity.ByClientID, identity.ByUserName, identity.ByResource} {
		if p, ok := w.people.Find(by, name); ok {
			return p, nil
		}
	}
	found := w.people.tail(name)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return identity.Principal{}, fmt.Errorf("there is no principal %q: give an object ID, an application ID, a user name, or the end of a resource ID such as containerGroups/worker%s", name, didYouMean(w.people.near(name)))
	}
	var names []string
	for _, p := range found {
		names = append(names, p.Resource)
	}
	return identity.Principal{}, fmt.Errorf("%q may be any of %s", name, strings.Join(names, ", "))
}

// credential is what the gate would know of the caller once its Entra token was verified.
func (c caller) credential() gate.Credential {
	if !c.known {
		return gate.Credential{}
	}
	proof := gate.Evidence{Host: azure.Fold(c.host)}
	if c.principal.Kind == identity.SystemAssigned || c.principal.Kind == identity.UserAssigned {
		proof.Identity = azure.Fold(c.principal.Resource)
	}
	return gate.Credential{
		Kind: gate.EntraToken, Holder: gate.PrincipalHolder, Name: azure.Fold(c.principal.ID), Evidence: proof,
	}
}
