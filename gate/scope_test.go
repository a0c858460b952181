package gate

import (
	"slices"
	"strings"
	"testing"
)

const (
	testSubscription = "/subscriptions/0000-1"
	testGroup        = testSubscription + "/resourcegroups/rg"
	testRegistry     = testGroup + "/providers/microsoft.containerregistry/registries/myregistry"
	testTask         = testRegistry + "/tasks/nightly"
	testLock         = testRegistry + "/providers/microsoft.authorization/locks/keep"
	testManagement   = "/providers/microsoft.management/managementgroups/corp"
)

func mustParseScope(t *testing.T, text string) Scope {
	t.Helper()
	s, err := ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseScope(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"/", "/"},
		{"///", "/"},
		{testSubscription, testSubscription},
		{"/Subscriptions/0000-1/", testSubscription},
		{"/subscriptions/0000-1/resourceGroups/RG", testGroup},
		{"//subscriptions//0000-1//resourceGroups//rg//", testGroup},
		{"/subscriptions/0000-1/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/MyRegistry", testRegistry},
		{testTask, testTask},
		{testLock, testLock},
		{"/providers/Microsoft.Management/managementGroups/Corp", testManagement},
		{testSubscription + "/providers/Microsoft.Features/features/x", testSubscription + "/providers/microsoft.features/features/x"},
		{testManagement + "/providers/Microsoft.Authorization/roleAssignments/x", testManagement + "/providers/microsoft.authorization/roleassignments/x"},
		{testGroup + "/providers/a.b/namespaces/n/topics/t/subscriptions/s", testGroup + "/providers/a.b/namespaces/n/topics/t/subscriptions/s"},
		{testSubscription + "/resourcegroups/providers", testSubscription + "/resourcegroups/providers"},
		{testSubscription + "/resourcegroups/MÜLL", testSubscription + "/resourcegroups/mÜll"}, // only A to Z are folded
		{testSubscription + "/resourcegroups/a b(1).c_d-e", testSubscription + "/resourcegroups/a b(1).c_d-e"},
		{testSubscription + "/resourcegroups/" + strings.Repeat("x", maxScopeBytes-len(testSubscription+"/resourcegroups/")), testSubscription + "/resourcegroups/" + strings.Repeat("x", maxScopeBytes-len(testSubscription+"/resourcegroups/"))},
	} {
		s, err := ParseScope(row.text)
		if err != nil || string(s) != row.want {
			t.Errorf("ParseScope(%q) = %q, %v, want %q", row.text, s, err, row.want)
		}
	}
}

