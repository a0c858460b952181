package arm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

var first = group + "/providers/Microsoft.ContainerRegistry/registries/first"

// TestHostileBodies sends what is too large or too deep; nothing of it is kept, and the answer is ARM's.
func TestHostileBodies(t *testing.T) {
	b := fixture(t)
	handler, before := newServer(b), b.State()
	for _, row := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"huge", `{"tags": {"a": "` + strings.Repeat("x", 5<<20) + `"}}`, 413, "RequestContentTooLarge"},
		{"deep objects", strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), 400, "InvalidRequestContent"},
		{"deeper than JSON", strings.Repeat(`{"a":`, 200_000), 400, "InvalidRequestContent"},
		{"deep lists", `{"properties": {"a": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}}", 400, "InvalidRequestContent"},
		{"no text", "\xff\xfe\x00", 400, "InvalidRequestContent"},
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			got := send(handler, newRequest("owner", method, first, row.body))
			if got.Code != row.status || codeOf(t, got) != row.code {
				t.Errorf("%s %s: %d %.300s", method, row.name, got.Code, got.Body)
			}
		}
	}
	if b.State() != before {
		t.Error("something was kept")
	}
}

// codeOf reads an error, which must be one of ARM's.
func codeOf(t testing.TB, got *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil || body.Error.Code == "" || body.Error.Message == "" {
		t.Fatalf("%d is no error of ARM's: %.300s", got.Code, got.Body)
	}
	return body.Error.Code
}

// TestConcurrentMerges: of two writes at once, neither undoes the other.
func TestConcurrentMerges(t *testing.T) {
	handler, box := newServer(fixture(t)), group+"/providers/Contoso.Things/boxes/one"
	send(handler, newRequest("owner", "PUT", box, `{"location": "westeurope"}`))
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			got := send(handler, newRequest("owner", "PATCH", box, fmt.Sprintf(`{"properties": {"p": {"t%d": "x"}}}`, i)))
			if got.Code != 200 {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
	wait.Wait()
	merged, _ := member(t, send(handler, newRequest("owner", "GET", box, "")), "properties", "p").(map[string]any)
	if len(merged) != 50 {
		t.Errorf("%d of 50 members are left", len(merged))
	}
}

// revoked is a backend in which the principal loses its rights while its body is on the way.
type revoked struct {
	*backend
	body *strings.Reader
}

func (r *revoked) Read(p []byte) (int, error) {
	id := strings.ToLower(subscription + "/providers/Microsoft.Authorization/roleAssignments/" + azure.DerivedID("owner/role"))
	if _, err := r.Apply(context.Background(), azure.Change{Delete: []string{id}}); err != nil {
		return 0, err
	}
	return r.body.Read(p)
}

func TestRightIsGoneWhenTheBodyArrives(t *testing.T) {
	for _, row := range []struct{ method, path string }{
		{"PUT", first}, {"PATCH", first}, {"POST", first + "/generateCredentials"},
	} {
		b := fixture(t)
		r := newRequest("owner", row.method, row.path, "")
		r.Body = http.NoBody
		r = httptest.NewRequest(row.method, r.URL.String(), &revoked{backend: b, body: strings.NewReader(`{"location": "westeurope"}`)})
		r.Header.Set("Authorization", "Bearer "+azure.DerivedID("owner"))
		if got := send(newServer(b), r); got.Code != 403 || codeOf(t, got) != "AuthorizationFailed" {
			t.Errorf("%s: %d %s", row.method, got.Code, got.Body)
		}
	}
}

// broken is a backend that cannot keep anything.
type broken struct {
	*backend
	fail func() error
}

func (b broken) Apply(context.Context, azure.Change) (int64, error) { return 0, b.fail() }

func TestFailures(t *testing.T) {
	for _, row := range []struct {
		name   string
		fail   func() error
		status int
		code   string
	}{
		{"unknown", func() error { return errors.New("secret detail of a disk") }, 500, "InternalServerError"},
		{"panic", func() error { panic("secret detail of a bug") }, 500, "InternalServerError"},
		{"conflict", func() error { return &azure.Error{Code: azure.CodeConflict, Message: "in the way"} }, 409, "Conflict"},
		{"rule", func() error { return &azure.Error{Code: "NetworkRuleValidationError", Message: "no"} }, 400, "NetworkRuleValidationError"},
		{"chosen", func() error { return &arm.Error{Status: 429, Code: "TooManyRequests", Message: "later"} }, 429, "TooManyRequests"},
		{"canceled", func() error { return context.Canceled }, 503, "RequestCanceled"},
	} {
		handler := arm.New(arm.Options{Backend: broken{fixture(t), row.fail}})
		for range 2 { // also after a panic, nobody is locked out
			got := send(handler, newRequest("owner", "PATCH", first, `{"tags": {"a": "b"}}`))
			if got.Code != row.status || codeOf(t, got) != row.code || strings.Contains(got.Body.String(), "secret") {
				t.Errorf("%s: %d %s", row.name, got.Code, got.Body)
			}
		}
	}
}

// FuzzRequest: whatever is asked, the answer is JSON of ARM's or nothing, and never an internal error; and who has no role
// changes nothing and sees nothing.
func FuzzRequest(f *testing.F) {
	for _, path := range []string{
		first, first + "/listCredentials", subscription + "/resources?$filter=name%20eq%20'a'", "/providers/x/y/z", "//a//..//%00",
		first + "/providers/Microsoft.Authorization/roleAssignments/x?$filter=atScope()", subscription + "/resourceGroups/providers/providers/a/b",
		group + "/providers/Microsoft.Network/privateEndpoints/p",
	} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST"} {
			f.Add(method, path, `{"location": "westeurope", "sku": {"name": "Basic"}, "identity": {"type": "SystemAssigned"}, "properties": {}}`)
		}
	}
	f.Add("PUT", group+"/providers/Microsoft.Network/privateEndpoints/p", `{"location": "x", "properties": {"subnet": {"id": 1},
		"privateLinkServiceConnections": [null, 1, {"properties": {"privateLinkServiceId": "`+first+`", "groupIds": "registry"}}]}}`)
	b := fixture(f)
	handler, before := newServer(b), b.State()
	f.Fuzz(func(t *testing.T, method, path, body string) {
		for _, who := range []string{"owner", "nobody"} {
			r, err := http.NewRequest(method, "https://management.azure.com", strings.NewReader(body))
			if err != nil {
				return
			}
			target, err := r.URL.Parse(path)
			if err != nil {
				return
			}
			query := target.Query()
			query.Set("api-version", "2023-07-01")
			target.RawQuery, r.URL = query.Encode(), target
			r.Header.Set("Authorization", "Bearer "+azure.DerivedID(who))
			b.mu.Lock()
			b.state = before // each request starts from the same documents; the gate may lag
			b.mu.Unlock()
			got := send(handler, r)
			if got.Code >= 500 || got.Code >= 400 && method != "HEAD" && codeOf(t, got) == "" {
				t.Fatalf("%s %q: %d %s", method, path, got.Code, got.Body)
			}
			if got.Body.Len() > 0 && !json.Valid(got.Body.Bytes()) {
				t.Fatalf("%s %q: not JSON: %s", method, path, got.Body)
			}
			if who == "nobody" && b.State() != before {
				t.Fatalf("%s %q: somebody without a role changed something", method, path)
			}
		}
	})
}
