package azure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestViews reads documents of types that few other tests read: what they mean, or which member cannot be read.
func TestViews(t *testing.T) {
	role := "/providers/Microsoft.Authorization/roleDefinitions/r"
	for _, row := range []struct {
		id, body string
		read     func(Document) (any, error)
		want     string // of the view; or the target of the error, after !
	}{
		{role, `{"roleName":"Puller","permissions":[{"actions":["*/read"],"notActions":["x/read"],"dataActions":["d"],"notDataActions":["n"]}]}`, as(ReadRoleDefinition), "Puller [*/read] [x/read] [d] [n]"},
		{role, `{"permissions":[{},{}]}`, as(ReadRoleDefinition), "!properties.permissions"},
		{role, `{"permissions":[{"actions":"*"}]}`, as(ReadRoleDefinition), "!properties.permissions[0].actions"},
		{role, `{"permissions":["*"]}`, as(ReadRoleDefinition), "!properties.permissions[0]"},
		{testRegistry, `{"networkRuleBypassAllowedForTasks":false}`, as(ReadRegistry), "false"},
		{testRegistry, `{}`, as(ReadRegistry), "unset"},
		{testRegistry, `{"networkRuleBypassAllowedForTasks":"no"}`, as(ReadRegistry), "!properties.networkRuleBypassAllowedForTasks"},
		{testRegistry, `[]`, as(ReadRegistry), "!properties"},
	} {
		document := documentsOf(t, `{"id":"`+row.id+`","properties":`+row.body+`}`)[0]
		view, err := row.read(document)
		if got := told(view, err); got != row.want {
			t.Errorf("%s: got %s, want %s", row.body, got, row.want)
		}
	}
}

func as[T any](read func(Document) (T, error)) func(Document) (any, error) {
	return func(d Document) (any, error) { return read(d) }
}

func told(view any, err error) string {
	var problem *Error
	if errors.As(err, &problem) {
		return "!" + problem.Target
	}
	switch v := view.(type) {
	case RoleDefinition:
		return fmt.Sprint(v.Name, " ", v.Actions, " ", v.NotActions, " ", v.DataActions, " ", v.NotDataActions)
	case Registry:
		if v.BypassForTasks == nil {
			return "unset"
		}
		return fmt.Sprint(*v.BypassForTasks)
	case Group:
		return fmt.Sprint(v.Members)
	case ServicePrincipal:
		return fmt.Sprint(v.ClientID, " ", v.Secrets, len(v.Certificates), " ", v.Disabled)
	case User:
		return fmt.Sprint(v.UserName, " ", v.Password, " ", v.Disabled, " ", v.SessionsFrom.Year())
	}
	return fmt.Sprint(view)
}

// TestGraphViews reads Graph documents in each of the forms that Graph has for them.
func TestGraphViews(t *testing.T) {
	for _, row := range []struct {
		kind, body string
		read       func(Document) (any, error)
		want       string
	}{
		{"group", `"members":["a",{"id":"b"}]`, as(ReadGroup), "[a b]"},
		{"group", `"members@odata.bind":["https://graph.microsoft.com/v1.0/directoryObjects/c"],"members":["a"]`, as(ReadGroup), "[c a]"},
		{"group", `"displayName":"nobody"`, as(ReadGroup), "[]"},
		{"group", `"members":[1]`, as(ReadGroup), "!members"},
		{"group", `"members":[{"id":1}]`, as(ReadGroup), "!members[].id"},
		{"servicePrincipal", `"appId":"x","passwordCredentials":[{"secretText":"s"},{"hint":"abc"}]`, as(ReadServicePrincipal), "x [{s 0001-01-01 00:00:00 +0000 UTC}] 0 false"},
		{"servicePrincipal", `"passwordCredentials":[{"secretText":"s","endDateTime":"2026-01-31T12:00:00Z"}],"accountEnabled":false`, as(ReadServicePrincipal), " [{s 2026-01-31 12:00:00 +0000 UTC}] 0 true"},
		{"servicePrincipal", `"passwordCredentials":[{"secretText":"s","endDateTime":"soon"}]`, as(ReadServicePrincipal), "!passwordCredentials[0].endDateTime"},
		{"servicePrincipal", `"keyCredentials":[{"key":null}]`, as(ReadServicePrincipal), " [] 0 false"},
		{"servicePrincipal", `"keyCredentials":[{"key":"?"}]`, as(ReadServicePrincipal), "!keyCredentials[0].key"},
		{"servicePrincipal", `"keyCredentials":[{"key":"AAAA"}]`, as(ReadServicePrincipal), "!keyCredentials[0].key"},
		{"servicePrincipal", `"passwordCredentials":{}`, as(ReadServicePrincipal), "!passwordCredentials"},
		{"user", `"userPrincipalName":"ada@contoso.example"`, as(ReadUser), "ada@contoso.example  false 1"},
		{"user", `"passwordProfile":{"password":"p"},"accountEnabled":false,"signInSessionsValidFromDateTime":"2026-01-31T12:00:00Z"`, as(ReadUser), " p true 2026"},
		{"user", `"userPrincipalName":true`, as(ReadUser), "!userPrincipalName"},
	} {
		document := documentsOf(t, `{"id":"acac10ca-7000-4000-8000-000000000001","@odata.type":"#microsoft.graph.`+row.kind+`",`+row.body+`}`)[0]
		view, err := row.read(document)
		if got := told(view, err); got != row.want {
			t.Errorf("%s: got %s, want %s", row.body, got, row.want)
		}
	}
}

