package azure

import (
	"strings"
	"testing"
)

// TestResourceID has a row for each shape of ID, with what can be asked of it.
func TestResourceID(t *testing.T) {
	for _, row := range []struct {
		text, written, kind, name, parent, subscription, group string
	}{
		{"/", "/", TypeTenant, "", "", "", ""},
		{"/subscriptions/S", "/subscriptions/S", TypeSubscription, "S", "/", "S", ""},
		{"/Subscriptions/S/ResourceGroups/G/", "/Subscriptions/S/ResourceGroups/G", TypeResourceGroup, "G", "/Subscriptions/S", "S", "G"},
		{"//subscriptions//S", "/subscriptions/S", TypeSubscription, "S", "/", "S", ""},
		{testRegistry, testRegistry, TypeRegistry, "myregistry", testGroup, DevelopmentSubscription, "rg"},
		{testRegistry + "/tasks/t", testRegistry + "/tasks/t", TypeTask, "t", testRegistry, DevelopmentSubscription, "rg"},
		{
			testRegistry + "/providers/Microsoft.Authorization/roleAssignments/a",
			testRegistry + "/providers/Microsoft.Authorization/roleAssignments/a", TypeRoleAssignment, "a", testRegistry, DevelopmentSubscription, "rg",
		},
		{
			"/subscriptions/S/providers/Microsoft.Authorization/roleDefinitions/r",
			"/subscriptions/S/providers/Microsoft.Authorization/roleDefinitions/r", TypeRoleDefinition, "r", "/subscriptions/S", "S", "",
		},
		{"/providers/Microsoft.Management/managementGroups/m", "/providers/Microsoft.Management/managementGroups/m", TypeManagementGroup, "m", "/", "", ""},
		{
			"/providers/Microsoft.Management/managementGroups/m/subscriptions/S",
			"/providers/Microsoft.Management/managementGroups/m/subscriptions/S", TypeManagementSubscription, "S", "/providers/Microsoft.Management/managementGroups/m", "", "",
		},
		{"/graph/users/u", "/graph/users/u", TypeUser, "u", "", "", ""},
		{"/acrlocal/settings/quirks", "/acrlocal/settings/quirks", TypeSettings, "quirks", "", "", ""},
	} {
		id, err := ParseResourceID(row.text)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		parent, _ := id.Parent()
		for _, c := range []struct{ what, got, want string }{
			{"text", id.String(), row.written},
			{"key", id.Key(), strings.ToLower(row.written)},
			{"type", Fold(id.Type()), Fold(row.kind)},
			{"name", id.Name(), row.name},
			{"parent", parent.String(), row.parent},
			{"parent's key", parent.Key(), strings.ToLower(row.parent)},
			{"subscription", id.Subscription(), row.subscription},
			{"resource group", id.ResourceGroup(), row.group},
		} {
			if c.got != c.want {
				t.Errorf("%s: the %s is %q, want %q", row.text, c.what, c.got, c.want)
			}
		}
	}
}

func TestResourceIDRefused(t *testing.T) {
	for _, text := range []string{
		"", "subscriptions/s", "/subscriptions", "/subscriptions/s/resourceGroups", "/resourceGroups/g", "/subscriptions/s/virtualMachines/v",
		"/subscriptions/s/providers/Microsoft.Network", "/subscriptions/s/providers/a/providers/b", "/subscriptions/..", "/subscriptions/.",
		"/subscriptions/a%2fb", "/subscriptions/a?b", "/subscriptions/a#b", "/subscriptions/a\\b", "/subscriptions/a\x00", "/subscriptions/\xff",
		"/graph/users", "/graph/users/a/b", "/graph", "/acrlocal/settings", "/" + strings.Repeat("a", maxResourceID),
	} {
		if id, err := ParseResourceID(text); err == nil {
			t.Errorf("%.60q is read as %s", text, id)
		} else if len(err.Error()) > 300 {
			t.Errorf("%.60q: the error has %d bytes", text, len(err.Error()))
		}
	}
}

// TestContains: whole segments, in any case.
func TestContains(t *testing.T) {
	for _, row := range []struct {
		above, below string
		want         bool
	}{
		{"/", "/subscriptions/s", true},
		{"/subscriptions/S", "/subscriptions/s", true},
		{"/subscriptions/s", "/SUBSCRIPTIONS/S/resourceGroups/g", true},
		{"/subscriptions/s/resourceGroups/rg", "/subscriptions/s/resourceGroups/rg2", false},
		{testRegistry, testRegistry + "/tasks/t", true},
		{testRegistry, testRegistry + "2", false},
		{testRegistry + "/tasks/t", testRegistry, false},
	} {
		if got := MustParseResourceID(row.above).Contains(MustParseResourceID(row.below)); got != row.want {
			t.Errorf("%s contains %s: %v", row.above, row.below, got)
		}
	}
	if (ResourceID{}).Contains(ResourceID{}) || (ResourceID{}).Contains(MustParseResourceID("/")) || MustParseResourceID("/").Contains(ResourceID{}) {
		t.Error("the zero ID is somewhere")
	}
}

