package gate

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func roleNamed(t *testing.T, name string) RoleDefinition {
	t.Helper()
	for _, r := range BuiltInRoles() {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no built-in role %s", name)
	return RoleDefinition{}
}

func TestActionMatches(t *testing.T) {
	for _, row := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "Microsoft.ContainerRegistry/registries/pull/read", true},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*/read", "Microsoft.ContainerRegistry/registries/pull/read", true},
		{"*/read", "Microsoft.ContainerRegistry/registries/pull/READ", true},
		{"*/read", "Microsoft.ContainerRegistry/registries/pull/reader", false},
		{"*/read", "read", false},
		{"Microsoft.Authorization/*/Write", "microsoft.authorization/roleAssignments/write", true},
		{"Microsoft.Authorization/*/Write", "microsoft.authorization/a/b/write", true},
		{"Microsoft.Authorization/*/Write", "microsoft.authorization/write", false},
		{"Microsoft.Authorization/*/Write", "Microsoft.ContainerRegistry/registries/write", false},
		{"Microsoft.ContainerRegistry/registries/*", "Microsoft.ContainerRegistry/registries/tasks/read", true},
		{"Microsoft.ContainerRegistry/registries/*", "Microsoft.ContainerRegistry/registries2/tasks/read", false},
		{"Microsoft.ContainerRegistry/registries/*", "Microsoft.ContainerRegistry/registries/", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a**a", "aba", true},
		{"*ab*ab", "ababab", true},
		{"*ab*ab", "abaab", true},
		{"*ab*abc", "abcab", false},
		{"?", "a", false},
		{"a*?", "abc", false},
		{"a*?", "ab?", true},
		{"AZ", "az", true},
		{"@[", "`{", false},
		{`\*`, `\x`, true},
		{`\*`, "*", false},
		{"k", "\u212A", false},
	} {
		if got := ActionMatches(row.pattern, row.action); got != row.want {
			t.Errorf("ActionMatches(%q, %q) = %t, want %t", row.pattern, row.action, got, row.want)
		}
	}
}

// FuzzActionMatches compares with a regular expression made of the pattern.
func FuzzActionMatches(f *testing.F) {
	f.Add("*/read", "Microsoft.ContainerRegistry/registries/pull/read")
	f.Add("a**b*", "A/b\nb?")
	f.Add("*a*b*c*", "aabbcc")
	f.Add("é*", "éa")
	f.Fuzz(func(t *testing.T, pattern, action string) {
		if len(pattern) > 64 || len(action) > 256 || !utf8.ValidString(pattern) || !utf8.ValidString(action) {
			return
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(lowerASCII(pattern)), `\*`, ".*")
		want := regexp.MustCompile("^(?s:" + quoted + ")$").MatchString(lowerASCII(action))
		if got := ActionMatches(pattern, action); got != want {
			t.Fatalf("ActionMatches(%q, %q) = %t, want %t", pattern, action, got, want)
		}
	})
}

func TestActionMatchesDoesNotAllocate(t *testing.T) {
	if got := testing.AllocsPerRun(100, func() {
		_ = ActionMatches("Microsoft.Authorization/*/read", "Microsoft.ContainerRegistry/registries/pull/read")
	}); got != 0 {
		t.Errorf("ActionMatches allocates %g times", got)
	}
}

