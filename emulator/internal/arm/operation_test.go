package arm_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// slowServer is a server whose operations take five seconds of a clock that the test moves.
func slowServer(t *testing.T) (http.Handler, *time.Time) {
	t.Helper()
	b, clock := fixture(t), now
	settings := azure.Document{ID: azure.SettingsID(azure.SettingsQuirks), Body: map[string]any{
		"properties": map[string]any{"all": map[string]any{azure.SlowOperations: "5s"}},
	}}
	if _, err := b.Apply(context.Background(), azure.Change{Put: []azure.Document{settings}}); err != nil {
		t.Fatal(err)
	}
	return arm.New(arm.Options{Backend: b, Now: func() time.Time { return clock }}), &clock
}

// follow asks for the address in a header of an answer.
func follow(t *testing.T, handler http.Handler, who, address string) *httptest.ResponseRecorder {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host != "management.azure.com" || u.Scheme != "https" {
		t.Fatalf("%q is no address of ARM: %v", address, err)
	}
	return send(handler, newRequest(who, "GET", u.RequestURI(), ""))
}

func member(t *testing.T, got *httptest.ResponseRecorder, names ...string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(got.Body.Bytes(), &value); err != nil {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	for _, name := range names {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// TestSlowWrite: a registry is shown as being made, with 201 and never 202, until its time is over.
func TestSlowWrite(t *testing.T) {
	handler, clock := slowServer(t)
	path := group + "/providers/Microsoft.ContainerRegistry/registries/fresh"
	for _, row := range []struct {
		method, word string
		status       int
	}{{"PUT", "Creating", 201}, {"PATCH", "Updating", 200}} {
		put := send(handler, newRequest("owner", row.method, path, `{"location": "westeurope", "sku": {"name": "Basic"}}`))
		address := put.Header().Get("Azure-AsyncOperation")
		if put.Code != row.status || address == "" || put.Header().Get("Retry-After") == "" || put.Header().Get("Location") != "" {
			t.Fatalf("%s: %d %v", row.method, put.Code, put.Header())
		}
		for range 2 {
			if got := member(t, send(handler, newRequest("reader", "GET", path, "")), "properties", "provisioningState"); got != row.word {
				t.Errorf("%s: provisioningState is %v", row.method, got)
			}
		}
		if got := follow(t, handler, "owner", address); got.Code != 200 || member(t, got, "status") != "InProgress" || got.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", row.method, got.Code, got.Body)
		}
		*clock = clock.Add(5 * time.Second)
		if got := follow(t, handler, "owner", address); member(t, got, "status") != "Succeeded" || member(t, got, "endTime") == nil {
			t.Errorf("%s: %d %s", row.method, got.Code, got.Body)
		}
		if got := member(t, send(handler, newRequest("owner", "GET", path, "")), "properties", "provisioningState"); got != "Succeeded" {
			t.Errorf("%s: provisioningState is %v", row.method, got)
		}
	}
}

// TestSlowRemoval: 202 with both addresses; what is removed is gone at once, and the operation can be read by whoever
// asked for it or could have, and by nobody else.
func TestSlowRemoval(t *testing.T) {
	handler, clock := slowServer(t)
	removed := send(handler, newRequest("owner", "DELETE", group, ""))
	status, result := removed.Header().Get("Azure-AsyncOperation"), removed.Header().Get("Location")
	if removed.Code != 202 || status == "" || result == "" {
		t.Fatalf("%d %v %s", removed.Code, removed.Header(), removed.Body)
	}
	for _, address := range []string{status, result} {
		for _, who := range []string{"reader", "nobody"} {
			if got := follow(t, handler, who, address); got.Code != 403 {
				t.Errorf("%s reads an operation of owner: %d %s", who, got.Code, got.Body)
			}
		}
	}
	if got := follow(t, handler, "owner", result); got.Code != 202 || got.Header().Get("Location") == "" || got.Body.Len() > 0 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	*clock = clock.Add(time.Minute)
	if got := follow(t, handler, "owner", result); got.Code != 204 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := follow(t, handler, "owner", status); member(t, got, "status") != "Succeeded" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// TestSlowElsewhere: what Azure writes at once stays so, and an operation is found at its own address only.
func TestSlowElsewhere(t *testing.T) {
	handler, _ := slowServer(t)
	for _, path := range []string{subscription + "/resourceGroups/more", group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/more"} {
		got := send(handler, newRequest("owner", "PUT", path, `{"location": "westeurope"}`))
		if got.Code != 201 || got.Header().Get("Azure-AsyncOperation") != "" {
			t.Errorf("%s: %d %v", path, got.Code, got.Header())
		}
	}
	removed := send(handler, newRequest("owner", "DELETE", first, ""))
	u, err := url.Parse(removed.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	id := u.Path[len(u.Path)-36:]
	elsewhere := victim + "/providers/Microsoft.ContainerRegistry/locations/westeurope/operationResults/" + id
	if got := send(handler, newRequest("owner", "GET", elsewhere, "")); got.Code != 404 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
