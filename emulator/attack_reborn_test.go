package emulator

import (
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// TestRebornRegistry: when a registry is gone and somebody else makes one of its name, what the old one held is not there, and
// the tokens of its admin user are worth nothing, however long they would have been good. (They once were the new one's.)
func TestRebornRegistry(t *testing.T) {
	v := newVictim(t)
	var old struct {
		Token string `json:"access_token"`
	}
	v.ask(t, http.MethodGet, "/oauth2/token?service=alpha.azurecr.io&scope=repository:secret/x:pull,push", v.admin, "").into(t, &old)
	push := func() answer {
		return v.ask(t, http.MethodPost, "/v2/secret/x/blobs/uploads/", "Bearer "+old.Token, "")
	}
	if a := push(); a.status != http.StatusAccepted {
		t.Fatalf("before: %d %s", a.status, a.body)
	}
	other := "/subscriptions/" + azure.DevelopmentSubscription + "/resourceGroups/other"
	reborn := other + "/providers/Microsoft.ContainerRegistry/registries/alpha"
	for _, call := range []struct {
		method, id string
		body       any
	}{
		{http.MethodDelete, attackRegistries + "alpha", nil},
		{http.MethodPut, other, map[string]any{"location": "westeurope"}},
		{http.MethodPut, reborn, map[string]any{
			"location": "westeurope", "sku": map[string]any{"name": "Premium"}, "properties": map[string]any{"adminUserEnabled": true},
		}},
	} {
		if err := v.ARM(t.Context(), call.method, call.id, call.body, nil); err != nil {
			t.Fatal(err)
		}
	}
	if a := push(); a.reason() != gate.AudienceWrong {
		t.Errorf("an old token: %d %s", a.status, a.reason())
	}
	var made struct{ Passwords []struct{ Value string } }
	if err := v.ARM(t.Context(), http.MethodPost, reborn+"/listCredentials", map[string]any{}, &made); err != nil {
		t.Fatal(err)
	}
	admin := basic("alpha", made.Passwords[0].Value)
	if a := v.ask(t, http.MethodGet, "/v2/secret/x/blobs/"+v.secret, admin, ""); a.status != http.StatusNotFound {
		t.Errorf("the old blob: %d %s", a.status, a.body)
	}
}