// What a role gives and what it does not give, "data " before a data action and
// R and P for the prefixes of registry and repository (acr-behaviour §5.1, §5.2).
func TestBuiltInRoleRights(t *testing.T) {
	for _, row := range []struct {
		role    string
		yes, no []string
	}{
		{
			"AcrPull",
			[]string{"R/pull/read"},
			[]string{"R/push/write", "R/read", "R/artifacts/delete", "data P/content/read", "data R/catalog/read", "data R/pull/read"},
		},
		{
			"AcrPush",
			[]string{"R/pull/read", "R/push/write"},
			[]string{"R/artifacts/delete", "R/write", "data P/content/write"},
		},
		{
			"AcrDelete",
			[]string{"R/artifacts/delete"},
			[]string{"R/pull/read", "R/push/write", "R/delete"},
		},
		{
			"AcrImageSigner",
			[]string{"R/sign/write", "data R/trustedCollections/write"},
			[]string{"R/push/write", "R/trustedCollections/write", "data R/sign/write"},
		},
		{
			"AcrQuarantineReader",
			[]string{"R/quarantine/read", "data R/quarantinedArtifacts/read"},
			[]string{"R/quarantine/write", "data R/quarantinedArtifacts/write"},
		},
		{
			"AcrQuarantineWriter",
			[]string{"R/quarantine/read", "R/quarantine/write", "data R/quarantinedArtifacts/read", "data R/quarantinedArtifacts/write"},
			[]string{"R/pull/read"},
		},
		{
			"Container Registry Repository Reader",
			[]string{"data P/content/read", "data P/metadata/read"},
			[]string{"data P/content/write", "data P/metadata/write", "data R/catalog/read", "P/content/read", "R/pull/read"},
		},
		{
			"Container Registry Repository Writer",
			[]string{"data P/content/read", "data P/metadata/read", "data P/content/write", "data P/metadata/write"},
			[]string{"data P/content/delete", "data P/metadata/delete", "data R/catalog/read"},
		},
		{
			"Container Registry Repository Contributor",
			[]string{"data P/content/read", "data P/content/write", "data P/content/delete", "data P/metadata/read", "data P/metadata/write", "data P/metadata/delete"},
			[]string{"data R/catalog/read", "R/artifacts/delete"},
		},
		{
			"Container Registry Repository Catalog Lister",
			[]string{"data R/catalog/read"},
			[]string{"data P/content/read", "data P/metadata/read"},
		},
		{
			"Container Registry Data Importer and Data Reader",
			[]string{"R/importImage/action", "R/read", "R/pull/read", "data P/content/read", "data P/metadata/read", "data R/catalog/read"},
			[]string{"R/push/write", "R/importPipelines/write", "data P/content/write"},
		},
		{
			"Container Registry Tasks Contributor",
			[]string{"R/tasks/write", "R/scheduleRun/action", "R/runs/cancel/action", "R/taskruns/listDetails/action", "R/agentpools/delete", "R/read", "Microsoft.Resources/deployments/write"},
			[]string{"R/write", "R/pull/read", "R/listCredentials/action", "data P/content/read"},
		},
		{
			"Container Registry Transfer Pipeline Contributor",
			[]string{"R/exportPipelines/write", "R/importPipelines/delete", "R/pipelineRuns/write", "R/pipelineRuns/operationStatuses/read"},
			[]string{"R/read", "R/importImage/action", "R/pull/read"},
		},
		{
			"Container Registry Contributor and Data Access Configuration Administrator",
			[]string{"R/write", "R/delete", "R/listCredentials/action", "R/regenerateCredential/action", "R/privateEndpointConnectionsApproval/action", "R/privateEndpointConnections/write", "R/scopeMaps/write", "R/tokens/write", "Microsoft.Authorization/roleAssignments/read"},
			[]string{"R/pull/read", "R/push/write", "R/importImage/action", "R/tasks/read", "R/cacheRules/read", "Microsoft.Authorization/roleAssignments/write", "data P/content/read"},
		},
		{
			"Container Registry Configuration Reader and Data Access Configuration Reader",
			[]string{"R/read", "R/listCredentials/action", "R/scopeMaps/read", "R/privateEndpointConnections/read"},
			[]string{"R/write", "R/regenerateCredential/action", "R/privateEndpointConnections/write", "R/pull/read", "R/scopeMaps/write"},
		},
		{
			"Container Registry Credential Set Administrator",
			[]string{"R/credentialSets/read", "R/credentialSets/write", "R/credentialSets/delete"},
			[]string{"R/cacheRules/read", "R/read"},
		},
		{
			"Container Registry Credential Set Reader",
			[]string{"R/credentialSets/read"},
			[]string{"R/credentialSets/write", "R/cacheRules/read"},
		},
		{
			"Container Registry Cache Rule Administrator",
			[]string{"R/cacheRules/read", "R/cacheRules/write", "R/cacheRules/delete"},
			[]string{"R/credentialSets/read"},
		},
		{
			"Container Registry Cache Rule Reader",
			[]string{"R/cacheRules/read"},
			[]string{"R/cacheRules/write"},
		},
		{
			"Owner",
			[]string{"R/pull/read", "R/push/write", "R/artifacts/delete", "R/write", "Microsoft.Authorization/roleAssignments/write"},
			[]string{"data P/content/read", "data R/catalog/read", "", "data "},
		},
		{
			"Contributor",
			[]string{"R/pull/read", "R/push/write", "R/artifacts/delete", "R/write", "Microsoft.Authorization/roleAssignments/read"},
			[]string{"Microsoft.Authorization/roleAssignments/write", "microsoft.authorization/roleassignments/delete", "Microsoft.Authorization/elevateAccess/action", "Microsoft.Subscription/cancel/action", "data P/content/read"},
		},
		{
			"Reader",
			[]string{"R/pull/read", "R/read", "R/deleted/read", "R/quarantine/read"},
			[]string{"R/push/write", "R/artifacts/delete", "R/listCredentials/action", "data P/content/read"},
		},
		{
			"User Access Administrator",
			[]string{"R/pull/read", "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/elevateAccess/action"},
			[]string{"R/write", "R/push/write"},
		},
		{
			"Role Based Access Control Administrator",
			[]string{"R/pull/read", "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete"},
			[]string{"R/write", "Microsoft.Authorization/roleDefinitions/write"},
		},
		{
			"Managed Identity Operator",
			[]string{"Microsoft.ManagedIdentity/userAssignedIdentities/id/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentities/id/read"},
			[]string{"Microsoft.ManagedIdentity/userAssignedIdentities/write", "R/read"},
		},
	} {
		role := roleNamed(t, row.role)
		for _, action := range row.yes {
			if !roleGrants(role, action) {
				t.Errorf("%s does not grant %s", row.role, action)
			}
		}
		for _, action := range row.no {
			if roleGrants(role, action) {
				t.Errorf("%s grants %s", row.role, action)
			}
		}
	}
}