func TestChildAndExtension(t *testing.T) {
	registry := MustParseResourceID(testRegistry)
	for _, name := range []string{"", "a/b", "..", "a?"} {
		if id, err := registry.Child("tasks", name); err == nil {
			t.Errorf("the child %q is %s", name, id)
		}
	}
	task, err := registry.Child("tasks", "nightly")
	if err != nil || task.Type() != TypeTask {
		t.Errorf("%s, %v", task, err)
	}
	assignment, err := registry.Extension(TypeRoleAssignment, "a")
	if parent, _ := assignment.Parent(); err != nil || parent != registry {
		t.Errorf("%s is below %s, %v", assignment, parent, err)
	}
}

func TestOwnIDs(t *testing.T) {
	if id := GraphID("users", "a/b"); !id.IsZero() {
		t.Errorf("a Graph object is called %s", id)
	}
	if id := GraphID("users", ".."); !id.IsZero() {
		t.Errorf("a Graph object is called %s", id)
	}
	if id := GraphID("users", "u"); !id.IsGraph() || id.IsSettings() || Hidden(id) {
		t.Errorf("%s is no Graph object", id)
	}
	if id := SettingsID(SettingsQuirks); !id.IsSettings() || id.IsGraph() || !Hidden(id) {
		t.Errorf("%s is no setting", id)
	}
	for _, id := range []ResourceID{CredentialsID(MustParseResourceID(testRegistry)), CredentialsID(MustParseResourceID(testRegistry + "/tokens/t"))} {
		if !Hidden(id) {
			t.Errorf("%s is shown to everybody", id)
		}
	}
	if Hidden(MustParseResourceID(testRegistry)) {
		t.Error("the registry is hidden")
	}
}

// TestFold: ASCII alone, so that no two names that Azure tells apart become one.
func TestFold(t *testing.T) {
	for given, want := range map[string]string{"ABCxyz/09": "abcxyz/09", "\u212aelvin": "\u212aelvin", "ÄÖ": "ÄÖ", "": ""} {
		if got := Fold(given); got != want {
			t.Errorf("%q is folded to %q, want %q", given, got, want)
		}
	}
}

// TestDerivedID: the IDs that documentation and tests rely on.
func TestDerivedID(t *testing.T) {
	a, b := DerivedID(testRegistry), DerivedID(strings.ToUpper(testRegistry))
	if a != b || !IsGUID(a) || a[14] != '5' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("%s and %s", a, b)
	}
	if DerivedID("other") == a {
		t.Error("two names have one ID")
	}
	for _, text := range []string{"", "x", a + "0", "{" + a + "}", a[:35] + "g"} {
		if IsGUID(text) {
			t.Errorf("%q is a GUID", text)
		}
	}
}

// FuzzParseResourceID: what is accepted is read again the same, and every part can be asked for.
func FuzzParseResourceID(f *testing.F) {
	for _, text := range []string{"/", testRegistry, "/graph/users/u", "/providers/a/b/c/providers/d/e/f", "/subscriptions/s//"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseResourceID(text)
		if err != nil {
			return
		}
		again, err := ParseResourceID(id.String())
		if err != nil || again != id {
			t.Fatalf("%q becomes %q, then %q: %v", text, id, again, err)
		}
		folded, err := ParseResourceID(id.Key())
		if err != nil || folded.Key() != id.Key() || Fold(id.Type()) != Fold(folded.Type()) {
			t.Fatalf("%q folds to %q: %v", id, folded, err)
		}
		_, _ = id.Subscription(), id.ResourceGroup()
		for at, ok := id, true; ok; at, ok = at.Parent() {
			if !at.Contains(id) {
				t.Fatalf("%q does not contain %q", at, id)
			}
		}
	})
}

// TestIs: a type is compared without the case of ASCII letters, and of no others.
func TestIs(t *testing.T) {
	id := MustParseResourceID("/subscriptions/s/resourcegroups/rg/providers/microsoft.network/natgateways/out")
	for kind, is := range map[string]bool{
		TypeNATGateway: true, "MICROSOFT.NETWORK/NATGATEWAYS": true, TypeSubnet: false, "": false,
		"microsoft.networ\u212a/natgateways": false, "microsoft.network/natgatewayz": false,
	} {
		if id.Is(kind) != is || (Document{ID: id}).Is(kind) != is {
			t.Errorf("%s is of the type %q: %v", id, kind, !is)
		}
	}
}
