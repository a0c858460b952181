package gate_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/acrlocal/acrlocal/gate"
)

// oracleRole is a role as acr-behaviour §5.1 lists it.
type oracleRole struct{ actions, notActions, data, notData []string }

const inRegistry = "Microsoft.ContainerRegistry/registries/"

// oracleBuiltIn is the part of §5.1 that bears on a registry's content.
var oracleBuiltIn = []struct {
	name, id      string
	actions, data string // relative to the registry, by spaces; a leading = is taken as it stands
}{
	{"AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d", "pull/read", ""},
	{"AcrPush", "8311e382-0749-4cb8-b61a-304f252e45ec", "pull/read push/write", ""},
	{"AcrDelete", "c2f4ef07-c644-48eb-af81-4b1b4947fb11", "artifacts/delete", ""},
	{"AcrImageSigner", "6cef56e8-d556-48e5-a04f-b8e64114680f", "sign/write", "trustedCollections/write"},
	{"AcrQuarantineReader", "cdda3590-29a3-44f6-95f2-9f980659eb04", "quarantine/read", "quarantinedArtifacts/read"},
	{
		"AcrQuarantineWriter", "c8d4ff99-41c3-41a8-9f60-21dfdad59608",
		"quarantine/read quarantine/write", "quarantinedArtifacts/read quarantinedArtifacts/write",
	},
	{
		"Container Registry Repository Reader", "b93aa761-3e63-49ed-ac28-beffa264f7ac", "",
		"repositories/metadata/read repositories/content/read",
	},
	{
		"Container Registry Repository Writer", "2a1e307c-b015-4ebd-883e-5b7698a07328", "",
		"repositories/metadata/read repositories/content/read repositories/metadata/write repositories/content/write",
	},
	{
		"Container Registry Repository Contributor", "2efddaa5-3f1f-4df3-97df-af3f13818f4c", "",
		"repositories/metadata/read repositories/content/read repositories/metadata/write repositories/content/write " +
			"repositories/metadata/delete repositories/content/delete",
	},
	{"Container Registry Repository Catalog Lister", "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7", "", "catalog/read"},
	{
		"Container Registry Data Importer and Data Reader", "577a9874-89fd-4f24-9dbd-b5034d0ad23a",
		"importImage/action read pull/read", "repositories/content/read repositories/metadata/read catalog/read",
	},
	{"Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "=*", ""},
	{"Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c", "=*", ""},
	{"Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", "=*/read", ""},
}

// roleID returns the GUID of a built-in role of the oracle's table, or the name itself for a custom one.
func roleID(name string) string {
	for _, r := range oracleBuiltIn {
		if r.name == name {
			return r.id
		}
	}
	return name
}

func oracleRoles(custom []gate.RoleDefinition) map[string]oracleRole {
	roles := map[string]oracleRole{}
	for _, r := range oracleBuiltIn {
		roles[r.id] = oracleRole{actions: spelled(r.actions), data: spelled(r.data)}
	}
	for _, r := range custom {
		roles[lower(r.ID)] = oracleRole{r.Actions, r.NotActions, r.DataActions, r.NotDataActions}
	}
	return roles
}

func spelled(list string) (actions []string) {
	for _, a := range strings.Fields(list) {
		if whole, ok := strings.CutPrefix(a, "="); ok {
			actions = append(actions, whole)
			continue
		}
		actions = append(actions, inRegistry+a)
	}
	return actions
}

func (r oracleRole) allows(action string) bool {
	return fits(r.actions, action) && !fits(r.notActions, action)
}

func (r oracleRole) allowsData(action string) bool {
	return fits(r.data, action) && !fits(r.notData, action)
}

var patterns sync.Map // of *regexp.Regexp, by pattern

// fits matches by regular expressions, which is another way than gate's.
func fits(list []string, action string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		e, ok := patterns.Load(pattern)
		if !ok {
			text := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
			e, _ = patterns.LoadOrStore(pattern, regexp.MustCompile("(?is)^"+text+"$"))
		}
		return e.(*regexp.Regexp).MatchString(action)
	})
}

// need is what an operation takes. Every list but scopeMap is of alternatives; all of a scopeMap is needed.
type need struct {
	legacy, legacyData, abac []string // relative to the registry
	scopeMap                 []string
	token                    []string // actions of an access token's scope
}

