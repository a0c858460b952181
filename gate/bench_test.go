package gate

import (
	"fmt"
	"net/netip"
	"testing"
)

const benchSubscription = "/subscriptions/00000000-0000-0000-0000-000000000001"

// benchPolicy has a registry with n IP rules, and m assignments spread over a thousand principals and four scope
// levels; principal 0 holds up to 500 of them.
func benchPolicy(rules, assignments int) Policy {
	id := benchSubscription + "/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myregistry"
	p := Policy{
		Registries:    []Registry{{ID: id, Name: "myregistry", LoginServer: "myregistry.azurecr.io", PublicAccess: true}},
		Subscriptions: []Subscription{{Scope: benchSubscription, ManagementGroups: []string{"/providers/Microsoft.Management/managementGroups/mg"}}},
		Services:      TrustedServices(),
	}
	for i := range rules {
		p.Registries[0].IPRules = append(p.Registries[0].IPRules, fmt.Sprintf("20.%d.%d.0/24", i/250, i%250))
	}
	scopes := []string{"/providers/Microsoft.Management/managementGroups/mg", benchSubscription, benchSubscription + "/resourceGroups/rg", id}
	for i := range 1000 {
		p.Principals = append(p.Principals, Principal{ID: fmt.Sprintf("00000000-0000-0000-0000-%012d", i), Kind: ServicePrincipal})
	}
	for i := range 500 {
		p.Roles = append(p.Roles, RoleDefinition{ID: fmt.Sprintf("role-%d", i), Name: "custom", Actions: []string{"Microsoft.ContainerRegistry/registries/quarantine/read"}, Custom: true})
	}
	for i := range assignments {
		holder, role := i%1000, "7f951dda-4ed3-4680-a7ca-43fe172d538d"
		if i > 0 && i <= 500 && assignments > 1000 {
			holder, role = 0, fmt.Sprintf("role-%d", i-1)
		}
		p.Assignments = append(p.Assignments, Assignment{
			ID: fmt.Sprintf("/a/%d", i), PrincipalID: p.Principals[holder].ID, Role: role, Scope: scopes[i%4],
		})
	}
	return p
}

// benchRequest is a pull with an access token that was verified before.
func benchRequest() Request {
	scope, err := ParseTokenScope("repository:team/app:pull")
	if err != nil {
		panic(err)
	}
	return Request{
		Registry: "myregistry", Operation: Operation{Kind: OpPull, Repository: "team/app"},
		Source: Source{Peer: netip.MustParseAddr("20.0.3.9"), Dialled: netip.MustParseAddr("127.0.0.1")},
		Credential: Credential{
			Kind: AccessToken, Holder: PrincipalHolder, Name: "00000000-0000-0000-0000-000000000000",
			Mode: LegacyRegistryPermissions, Scopes: []TokenScope{scope},
		},
	}
}

// BenchmarkDecide measures a bearer request already verified; the bar is 400 ns and no allocation.
func BenchmarkDecide(b *testing.B) {
	for _, rules := range []int{10, 10_000} {
		for _, assignments := range []int{10, 10_000} {
			b.Run(fmt.Sprintf("rules=%d/assignments=%d", rules, assignments), func(b *testing.B) {
				s, err := Compile(benchPolicy(rules, assignments))
				if err != nil {
					b.Fatal(err)
				}
				q := benchRequest()
				if d := s.Decide(q); d.Verdict != Allow {
					b.Fatalf("the benchmark's request is refused: %v", d.Steps())
				}
				b.ReportAllocs()
				for b.Loop() {
					s.Decide(q)
				}
			})
		}
	}
}

// BenchmarkWrite measures a role assignment added to 10,000 others; the bar is 2 ms.
func BenchmarkWrite(b *testing.B) {
	s, err := Compile(benchPolicy(10, 10_000))
	if err != nil {
		b.Fatal(err)
	}
	change := Change{Put: Policy{Assignments: benchPolicy(0, 1).Assignments}}
	for b.Loop() {
		if _, err := s.With(change); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompile measures a policy of 10,000 assignments from nothing.
func BenchmarkCompile(b *testing.B) {
	p := benchPolicy(10, 10_000)
	for b.Loop() {
		if _, err := Compile(p); err != nil {
			b.Fatal(err)
		}
	}
}