func roleGrants(role RoleDefinition, action string) bool {
	full := strings.NewReplacer("R/", registryAction, "P/", repositoryAction).Replace
	if data, isData := strings.CutPrefix(action, "data "); isData {
		return role.AllowsData(full(data))
	}
	return role.Allows(full(action))
}

// A definition's exceptions narrow it on each plane apart.
func TestNotActions(t *testing.T) {
	role := RoleDefinition{
		Actions:        []string{"A/*"},
		NotActions:     []string{"*/delete"},
		DataActions:    []string{"D/*"},
		NotDataActions: []string{"D/secret/*"},
	}
	for _, row := range []struct {
		action        string
		control, data bool
	}{
		{"a/write", true, false},
		{"A/x/Delete", false, false},
		{"D/read", false, true},
		{"D/delete", false, true},
		{"d/Secret/read", false, false},
		{"B/read", false, false},
		{"", false, false},
	} {
		if role.Allows(row.action) != row.control || role.AllowsData(row.action) != row.data {
			t.Errorf("%q: %t and %t, want %t and %t", row.action,
				role.Allows(row.action), role.AllowsData(row.action), row.control, row.data)
		}
	}
	if (RoleDefinition{}).Allows("a") || (RoleDefinition{}).AllowsData("a") {
		t.Error("the zero role grants something")
	}
}