// needs is acr-behaviour §4.4 and §5.2.
var needs = map[gate.OperationKind]need{
	gate.OpPull: {
		legacy: []string{"pull/read"}, abac: []string{"repositories/content/read"},
		scopeMap: []string{"content/read"}, token: []string{"pull"},
	},
	gate.OpPush: {
		legacy: []string{"push/write"}, abac: []string{"repositories/content/write"},
		scopeMap: []string{"content/read", "content/write"}, token: []string{"push"},
	},
	gate.OpDelete: {
		legacy: []string{"artifacts/delete"}, abac: []string{"repositories/content/delete"},
		scopeMap: []string{"content/delete"}, token: []string{"delete"},
	},
	gate.OpDeleteReferrer: {
		legacy: []string{"push/write", "artifacts/delete"}, abac: []string{"repositories/content/delete"},
		scopeMap: []string{"content/delete"}, token: []string{"delete"},
	},
	gate.OpUntag: {
		legacy: []string{"push/write", "artifacts/delete"}, abac: []string{"repositories/metadata/write"},
		scopeMap: []string{"content/delete"}, token: []string{"delete"},
	},
	gate.OpListTags: {
		legacy: []string{"metadata/read", "pull/read"}, abac: []string{"repositories/metadata/read"},
		scopeMap: []string{"metadata/read"}, token: []string{"metadata_read", "pull"},
	},
	gate.OpViewAttributes: {
		legacy: []string{"metadata/read"}, abac: []string{"repositories/metadata/read"},
		scopeMap: []string{"metadata/read"}, token: []string{"metadata_read"},
	},
	gate.OpSetAttributes: {
		legacy: []string{"metadata/write"}, abac: []string{"repositories/metadata/write"},
		scopeMap: []string{"metadata/write"}, token: []string{"metadata_write"},
	},
	gate.OpCatalog:        {legacy: []string{"pull/read"}, abac: []string{"catalog/read"}, token: []string{"catalog"}},
	gate.OpListDeleted:    {legacy: []string{"deleted/read"}, token: []string{"deleted_read"}},
	gate.OpRestoreDeleted: {legacy: []string{"deleted/restore/action"}, token: []string{"deleted_restore"}},
	gate.OpViewQuarantined: {
		legacy: []string{"quarantine/read"}, legacyData: []string{"quarantinedArtifacts/read"},
		abac: []string{"quarantinedArtifacts/read"}, token: []string{"pull", "metadata_read"},
	},
	gate.OpSetQuarantine: {
		legacy: []string{"quarantine/write"}, legacyData: []string{"quarantinedArtifacts/write"},
		abac: []string{"quarantinedArtifacts/write"}, token: []string{"metadata_write"}, // a PATCH of attributes, §6.2
	},
}

// signInNeed is any right that some operation takes.
var signInNeed = func() (all need) {
	for _, n := range needs {
		all.legacy = append(all.legacy, n.legacy...)
		all.legacyData = append(all.legacyData, n.legacyData...)
		all.abac = append(all.abac, n.abac...)
	}
	return all
}()

func needOf(kind gate.OperationKind) need {
	if kind == gate.OpSignIn {
		return signInNeed
	}
	return needs[kind]
}

// authorize is stage 3: the live rights first, then what an access token was issued for.
func (o *oracle) authorize(r gate.Registry, q question) (granted bool, reason string) {
	if _, known := needs[q.Operation.Kind]; !known && q.Operation.Kind != gate.OpSignIn {
		return false, "operation-unsupported"
	}
	if granted, reason = o.liveRights(r, q); !granted {
		return false, reason
	}
	if q.Credential.Kind == gate.AccessToken && !scopesCover(q.scopes, q.Operation) {
		return false, "scope-missing"
	}
	return true, reason
}

func scopesCover(scopes []string, op gate.Operation) bool {
	if op.Kind == gate.OpSignIn {
		return true
	}
	return slices.ContainsFunc(scopes, func(scope string) bool {
		if op.Kind == gate.OpCatalog {
			return scope == "registry:catalog:*"
		}
		parts := strings.Split(scope, ":")
		named := parts[0] == "repository" && (parts[1] == "*" || parts[1] == op.Repository)
		return named && slices.ContainsFunc(strings.Split(parts[2], ","), func(action string) bool {
			return action == "*" || slices.Contains(needs[op.Kind].token, action)
		})
	})
}

func (o *oracle) liveRights(r gate.Registry, q question) (granted bool, reason string) {
	switch q.Credential.Holder {
	case gate.AdminHolder:
		return true, "admin"
	case gate.TokenHolder:
		if scopeMapGrants(tokenOf(r, q.Credential.Name).Actions, q.Operation) {
			return true, "scope-map"
		}
		return false, "scope-map-lacks-action"
	case gate.RunHolder:
		own := []gate.OperationKind{
			gate.OpSignIn, gate.OpPull, gate.OpPush, gate.OpDelete, gate.OpDeleteReferrer, gate.OpUntag, gate.OpListTags,
			gate.OpViewAttributes, gate.OpSetAttributes, gate.OpCatalog,
		}
		if r.Mode != gate.AbacRepositoryPermissions && slices.Contains(own, q.Operation.Kind) {
			return true, "service-right"
		}
		return false, "no-role"
	case gate.AnonymousHolder:
		reading := []gate.OperationKind{gate.OpSignIn, gate.OpPull, gate.OpListTags, gate.OpViewAttributes}
		if slices.Contains(reading, q.Operation.Kind) {
			return true, "anonymous-pull"
		}
		return false, "no-role"
	}
	p := o.principals[lower(q.Credential.Name)]
	for _, row := range oracleServices {
		if p.Kind == "FirstParty" && row.firstParty && row.name == p.Service && slices.Contains(row.withoutRole, q.Operation.Kind) {
			return true, "service-right"
		}
	}
	return o.roleRights(r, p, q.Operation)
}

