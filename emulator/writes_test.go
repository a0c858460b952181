package emulator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// manyDocuments is an Azure with ten registries and n role assignments of a thousand service principals.
func manyDocuments(t testing.TB, n int) []azure.Document {
	t.Helper()
	all := developmentDocuments()
	add := func(id string, body map[string]any) {
		parsed, err := azure.ParseResourceID(id)
		if err != nil {
			t.Fatal(err)
		}
		body["id"] = id
		all = append(all, azure.Document{ID: parsed, Body: body})
	}
	for i := range 10 {
		add(fmt.Sprintf("%sregistry%d", registriesBelow, i), map[string]any{"location": "westeurope", "properties": map[string]any{}})
	}
	for i := range min(n, 1000) {
		name := fmt.Sprintf("acac10ca-8000-4000-8000-%012d", i)
		all = append(all, azure.Document{ID: azure.GraphID("servicePrincipals", name), Body: map[string]any{
			"id": name, "@odata.type": "#microsoft.graph.servicePrincipal", "appId": fmt.Sprintf("acac10ca-8001-4000-8000-%012d", i),
		}})
	}
	for i := range n {
		add(assignmentAt(i), assignmentTo(fmt.Sprintf("acac10ca-8000-4000-8000-%012d", i%1000)))
	}
	return all
}

func assignmentAt(i int) string {
	scopes := []string{testGroup, registriesBelow + fmt.Sprintf("registry%d", i%10), "/subscriptions/" + azure.DevelopmentSubscription}
	return fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/acac10ca-9000-4000-8000-%012d", scopes[i%len(scopes)], i)
}

func assignmentTo(principal string) map[string]any {
	return map[string]any{"properties": map[string]any{
		"principalId": principal, "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
	}}
}

// writes are changes whose cost must not grow with the state.
var writes = []struct {
	name   string
	change func(t testing.TB, i int) azure.Change
}{
	{"assignment", func(t testing.TB, i int) azure.Change {
		t.Helper()
		id, err := azure.ParseResourceID(assignmentAt(i % 9000))
		if err != nil {
			t.Fatal(err)
		}
		body := assignmentTo(fmt.Sprintf("acac10ca-8000-4000-8000-%012d", (i*7)%1000))
		body["id"] = id.String()
		return azure.Change{Put: []azure.Document{{ID: id, Body: body}}}
	}},
	{"registry", func(t testing.TB, i int) azure.Change {
		t.Helper()
		id, err := azure.ParseResourceID(fmt.Sprintf("%sregistry%d", registriesBelow, i%10))
		if err != nil {
			t.Fatal(err)
		}
		return azure.Change{Put: []azure.Document{{ID: id, Body: map[string]any{
			"id": id.String(), "location": "westeurope", "properties": map[string]any{"adminUserEnabled": i%2 == 0},
		}}}}
	}},
	{"principal", func(_ testing.TB, i int) azure.Change {
		name := fmt.Sprintf("acac10ca-8000-4000-8000-%012d", i%1000)
		return azure.Change{Put: []azure.Document{{ID: azure.GraphID("servicePrincipals", name), Body: map[string]any{
			"id": name, "@odata.type": "#microsoft.graph.servicePrincipal", "appId": fmt.Sprintf("acac10ca-8001-4000-8000-%012d", i),
		}}}}
	}},
}

// BenchmarkApply is the whole of a write at 10,000 assignments: validation, store, projection, snapshot, swap.
func BenchmarkApply(b *testing.B) {
	for _, w := range writes {
		b.Run(w.name, func(b *testing.B) {
			c := testCore(b, manyDocuments(b, 10_000))
			b.ResetTimer()
			for i := range b.N {
				if _, err := c.Apply(b.Context(), w.change(b, i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReplace makes 10,000 documents the whole state.
func BenchmarkReplace(b *testing.B) {
	documents := manyDocuments(b, 9_000)
	c := testCore(b, nil)
	for b.Loop() {
		if err := c.replace(b.Context(), documents); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWritesAreQuick holds writes to a bound that leaves room for a busy machine; the benchmarks tell the real cost.
func TestWritesAreQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	const bound, tries = 20 * time.Millisecond, 21
	c := testCore(t, manyDocuments(t, 10_000))
	for _, w := range writes {
		var took []time.Duration
		for i := range tries {
			change, begun := w.change(t, i), time.Now()
			if _, err := c.Apply(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		if median := took[tries/2]; median > bound {
			t.Errorf("a write of one %s took %s, more than %s", w.name, median, bound)
		}
	}
}
