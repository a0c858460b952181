package arm_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// uncompiled is a backend whose gate allows everything, so that a benchmark measures the control plane alone.
type uncompiled struct{ *backend }

func (b uncompiled) Authorize(string, string, string) gate.Authorization {
	return gate.Authorization{Allowed: true, Reason: gate.RoleGrants}
}

func (b uncompiled) Apply(_ context.Context, c azure.Change) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next, err := b.state.With(c)
	if err == nil {
		b.state = next
	}
	return 1, err
}

// crowded has 10,000 role assignments on the subscription.
func crowded(b *testing.B) uncompiled {
	base := fixture(b)
	var change azure.Change
	for i := range 10_000 {
		change.Put = append(change.Put, put(fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/%s", subscription, azure.DerivedID(fmt.Sprint(i))),
			map[string]any{"type": azure.TypeRoleAssignment, "properties": map[string]any{
				"principalId": azure.DerivedID(fmt.Sprint("p", i%1000)), "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/" + azure.DerivedID(fmt.Sprint("role", i)),
			}}))
	}
	full := uncompiled{base}
	if _, err := full.Apply(context.Background(), change); err != nil {
		b.Fatal(err)
	}
	return full
}

// locked has a lock and tags besides, so that a write has to look.
func locked(b *testing.B) uncompiled {
	full := crowded(b)
	lock := put(subscription+"/resourceGroups/rg/providers/Microsoft.Authorization/locks/keep", map[string]any{"properties": map[string]any{"level": "CanNotDelete"}})
	if _, err := full.Apply(context.Background(), azure.Change{Put: []azure.Document{lock}}); err != nil {
		b.Fatal(err)
	}
	return full
}

// BenchmarkWrites measures the control plane's part of a write at 10,000 assignments (bar: 2 ms for the whole write).
func BenchmarkWrites(b *testing.B) {
	for _, row := range []struct{ name, path, body string }{
		{"registry", first, `{"tags": {"a": "b"}}`},
		{"assignment", subscription + "/providers/Microsoft.Authorization/roleAssignments/" + azure.DerivedID("bench"), `{"properties":
			{"principalId": "` + azure.DerivedID("nobody") + `", "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d"}}`},
	} {
		b.Run(row.name, func(b *testing.B) {
			full := locked(b)
			handler, before, method := newServer(full), full.State(), http.MethodPut
			if row.name == "registry" {
				method = http.MethodPatch
			}
			for b.Loop() {
				full.mu.Lock()
				full.state = before
				full.mu.Unlock()
				if got := send(handler, newRequest("owner", method, row.path, row.body)); got.Code >= 300 {
					b.Fatal(got.Body)
				}
			}
		})
	}
}

// BenchmarkLists measures lists of and among 10,000 documents.
func BenchmarkLists(b *testing.B) {
	for _, row := range []struct{ name, path string }{
		{"assignments", subscription + "/providers/Microsoft.Authorization/roleAssignments"},
		{"assigned to", subscription + "/providers/Microsoft.Authorization/roleAssignments?$filter=assignedTo('" + azure.DerivedID("p1") + "')"},
		{"registries by type", subscription + "/resources?$filter=resourceType eq 'Microsoft.ContainerRegistry/registries'"},
	} {
		b.Run(row.name, func(b *testing.B) {
			handler := newServer(crowded(b))
			for b.Loop() {
				if got := send(handler, newRequest("owner", "GET", row.path, "")); got.Code != 200 {
					b.Fatal(got.Body)
				}
			}
		})
	}
}

// BenchmarkPages measures all pages of a list together, by how many resources there are: the cost of one must not depend
// on their number.
func BenchmarkPages(b *testing.B) {
	for _, row := range []struct{ name, query string }{{"all", "?$top=1000"}, {"filter", "?$filter=tagName eq 'colour' and tagValue eq 'red'&$top=100"}} {
		for _, n := range []int{2_500, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", row.name, n), func(b *testing.B) {
				handler := newServer(uncompiled{many(b, n)})
				for b.Loop() {
					pages(b, handler, "owner", subscription+"/resources"+row.query)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/resource")
			})
		}
	}
}
