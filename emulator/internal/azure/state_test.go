package azure

import (
	"fmt"
	"testing"
)

func TestState(t *testing.T) {
	put := func(ids ...string) (c Change) {
		for _, id := range ids {
			c.Put = append(c.Put, Document{ID: MustParseResourceID(id), Body: map[string]any{"id": id}})
		}
		return c
	}
	base := "/subscriptions/S/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/regs"
	var empty *State
	first, err := empty.With(put(base+"b", base+"a", base+"a2", base+"a/scopeMaps/x", base+"a2/scopeMaps/y", "/graph/users/U1"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.With(Change{Delete: []string{base + "B", base + "none"}, Put: put(base + "A").Put})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		got, want any
	}{
		{empty.Len(), 0},
		{first.Len(), 6},
		{second.Len(), 5},
		{names(first.OfType("microsoft.containerregistry/REGISTRIES")), "[regsa regsa2 regsb]"},
		{names(second.OfType(TypeRegistry)), "[regsA regsa2]"},
		{names(second.Children(base+"a", TypeScopeMap)), "[x]"},
		{names(second.Below("/subscriptions/s")), "[regsA regsa2 x y]"},
		{names(second.Children("/subscriptions/s/resourcegroups/rg", TypeRegistry)), "[regsA regsa2]"},
		{names(second.Children("/subscriptions/s/resourcegroups/r", TypeRegistry)), "[]"},
		{names(second.Below("/")), "[regsA regsa2 x y]"},
	} {
		if fmt.Sprint(row.got) != fmt.Sprint(row.want) {
			t.Errorf("got %v, want %v", row.got, row.want)
		}
	}
	if _, ok := first.Get(base + "B"); !ok {
		t.Error("the first state lost a document to the second")
	}
	if _, ok := second.Get(base + "B"); ok {
		t.Error("the second state still has what was deleted")
	}
	if d, ok := second.Get("/GRAPH/users/u1"); !ok || d.Type() != TypeUser {
		t.Error("the user is not found")
	}
}

func names(documents []*Document) string {
	out := []string{}
	for _, d := range documents {
		out = append(out, d.ID.Name())
	}
	return fmt.Sprint(out)
}
