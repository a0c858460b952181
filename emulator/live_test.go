package emulator

import (
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// turns are changes by which somebody who was let in stays out.
var turns = []struct {
	name       string
	place, as  string
	method, id string
	properties map[string]any
	reason     gate.Reason
}{
	{
		name: "the switch is turned off", place: worker, method: http.MethodPatch, id: testRegistry,
		properties: map[string]any{"networkRuleBypassOptions": "None"}, reason: gate.BypassOff,
	},
	{
		name: "the role is removed", place: worker, method: http.MethodDelete,
		id:     testRegistry + "/providers/Microsoft.Authorization/roleAssignments/acac10ca-6000-4000-8000-000000000001",
		reason: gate.NoRole,
	},
	{
		name: "the IP rule is deleted", place: "203.0.113.7", as: worker, method: http.MethodPatch, id: testRegistry,
		properties: map[string]any{"networkRuleSet": map[string]any{"defaultAction": "Deny", "ipRules": []any{}}, "networkRuleBypassOptions": "None"},
		reason:     gate.BypassOff,
	},
	{
		name: "the resource is deleted", place: "203.0.113.7", as: worker, method: http.MethodDelete, id: workerID, reason: gate.PrincipalUnknown,
	},
	{
		name: "public access is disabled", place: "203.0.113.7", as: jumpbox, method: http.MethodPatch, id: testRegistry,
		properties: map[string]any{"publicNetworkAccess": "Disabled"}, reason: gate.NotATrustedService,
	},
	{
		name: "the registry changes its mode", place: worker, method: http.MethodPatch, id: testRegistry,
		properties: map[string]any{"roleAssignmentMode": "AbacRepositoryPermissions"}, reason: gate.ModeChanged,
	},
}

// TestNextRequestIsJudged: the very next request with an access token that was issued before a change is judged by what
// holds after it (issue 2, "Must show" 5).
func TestNextRequestIsJudged(t *testing.T) {
	for _, c := range turns {
		t.Run(c.name, func(t *testing.T) {
			e := start(t, Options{})
			held := e.accessToken(t, c.place, c.as)
			get := func() answer {
				return send(t, held.session, request(t, http.MethodGet, manifestURL, "", "Authorization", "Bearer "+held.token))
			}
			if a := get(); a.status != http.StatusOK {
				t.Fatalf("before: %d %s", a.status, a.body)
			}
			e.arms(t, c.method, c.id, c.properties)
			a := get()
			if a.status != c.reason.Info().Status || a.reason() != c.reason {
				t.Errorf("after: %d for %q, want %d for %q: %s", a.status, a.reason(), c.reason.Info().Status, c.reason, a.body)
			}
		})
	}
}

// TestRejectedEndpoint: an endpoint that is rejected leads nowhere; its network's way is the public one then.
func TestRejectedEndpoint(t *testing.T) {
	e := start(t, Options{})
	held := e.accessToken(t, jumpbox, "")
	for _, c := range []struct {
		status string
		want   int
		reason gate.Reason
	}{
		{"Approved", http.StatusOK, ""},
		{"Rejected", http.StatusForbidden, gate.NotATrustedService},
		{"Approved", http.StatusOK, ""},
		{"Pending", http.StatusForbidden, gate.NotATrustedService},
	} {
		e.setConnection(t, c.status)
		a := send(t, held.session, request(t, http.MethodGet, manifestURL, "", "Authorization", "Bearer "+held.token))
		if a.status != c.want || c.reason != "" && a.reason() != c.reason {
			t.Errorf("%s: %d for %q, want %d for %q", c.status, a.status, a.reason(), c.want, c.reason)
		}
	}
}

const manifestURL = "https://myregistry.azurecr.io/v2/hello/manifests/v1"

// holder is a place that holds an access token for pulling hello from myregistry.
type holder struct {
	session *Session
	token   string
}

func (e *Emulator) accessToken(t *testing.T, place, as string) holder {
	t.Helper()
	s := e.at(t, place, as)
	refresh, err := s.Login(t.Context(), "myregistry.azurecr.io")
	if err != nil {
		t.Fatal(err)
	}
	form := "grant_type=refresh_token&service=myregistry.azurecr.io&scope=repository:hello:pull&refresh_token=" + refresh
	a := send(t, s, request(t, http.MethodPost, "https://myregistry.azurecr.io/oauth2/token", form, "Content-Type", "application/x-www-form-urlencoded"))
	if a.status != http.StatusOK {
		t.Fatalf("token: %d %s", a.status, a.body)
	}
	var got struct {
		Token string `json:"access_token"`
	}
	a.into(t, &got)
	return holder{s, got.Token}
}

// setConnection changes the state of the sample's private endpoint connection, as the registry's owner.
func (e *Emulator) setConnection(t *testing.T, status string) {
	t.Helper()
	for _, d := range e.core.State().Children(testRegistry, "Microsoft.ContainerRegistry/registries/privateEndpointConnections") {
		e.arms(t, http.MethodPut, d.ID.String(), map[string]any{"privateLinkServiceConnectionState": map[string]any{"status": status}})
	}
}
