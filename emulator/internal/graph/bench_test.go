package graph_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// BenchmarkDirectory measures calls on a directory of 10,000 users and 1,000 service principals.
func BenchmarkDirectory(b *testing.B) {
	full := fixture(b)
	var change azure.Change
	for i := range 10_000 {
		change.Put = append(change.Put, azure.Document{ID: azure.GraphID("users", azure.DerivedID(fmt.Sprint("u", i))), Body: map[string]any{
			"displayName": fmt.Sprint("user ", i), "userPrincipalName": fmt.Sprintf("u%d@contoso.com", i),
		}})
	}
	for i := range 1_000 {
		change.Put = append(change.Put, azure.Document{ID: azure.GraphID("servicePrincipals", azure.DerivedID(fmt.Sprint("s", i))), Body: map[string]any{
			"displayName": fmt.Sprint("service ", i), "appId": azure.DerivedID(fmt.Sprint("a", i)),
		}})
	}
	next, err := full.state.With(change)
	if err != nil {
		b.Fatal(err)
	}
	full.state = next // who they are does not matter to the gate here
	for _, row := range []struct{ name, method, path, body string }{
		{"page", "GET", "/users", ""},
		{"by name", "GET", "/users?$filter=userPrincipalName eq 'u77@contoso.com'", ""},
		{"service principal by appId", "GET", "/servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '" + azure.DerivedID("a1") + "')", ""},
		{"one", "GET", "/users/" + azure.DerivedID("u1"), ""},
		{"by IDs", "POST", "/directoryObjects/getByIds", `{"ids": ["` + azure.DerivedID("u1") + `", "` + azure.DerivedID("s1") + `"]}`},
	} {
		b.Run(row.name, func(b *testing.B) {
			handler := newServer(full)
			for b.Loop() {
				if got := send(handler, newRequest("reader", row.method, row.path, row.body)); got.Code != http.StatusOK {
					b.Fatal(got.Body)
				}
			}
		})
	}
}