// The table itself: GUIDs and names once each, real actions, nothing custom.
func TestBuiltInRolesTable(t *testing.T) {
	guid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	action := regexp.MustCompile(`^(\*|(\*|Microsoft\.[A-Za-z]+)(/[A-Za-z]+|/\*|/Microsoft\.Insights)+)$`)
	seen := map[string]bool{}
	for _, r := range BuiltInRoles() {
		if !guid.MatchString(r.ID) || r.Name == "" || r.Custom || seen[r.ID] || seen[r.Name] {
			t.Errorf("role %s %q: GUID, name or Custom is wrong, or it is there twice", r.ID, r.Name)
		}
		seen[r.ID], seen[r.Name] = true, true
		all := slices.Concat(r.Actions, r.NotActions, r.DataActions, r.NotDataActions)
		for _, a := range all {
			if !action.MatchString(a) {
				t.Errorf("%s: %q does not look like an action", r.Name, a)
			}
		}
		if slices.Sort(all); len(slices.Compact(all)) != len(all) || len(all) == 0 {
			t.Errorf("%s: no action, or one twice", r.Name)
		}
	}
	if len(seen) != 2*25 {
		t.Errorf("%d roles, want 25", len(seen)/2)
	}
}

// GUIDs as in acr-behaviour §5.1, written a second time on purpose.
func TestBuiltInRoleIDs(t *testing.T) {
	for name, id := range map[string]string{
		"AcrPull":                                          "7f951dda-4ed3-4680-a7ca-43fe172d538d",
		"AcrPush":                                          "8311e382-0749-4cb8-b61a-304f252e45ec",
		"AcrDelete":                                        "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
		"AcrImageSigner":                                   "6cef56e8-d556-48e5-a04f-b8e64114680f",
		"AcrQuarantineReader":                              "cdda3590-29a3-44f6-95f2-9f980659eb04",
		"AcrQuarantineWriter":                              "c8d4ff99-41c3-41a8-9f60-21dfdad59608",
		"Container Registry Repository Reader":             "b93aa761-3e63-49ed-ac28-beffa264f7ac",
		"Container Registry Repository Writer":             "2a1e307c-b015-4ebd-883e-5b7698a07328",
		"Container Registry Repository Contributor":        "2efddaa5-3f1f-4df3-97df-af3f13818f4c",
		"Container Registry Repository Catalog Lister":     "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7",
		"Container Registry Data Importer and Data Reader": "577a9874-89fd-4f24-9dbd-b5034d0ad23a",
		"Container Registry Tasks Contributor":             "fb382eab-e894-4461-af04-94435c366c3f",
		"Container Registry Transfer Pipeline Contributor": "bf94e731-3a51-4a7c-8c54-a1ab9971dfc1",
		"Container Registry Contributor and Data Access Configuration Administrator":   "3bc748fc-213d-45c1-8d91-9da5725539b9",
		"Container Registry Configuration Reader and Data Access Configuration Reader": "69b07be0-09bf-439a-b9a6-e73de851bd59",
		"Container Registry Credential Set Administrator":                              "f094fb07-0703-4400-ad6a-e16dd8000e14",
		"Container Registry Credential Set Reader":                                     "29093635-9924-4f2c-913b-650a12949526",
		"Owner":       "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
		"Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
		"Reader":      "acdd72a7-3385-48ef-bd42-f606fba81ae7",
	} {
		if got := roleNamed(t, name).ID; got != id {
			t.Errorf("%s is %s, want %s", name, got, id)
		}
	}
}

func TestBuiltInRolesAreTheCallersOwn(t *testing.T) {
	for _, r := range BuiltInRoles() {
		for _, list := range [][]string{r.Actions, r.NotActions, r.DataActions, r.NotDataActions} {
			for i := range list {
				list[i] = "*"
			}
		}
	}
	if roleNamed(t, "AcrPull").Allows("anything") || roleNamed(t, "Container Registry Repository Reader").AllowsData("anything") ||
		!roleNamed(t, "Contributor").Allows(registryAction+"read") {
		t.Error("a caller changed the table of roles")
	}
}