func TestParseScopeRefuses(t *testing.T) {
	for _, row := range []struct{ text, problem string }{
		{"", "does not begin with a slash"},
		{"subscriptions/x", "does not begin with a slash"},
		{" /subscriptions/x", "does not begin with a slash"},
		{"https://management.azure.com/subscriptions/x", "does not begin with a slash"},
		{"/" + strings.Repeat("x", maxScopeBytes), "longer than 2048 bytes"},
		{"/subscriptions/\xff", "not valid UTF-8"},
		{"/subscriptions/a\x00", `'\x00' has no place`},
		{"/subscriptions/a\n", `'\n' has no place`},
		{"/subscriptions/a?api-version=1", `'?' has no place`},
		{"/subscriptions/a#b", `'#' has no place`},
		{"/subscriptions/a%2fb", `'%' has no place`},
		{`/subscriptions/a\b`, `'\\' has no place`},
		{"/subscriptions/..", `".." is not a name`},
		{testGroup + "/./x", `"." is not a name`},
		{"/subscriptions", `"subscriptions" has no name after it`},
		{testSubscription + "/resourceGroups", `"resourcegroups" has no name after it`},
		{testGroup + "/providers/microsoft.containerregistry", "a type and a name are missing after the provider"},
		{"/providers/microsoft.management", "a type and a name are missing after the provider"},
		{testGroup + "/providers/microsoft.containerregistry/registries", `"registries" has no name after it`},
		{testGroup + "/providers/a/providers/b/t/n", `"providers" is not expected as segment 7`},
		{"/resourceGroups/rg", `"resourcegroups" is not expected as segment 1`},
		{"/tenants/x", `"tenants" is not expected as segment 1`},
		{testSubscription + "/registries/x", `"registries" is not expected as segment 3`},
		{testSubscription + "/subscriptions/x", `"subscriptions" is not expected as segment 3`},
		{testGroup + "/resourceGroups/rg2", `"resourcegroups" is not expected as segment 5`},
		{testGroup + "/registries/x", `"registries" is not expected as segment 5`},
	} {
		s, err := ParseScope(row.text)
		if s != "" || err == nil || !strings.Contains(err.Error(), row.problem) {
			t.Errorf("ParseScope(%q) = %q, %v, want …%s…", row.text, s, err, row.problem)
		}
	}
	_, err := ParseScope("/tenants/x")
	if want := `scope "/tenants/x": "tenants" is not expected as segment 1`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Each row is a scope, what it contains beside itself, and what it does not.
func TestScopeContains(t *testing.T) {
	for _, row := range []struct {
		scope   string
		yes, no []string
	}{
		{"/", []string{testManagement, testSubscription, testGroup, testRegistry, testTask}, nil},
		{testManagement, []string{testManagement + "/providers/a.b/t/n"}, []string{"/", testSubscription, testManagement + "2"}},
		{testSubscription, []string{testGroup, testRegistry, testTask}, []string{"/", testManagement, testSubscription + "2", testSubscription + "2/resourcegroups/rg"}},
		{testGroup, []string{testRegistry, testTask, testLock}, []string{testSubscription, testGroup + "2", strings.Replace(testRegistry, "/rg/", "/rg2/", 1)}},
		{testRegistry, []string{testTask, testLock}, []string{testGroup, testRegistry + "2", testRegistry + "2/tasks/nightly"}},
		{testTask, nil, []string{testRegistry, testRegistry + "/tasks/night"}},
	} {
		s := mustParseScope(t, row.scope)
		for _, other := range append(row.yes, row.scope) {
			if !s.Contains(mustParseScope(t, strings.ToUpper(other[:1])+other[1:])) {
				t.Errorf("%s does not contain %s", s, other)
			}
		}
		for _, other := range row.no {
			if s.Contains(mustParseScope(t, other)) {
				t.Errorf("%s contains %s", s, other)
			}
		}
		if s.Contains("") || Scope("").Contains(s) {
			t.Errorf("the zero scope and %s contain one another", s)
		}
	}
	if Scope("").Contains("") {
		t.Error("the zero scope contains itself")
	}
}

func TestScopeParts(t *testing.T) {
	for _, row := range []struct {
		scope, name, kind string
		parents           []Scope // after itself
	}{
		{"/", "", "microsoft.resources/tenants", nil},
		{testManagement, "corp", "microsoft.management/managementgroups", []Scope{"/"}},
		{testSubscription, "0000-1", "microsoft.resources/subscriptions", []Scope{"/"}},
		{testGroup, "rg", "microsoft.resources/resourcegroups", []Scope{testSubscription, "/"}},
		{testRegistry, "myregistry", "microsoft.containerregistry/registries", []Scope{testGroup, testSubscription, "/"}},
		{testTask, "nightly", "microsoft.containerregistry/registries/tasks", []Scope{testRegistry, testGroup, testSubscription, "/"}},
		{testLock, "keep", "microsoft.authorization/locks", []Scope{testRegistry, testGroup, testSubscription, "/"}},
		{testSubscription + "/providers/a.b/t/n", "n", "a.b/t", []Scope{testSubscription, "/"}},
		{testSubscription + "/resourcegroups/providers/providers/a.b/t/n", "n", "a.b/t", []Scope{testSubscription + "/resourcegroups/providers", testSubscription, "/"}},
	} {
		s := mustParseScope(t, row.scope)
		if s.Name() != row.name || s.ResourceType() != row.kind {
			t.Errorf("%s: name %q and type %q, want %q and %q", s, s.Name(), s.ResourceType(), row.name, row.kind)
		}
		want := append([]Scope{s}, row.parents...)
		if got := slices.Collect(s.Parents()); !slices.Equal(got, want) {
			t.Errorf("%s: parents %q, want %q", s, got, want)
		}
	}
}

func TestZeroScope(t *testing.T) {
	var zero Scope
	if parents := slices.Collect(zero.Parents()); len(parents) != 0 {
		t.Errorf("the zero scope has parents %q", parents)
	}
	if up, ok := zero.Parent(); ok || up != "" || zero.Name() != "" || zero.ResourceType() != "" {
		t.Error("the zero scope has a parent, a name or a type")
	}
}

func TestParentsStopWhenAsked(t *testing.T) {
	count := 0
	for range mustParseScope(t, testTask).Parents() {
		if count++; count == 2 {
			break
		}
	}
	if count != 2 {
		t.Errorf("%d parents, want 2", count)
	}
}

func TestParentsDoNotAllocate(t *testing.T) {
	s, n := mustParseScope(t, testTask), 0
	if got := testing.AllocsPerRun(100, func() {
		for p := range s.Parents() {
			n += len(p)
		}
	}); got != 0 {
		t.Errorf("Parents allocates %g times", got)
	}
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"/", testManagement, testSubscription, testGroup, testRegistry, testTask, testLock, "//Subscriptions/É//", "x"} {
		f.Add(seed, testRegistry)
		f.Add(testGroup, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if len(first)+len(second) > 2*maxScopeBytes {
			return
		}
		// A Scope made by hand may be anything; nothing may panic or run on.
		handmade := Scope(first)
		_, _, _ = handmade.Name(), handmade.ResourceType(), handmade.Contains(Scope(second))
		for range handmade.Parents() {
		}
		a, errA := ParseScope(first)
		b, errB := ParseScope(second)
		if errA != nil || errB != nil {
			return
		}
		if again, err := ParseScope(string(a)); again != a || err != nil {
			t.Fatalf("%q folds to %q, which folds to %q, %v", first, a, again, err)
		}
		if !a.Contains(a) || !Scope("/").Contains(a) || a.Contains(b) && b.Contains(a) && a != b {
			t.Fatalf("Contains is no partial order with %q and %q", a, b)
		}
		parents := slices.Collect(b.Parents())
		if parents[len(parents)-1] != "/" || slices.Contains(parents, a) != a.Contains(b) {
			t.Fatalf("%q contains %q: %t, but its parents are %q", a, b, a.Contains(b), parents)
		}
		for i, p := range parents { // each is a scope, above the one before it
			if again, err := ParseScope(string(p)); again != p || err != nil {
				t.Fatalf("the parent %q is no scope: %v", p, err)
			}
			if i > 0 && (!p.Contains(parents[i-1]) || parents[i-1].Contains(p)) {
				t.Fatalf("%q is not above %q", p, parents[i-1])
			}
		}
	})
}
