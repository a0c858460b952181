package e2e

import (
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// TestStandalone puts the gate in front of somebody else's registry, with nothing but gate and identity: an Entra token is
// the password. It is the example that ARCHITECTURE.md points to.
func TestStandalone(t *testing.T) {
	const group = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/rg"
	worker := identity.Principal{
		ID: "acac10ca-7000-4000-8000-000000000001", Kind: identity.SystemAssigned, ClientID: "acac10ca-7000-4000-8000-000000000002",
		Resource: group + "/providers/Microsoft.ContainerInstance/containerGroups/worker",
	}
	issuer := &identity.Issuer{Tenant: "acac10ca-1000-4000-8000-000000000001", Keys: identity.OpenKeys("", nil)}
	verifier := issuer.Verifier(identity.ACR)
	g := gate.New(gate.Options{
		Registry: func(*http.Request) string { return "mine1" },
		Authenticate: gate.EntraAuthenticator(func(token string) (gate.Verified, error) {
			claims, err := verifier.Verify(token)
			return gate.Verified{
				ObjectID: claims.ObjectID, Evidence: gate.Evidence{Identity: claims.ManagedIdentity, Host: claims.AzureResource},
			}, err
		}),
		// The test dials from loopback; it plays an address of Azure's own.
		Source: func(*http.Request) gate.Source { return gate.Source{Peer: netip.MustParseAddr("198.18.0.9")} },
	})
	policy := gate.Policy{
		Services: gate.TrustedServices(),
		Registries: []gate.Registry{{
			ID: group + "/providers/Microsoft.ContainerRegistry/registries/mine1", Name: "mine1", LoginServer: "mine1.azurecr.io",
			BypassTrustedServices: true,
		}},
		Principals: []gate.Principal{{ID: worker.ID, Kind: gate.SystemAssignedIdentity, Resource: worker.Resource}},
		Assignments: []gate.Assignment{{
			ID: "push", PrincipalID: worker.ID, Role: "8311e382-0749-4cb8-b61a-304f252e45ec", Scope: group,
		}},
	}
	snapshot, err := gate.Compile(policy)
	if err != nil {
		t.Fatal(err)
	}
	g.Swap(snapshot)
	server := httptest.NewServer(g.Middleware(registry.New(registry.Logger(log.New(&strings.Builder{}, "", 0)))))
	defer server.Close()
	image, err := random.Image(512, 1)
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Issue(t.Context(), worker, identity.ACR, "")
	if err != nil {
		t.Fatal(err)
	}
	reference := strings.TrimPrefix(server.URL, "http://") + "/app:v1"
	login := crane.WithAuth(&authn.Basic{Username: "anybody", Password: token.AccessToken})
	if err := crane.Push(image, reference, login); err != nil {
		t.Errorf("the worker may not push: %v", err)
	}
	if err := crane.Push(image, reference, crane.WithAuth(&authn.Basic{Username: "anybody", Password: "guess"})); err == nil {
		t.Error("a guess pushed")
	}

	policy.Registries[0].BypassTrustedServices = false
	shut, err := snapshot.With(gate.Change{Put: gate.Policy{Registries: policy.Registries}})
	if err != nil {
		t.Fatal(err)
	}
	g.Swap(shut)
	_, err = crane.Manifest(reference, login)
	if err == nil || !strings.Contains(err.Error(), "client with IP '198.18.0.9' is not allowed access") {
		t.Errorf("with the switch off, the worker got: %v", err)
	}
}