// scopeMapGrants adds up the entries that name the repository (§4.3).
func scopeMapGrants(entries []string, op gate.Operation) bool {
	if op.Kind == gate.OpSignIn {
		return len(entries) > 0
	}
	wanted := needs[op.Kind].scopeMap
	for _, right := range wanted {
		granted := slices.ContainsFunc(entries, func(entry string) bool {
			name, ok := strings.CutSuffix(strings.TrimPrefix(lower(entry), "repositories/"), "/"+right)
			below, isPrefix := strings.CutSuffix(name, "*")
			return ok && (name == op.Repository || isPrefix && strings.HasPrefix(op.Repository, below))
		})
		if !granted {
			return false
		}
	}
	return len(wanted) > 0
}

// roleRights is the union over all assignments that cover the registry (§5.4).
func (o *oracle) roleRights(r gate.Registry, p gate.Principal, op gate.Operation) (granted bool, reason string) {
	reason = "no-role"
	for _, id := range o.circle(p) {
		for _, a := range o.assignments[id] {
			if !o.covering(a.Scope, r.ID) {
				continue
			}
			grants, holds := o.assignmentGrants(r, a, op)
			switch {
			case grants && holds:
				return true, "role"
			case grants:
				reason = "condition-not-met"
			case reason == "no-role":
				reason = "role-lacks-action"
			}
		}
	}
	return false, reason
}

func (o *oracle) assignmentGrants(r gate.Registry, a gate.Assignment, op gate.Operation) (grants, holds bool) {
	role, n := o.roles[lower(a.Role)], needOf(op.Kind)
	try := func(actions []string, allows func(string) bool) {
		for _, action := range actions {
			if allows(inRegistry + action) {
				grants = true
				holds = holds || op.Kind == gate.OpSignIn || conditionHolds(a.Condition, inRegistry+action, op.Repository)
			}
		}
	}
	if r.Mode == gate.AbacRepositoryPermissions {
		try(n.abac, role.allowsData)
		return grants, holds
	}
	try(n.legacy, role.allows)
	try(n.legacyData, role.allowsData)
	return grants, holds
}

// circle is the principal and every group that it is in, however deep.
func (o *oracle) circle(p gate.Principal) []string {
	ids := []string{lower(p.ID)}
	groups := p.Groups
	for len(groups) > 0 {
		id := lower(groups[0])
		groups = groups[1:]
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
			groups = append(slices.Clone(groups), o.principals[id].Groups...)
		}
	}
	return ids
}

// covering says whether a scope is the registry's, or above it (§5.4).
func (o *oracle) covering(scope, registry string) bool {
	key := [2]string{scope, registry}
	if known, ok := o.covers[key]; ok {
		return known
	}
	covers := above(scope, registry)
	for _, s := range o.policy.Subscriptions {
		for _, group := range s.ManagementGroups {
			covers = covers || lower(group) == lower(scope) && above(s.Scope, registry)
		}
	}
	o.covers[key] = covers
	return covers
}

// above compares whole segments.
func above(scope, id string) bool {
	trim := func(s string) []string {
		return strings.FieldsFunc(lower(s), func(c rune) bool { return c == '/' })
	}
	s, i := trim(scope), trim(id)
	return len(s) <= len(i) && slices.Equal(s, i[:len(s)])
}

var (
	nameTest    = regexp.MustCompile(`repositories:name\] (String\w+) '([^']*)'`)
	exemptGuard = regexp.MustCompile(`!\(ActionMatches\{'([^']*)'\}\)`)
)

// conditionHolds knows two shapes of condition (§5.3): a test of the repository's name, and the portal's, in which the
// test binds only the actions that ActionMatches lists.
func conditionHolds(condition, action, repository string) bool {
	if condition == "" {
		return true
	}
	guards := exemptGuard.FindAllStringSubmatch(condition, -1)
	bound := len(guards) == 0
	for _, g := range guards {
		bound = bound || strings.EqualFold(g[1], action)
	}
	if !bound {
		return true
	}
	test := nameTest.FindStringSubmatch(condition)
	if repository == "" {
		return false
	}
	switch test[1] {
	case "StringEqualsIgnoreCase":
		return strings.EqualFold(repository, test[2])
	case "StringNotEqualsIgnoreCase":
		return !strings.EqualFold(repository, test[2])
	case "StringStartsWithIgnoreCase":
		return strings.HasPrefix(lower(repository), lower(test[2]))
	}
	panic("the oracle does not know " + test[1])
}
