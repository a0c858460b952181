package gate_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/gate"
)

// The rows in testdata write policies and requests as short lines, so that a person can check them. This file reads
// them. Names stand for resource IDs: in(…) says which.

const (
	subscription = "/subscriptions/00000000-0000-0000-0000-000000000001"
	group        = subscription + "/resourceGroups/rg"
	managers     = "/providers/Microsoft.Management/managementGroups/"
)

// in completes a resource ID that begins with its provider.
func in(resource string) string {
	if resource == "" || strings.HasPrefix(resource, "/") {
		return resource
	}
	return group + "/providers/" + resource
}

func registryID(name string) string { return in("Microsoft.ContainerRegistry/registries/" + name) }
func networkID(name string) string  { return in("Microsoft.Network/virtualNetworks/" + name) }

func subnetID(name string) string {
	network, subnet, _ := strings.Cut(name, "/")
	return networkID(network) + "/subnets/" + subnet
}

func endpointID(name string) string {
	return in("Microsoft.Network/privateEndpoints/" + name + "/connections/" + name)
}

// words is a line in parts: the bare words, and the values of KEY=VALUE.
type words struct {
	bare   []string
	values map[string]string
}

func splitWords(line string) words {
	w := words{values: map[string]string{}}
	for _, field := range strings.Fields(line) {
		if key, value, ok := strings.Cut(field, "="); ok {
			w.values[key] = value
			continue
		}
		w.bare = append(w.bare, field)
	}
	return w
}

func (w words) has(word string) bool { return slices.Contains(w.bare, word) }

func (w words) name() string {
	if len(w.bare) < 2 {
		return ""
	}
	return w.bare[1]
}

func (w words) list(key string) []string {
	if w.values[key] == "" {
		return nil
	}
	return strings.Split(w.values[key], ",")
}

func mapped(list []string, f func(string) string) (all []string) {
	for _, one := range list {
		all = append(all, f(one))
	}
	return all
}

// parsePolicy reads one declaration a line.
func parsePolicy(text string) (gate.Policy, error) {
	p := gate.Policy{Services: gate.TrustedServices()}
	for line := range strings.Lines(text) {
		line, condition, _ := strings.Cut(line, " if ")
		w := splitWords(line)
		if len(w.bare) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		declare, ok := declarations[w.bare[0]]
		if !ok {
			return p, fmt.Errorf("policy line %q: unknown declaration", line)
		}
		if declare(&p, w); condition != "" {
			p.Assignments[len(p.Assignments)-1].Condition = strings.TrimSpace(condition)
		}
	}
	return p, nil
}

var declarations = map[string]func(p *gate.Policy, w words){
	"registry": func(p *gate.Policy, w words) { p.Registries = append(p.Registries, declaredRegistry(w)) },
	"token": func(p *gate.Policy, w words) {
		r := &p.Registries[len(p.Registries)-1]
		r.Tokens = append(r.Tokens, gate.RepositoryToken{
			Name: w.name(), Enabled: !w.has("disabled"), Actions: w.list("actions"),
		})
	},
	"endpoint": func(p *gate.Policy, w words) { p.PrivateEndpoints = append(p.PrivateEndpoints, declaredEndpoint(w)) },
	"principal": func(p *gate.Policy, w words) {
		p.Principals = append(p.Principals, gate.Principal{
			ID: w.name(), Kind: gate.PrincipalKind(w.values["kind"]), Resource: in(w.values["resource"]),
			Hosts: mapped(w.list("hosts"), in), Service: strings.ReplaceAll(w.values["service"], "_", " "),
			Groups: w.list("groups"),
		})
	},
	"role": func(p *gate.Policy, w words) {
		p.Roles = append(p.Roles, gate.RoleDefinition{
			ID: w.name(), Name: w.name(), Custom: true, Actions: w.list("actions"), NotActions: w.list("notActions"),
			DataActions: w.list("dataActions"), NotDataActions: w.list("notDataActions"),
		})
	},
	"assign": func(p *gate.Policy, w words) {
		p.Assignments = append(p.Assignments, gate.Assignment{
			ID:          fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/%d", group, len(p.Assignments)),
			PrincipalID: w.name(), Role: roleID(strings.ReplaceAll(w.values["role"], "_", " ")), Scope: scopeNamed(w.values["at"]),
		})
	},
	"subscription": func(p *gate.Policy, w words) {
		p.Subscriptions = append(p.Subscriptions, gate.Subscription{
			Scope:            subscription,
			ManagementGroups: mapped(w.list("under"), func(name string) string { return managers + name }),
		})
	},
}

// scopeNamed completes the scope of an assignment; a bare name is a registry.
func scopeNamed(at string) string {
	name, isGroup := strings.CutPrefix(at, "managementGroup:")
	switch {
	case isGroup:
		return managers + name
	case at == "group":
		return group
	case at == "subscription":
		return subscription
	case strings.HasPrefix(at, "/"):
		return at
	}
	return registryID(at)
}

func declaredRegistry(w words) gate.Registry {
	quirks, _ := gate.Article.Quirks()
	if w.has("current") {
		quirks, _ = gate.Current.Quirks()
	}
	quirks.DenyAtRegistry = w.has("deny-at-registry")
	r := gate.Registry{
		ID: registryID(w.name()), Name: w.name(), LoginServer: w.name() + ".azurecr.io",
		PublicAccess: w.has("public"), DefaultAllow: w.has("default-allow"), IPRules: w.list("ip"),
		VirtualNetworkRules: mapped(w.list("subnets"), subnetID), BypassTrustedServices: w.has("bypass"),
		AnonymousPull: w.has("anonymous-pull"), RefuseARMAudience: w.has("refuse-arm"),
		Admin: gate.AdminUser{Enabled: w.has("admin")}, Quirks: quirks,
	}
	if flag, set := w.values["tasks"]; set {
		on := flag == "true"
		r.BypassForTasks = &on
	}
	if w.has("abac") {
		r.Mode = gate.AbacRepositoryPermissions
	}
	return r
}

func declaredEndpoint(w words) gate.PrivateEndpoint {
	e := gate.PrivateEndpoint{
		ID: endpointID(w.name()), Registry: w.values["of"], Status: gate.ConnectionStatus(w.values["status"]),
	}
	for _, a := range w.list("address") {
		e.Addresses = append(e.Addresses, netip.MustParseAddr(a))
	}
	if n := w.values["network"]; n != "" {
		e.Network = networkID(n)
	}
	for _, p := range w.list("prefix") {
		e.Prefixes = append(e.Prefixes, netip.MustParsePrefix(p))
	}
	return e
}