// TestPlacements follows management groups up from what stands below them.
func TestPlacements(t *testing.T) {
	const groups = "/providers/Microsoft.Management/managementGroups/"
	below := func(name, parent string) string {
		return `{"id":"` + groups + name + `","properties":{"details":{"parent":{"id":"` + groups + parent + `"}}}}`
	}
	member := `{"id":"` + groups + `team/subscriptions/acac10ca-2000-4000-8000-000000000001"}`
	subscription := "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	short := strings.NewReplacer(DevelopmentTenant, "ROOT", DevelopmentSubscription, "SUB")
	for _, row := range []struct {
		about     string
		documents []string
		want      string
	}{
		{"no groups", nil, "ROOT:"},
		{"a subscription without a place", []string{`{"id":"` + subscription + `"}`}, "ROOT: SUB:ROOT"},
		{"a group that has no document", []string{member}, "ROOT: SUB:team,ROOT"},
		{"three levels", []string{member, below("team", "unit"), below("unit", "root")}, "ROOT: SUB:team,unit,root,ROOT team:unit,root,ROOT unit:root,ROOT"},
		{"below the tenant's root group", []string{member, below("team", DevelopmentTenant)}, "ROOT: SUB:team,ROOT team:ROOT"},
		{"the tenant's root group with a document", []string{member, below(DevelopmentTenant, "team")}, "ROOT: SUB:team,ROOT"},
		{"a circle", []string{member, below("team", "unit"), below("unit", "team")}, "!properties.details.parent.id"},
		{"a parent that is no object", []string{member, `{"id":"` + groups + `team","properties":{"details":{"parent":"root"}}}`}, "!properties.details.parent"},
	} {
		s, err := Load(documentsOf(t, row.documents...))
		if err != nil {
			t.Fatal(err)
		}
		found, err := Placements(s)
		got := told(nil, err)
		if err == nil {
			var placed []string
			for _, p := range found {
				var above []string
				for _, id := range p.ManagementGroups {
					above = append(above, id.Name())
				}
				if alone, err := GroupsAbove(s, p.ID); err != nil || !slices.Equal(alone, p.ManagementGroups) {
					t.Errorf("%s: above %s are %v, %v", row.about, p.ID, alone, err)
				}
				placed = append(placed, p.ID.Name()+":"+strings.Join(above, ","))
			}
			got = short.Replace(strings.Join(placed, " "))
		}
		if got != row.want {
			t.Errorf("%s: got %s, want %s", row.about, got, row.want)
		}
	}
}

// TestErrorText: an error names the document, the member, and what is wrong with it.
func TestErrorText(t *testing.T) {
	id := MustParseResourceID(testRegistry)
	for _, row := range []struct {
		err  Error
		want string
	}{
		{Error{ID: id, Message: "no"}, testRegistry + ": no"},
		{Error{ID: id, Target: "sku.name", Message: "no"}, testRegistry + ": sku.name: no"},
	} {
		if got := row.err.Error(); got != row.want {
			t.Errorf("got %s, want %s", got, row.want)
		}
	}
}

// TestChangeKeys: a change touches what it puts and what it deletes, each once.
func TestChangeKeys(t *testing.T) {
	c := Change{Put: documentsOf(t, `{"id":"`+testRegistry+`"}`, `{"id":"/subscriptions/B"}`), Delete: []string{"/subscriptions/A", testRegistry}}
	if got, want := fmt.Sprint(c.Keys()), fmt.Sprint([]string{"/subscriptions/a", Fold(testRegistry), "/subscriptions/b"}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
