package gate_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

const (
	digest  = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	escaped = "sha256%3A2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
)

// exchanges are request lines, and the operation that each means: KIND [REPOSITORY [REFERENCE [FROM]]], with ~ for an
// empty word.
var exchanges = []struct{ line, want string }{
	// acr-behaviour §4.1: the token service
	{"POST /oauth2/exchange", "token sign-in"},
	{"GET /oauth2/token?service=a&scope=repository:a:pull", "token sign-in"},
	{"GET /oauth2/other", "unknown"},
	{"GET /oauth2/token/", "unknown"},
	// acr-behaviour §6.1: the registry as a whole
	{"GET /v2/", "sign-in"},
	{"HEAD /v2/", "sign-in"},
	{"GET /v2", "sign-in"},
	{"GET /acr/v1/", "sign-in"},
	{"POST /v2/", "unknown"},
	{"GET /v2/_catalog?n=2", "catalog"},
	{"GET /acr/v1/_catalog", "catalog"},
	{"POST /v2/_catalog", "unknown"},
	{"DELETE /acr/v1/_catalog", "unknown"},
	{"GET /v2/_catalog/", "unknown"},
	// the distribution API
	{"GET /v2/app/manifests/v1", "pull app v1"},
	{"HEAD /v2/team/app/manifests/v1", "pull team/app v1"},
	{"PUT /v2/team/app/manifests/v1", "push team/app v1"},
	{"PUT /v2/team/app/manifests/" + digest, "push team/app " + digest},
	{"DELETE /v2/team/app/manifests/" + digest, "delete team/app " + digest},
	{"DELETE /v2/team/app/manifests/" + escaped, "delete team/app " + digest},
	{"DELETE /v2/team/app/manifests/v1", "untag team/app v1"},
	{"POST /v2/team/app/manifests/v1", "unknown team/app v1"},
	{"GET /v2/app/blobs/" + digest, "pull app " + digest},
	{"HEAD /v2/app/blobs/" + digest, "pull app " + digest},
	{"DELETE /v2/app/blobs/" + digest, "delete app " + digest},
	{"PUT /v2/app/blobs/" + digest, "unknown app " + digest},
	{"POST /v2/app/blobs/uploads/", "push app"},
	{"POST /v2/app/blobs/uploads", "push app"},
	{"POST /v2/app/blobs/uploads/?mount=" + digest + "&from=secret/base", "push app ~ secret/base"},
	{"POST /v2/app/blobs/uploads/?from=secret/base", "push app"},
	{"PATCH /v2/app/blobs/uploads/1b2-c_3?mount=x&from=y", "push app 1b2-c_3"},
	{"PUT /v2/app/blobs/uploads/1b2?digest=" + digest, "push app 1b2"},
	{"GET /v2/app/blobs/uploads/1b2", "push app 1b2"},
	{"DELETE /v2/app/blobs/uploads/1b2", "push app 1b2"},
	{"GET /v2/app/tags/list", "list-tags app"},
	{"HEAD /v2/app/tags/list?n=1", "list-tags app"},
	{"DELETE /v2/app/tags/list", "unknown app"},
	{"GET /v2/app/referrers/" + digest, "pull app " + digest},
	{"DELETE /v2/app/referrers/" + digest, "unknown app " + digest},
	// repositories and tags that are named like the API
	{"GET /v2/manifests/manifests/manifests", "pull manifests manifests"},
	{"GET /v2/a/blobs/uploads/manifests/v1", "pull a/blobs/uploads v1"},
	{"GET /v2/a/manifests/b/manifests/v1", "pull a/manifests/b v1"},
	{"GET /v2/a/tags/list/tags/list", "list-tags a/tags/list"},
	{"GET /v2/tags/tags/list", "list-tags tags"},
	{"POST /v2/blobs/blobs/uploads/", "push blobs"},
	{"GET /v2/a/manifests/list", "pull a list"},
	{"GET /v2/blobs/uploads/", "unknown"},
	{"GET /v2/tags/list", "unknown"},
	{"GET /v2/manifests/v1", "unknown"},
	// ACR's own API
	{"GET /acr/v1/team/app", "view-attributes team/app"},
	{"PATCH /acr/v1/team/app", "set-attributes team/app"},
	{"DELETE /acr/v1/team/app", "delete team/app"},
	{"PUT /acr/v1/team/app", "unknown team/app"},
	{"GET /acr/v1/team%2Fapp/_tags", "list-tags team/app"},
	{"GET /acr/v1/team/app/_tags?n=3", "list-tags team/app"},
	{"GET /acr/v1/app/_tags/v1", "view-attributes app v1"},
	{"PATCH /acr/v1/app/_tags/v1", "set-attributes app v1"},
	{"DELETE /acr/v1/app/_tags/v1", "untag app v1"},
	{"GET /acr/v1/app/_manifests", "list-tags app"},
	{"GET /acr/v1/app/_manifests/" + digest, "view-attributes app " + digest},
	{"PATCH /acr/v1/app/_manifests/" + digest, "set-attributes app " + digest},
	{"DELETE /acr/v1/app/_manifests/" + digest, "delete app " + digest},
	{"GET /acr/v1/_deleted/app/_manifests", "list-deleted app"},
	{"GET /acr/v1/_deleted/app/_tags", "list-deleted app"},
	{"POST /acr/v1/_deleted/app/_manifests/" + digest + "?force=true", "restore-deleted app " + digest},
	{"DELETE /acr/v1/_deleted/app/_manifests/" + digest, "unknown app " + digest},
	{"GET /acr/v1/_deleted/app", "unknown"},
	// paths that try to look like another
	{"GET /v2//app/manifests/v1", "unknown"},
	{"GET /v2/app//manifests/v1", "unknown"},
	{"GET /v2/app/manifests//v1", "unknown"},
	{"GET //v2/app/manifests/v1", "unknown"},
	{"GET /v2/app/manifests/v1/", "unknown"},
	{"GET /v2/app/manifests/", "unknown"},
	{"GET /v2/app/blobs/", "unknown"},
	{"GET /v2/../v2/app/manifests/v1", "unknown"},
	{"GET /v2/public/../secret/manifests/v1", "unknown"},
	{"GET /v2/public/%2e%2e/secret/manifests/v1", "unknown"},
	{"GET /v2/public%2F..%2Fsecret/manifests/v1", "unknown"},
	{"GET /v2/public/manifests/v1%2F..%2F..%2Fsecret", "unknown"},
	{"GET /v2/public/manifests/..%2fv1", "unknown"},
	{"GET /v2/app/manifests/v1%00", "unknown"},
	{"GET /v2/app/manifests/v1%20", "unknown"},
	{"GET /v2/./app/manifests/v1", "unknown"},
	{"GET /%76%32/app/manifests/v1", "unknown"},
	{"GET /v2%2Fapp/manifests/v1", "unknown"},
	{"GET /V2/app/manifests/v1", "unknown"},
	{"GET /v2/App/manifests/v1", "unknown"},
	{"GET /v2/app/Manifests/v1", "unknown"},
	{"GET /v2/ap%70/manifests/v1", "pull app v1"},
	{"GET /v2/team%2Fapp/manifests/v1", "pull team/app v1"},
	{"GET /v2/app%252Fx/manifests/v1", "unknown"},
	{"GET /v2/app%2Fmanifests%2Fv1", "unknown"},
	{"GET /v2/app/manifests/sha256:", "unknown"},
	{"GET /v2/app/manifests/a:b:c", "unknown"},
	{"get /v2/app/manifests/v1", "unknown app v1"},
	{"OPTIONS /v2/app/manifests/v1", "unknown app v1"},
	{"GET /v2/" + strings.Repeat("a", 255) + "/manifests/v1", "pull " + strings.Repeat("a", 255) + " v1"},
	{"GET /v2/" + strings.Repeat("a", 256) + "/manifests/v1", "unknown"},
	{"GET /v2/app/manifests/" + strings.Repeat("a", 512), "pull app " + strings.Repeat("a", 512)},
	{"GET /v2/app/manifests/" + strings.Repeat("a", 513), "unknown"},
	{"GET /v2/app/blobs/sha256:" + strings.Repeat("a", 513), "unknown"},
	{"GET /", "unknown"},
	{"GET /health", "unknown"},
}

// operationText is the right column of exchanges.
func operationText(surface gate.Surface, op gate.Operation) string {
	text := op.Kind.String() + " " + op.Repository + " " + op.Reference + " " + op.From
	if op.From != "" && op.Reference == "" {
		text = op.Kind.String() + " " + op.Repository + " ~ " + op.From
	}
	if surface == gate.TokenAPI {
		text = "token " + text
	}
	return strings.TrimSpace(text)
}

func TestParseOperation(t *testing.T) {
	for _, e := range exchanges {
		method, target, _ := strings.Cut(e.line, " ")
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatalf("%.80s: %v", e.line, err)
		}
		if got := operationText(gate.ParseOperation(method, u)); got != e.want {
			t.Errorf("%.120s\n got %.200s\nwant %.200s", e.line, got, e.want)
		}
	}
}

// FuzzOperation looks for a panic, and for a path that means one repository to the gate and another to a registry that
// reads the decoded path.
func FuzzOperation(f *testing.F) {
	for _, e := range exchanges {
		method, target, _ := strings.Cut(e.line, " ")
		f.Add(method, target)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		surface, op := gate.ParseOperation(method, u)
		again, same := gate.ParseOperation(method, u)
		if surface != again || op != same {
			t.Fatalf("%s %q: %v, then %v", method, target, op, same)
		}
		if op.Repository == "" {
			return
		}
		if op.Repository != strings.ToLower(op.Repository) || len(op.Repository) > 255 || strings.ContainsAny(op.Repository, "%? \\") {
			t.Errorf("%q is no repository", op.Repository)
		}
		for _, segment := range strings.Split(op.Repository, "/") {
			if segment == "" || strings.HasPrefix(segment, ".") || strings.HasPrefix(segment, "_") {
				t.Errorf("%q has the segment %q", op.Repository, segment)
			}
		}
		if !strings.Contains(u.Path, "/"+op.Repository) {
			t.Errorf("%q is not in the path %q", op.Repository, u.Path)
		}
	})
}

func TestOperationKinds(t *testing.T) {
	for kind := gate.OpUnknown; kind <= gate.OpSetQuarantine; kind++ {
		got, ok := gate.ParseOperationKind(kind.String())
		if got != kind || ok != (kind != gate.OpUnknown) {
			t.Errorf("%v reads back as %v, %t", kind, got, ok)
		}
	}
	if kind, ok := gate.ParseOperationKind("fly"); ok || kind != gate.OpUnknown {
		t.Errorf("fly is %v, %t", kind, ok)
	}
	kinds := gate.OperationKinds()
	if len(kinds) != int(gate.OpSetQuarantine) || kinds[0] != gate.OpSignIn {
		t.Errorf("kinds: %v", kinds)
	}
}

// TestNeededAction compares with the oracle's table: the first of an operation's rights, in gate's order.
func TestNeededAction(t *testing.T) {
	for _, row := range []struct {
		kind         gate.OperationKind
		legacy, abac string
	}{
		{gate.OpPull, "pull/read", "repositories/content/read"},
		{gate.OpPush, "push/write", "repositories/content/write"},
		{gate.OpDelete, "artifacts/delete", "repositories/content/delete"},
		{gate.OpSetAttributes, "metadata/write", "repositories/metadata/write"},
		{gate.OpCatalog, "pull/read", "catalog/read"},
		{gate.OpListDeleted, "deleted/read", ""},
	} {
		for mode, want := range map[gate.RoleAssignmentMode]string{
			"": row.legacy, gate.LegacyRegistryPermissions: row.legacy, gate.AbacRepositoryPermissions: row.abac,
		} {
			if want != "" {
				want = inRegistry + want
			}
			if got := row.kind.NeededAction(mode); got != want {
				t.Errorf("%v in mode %q needs %q, want %q", row.kind, mode, got, want)
			}
		}
	}
}

func TestTokenScope(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"repository:hello-world:pull", ""},
		{"repository:team/app:pull,push", ""},
		{"repository:team/app:push,pull", "repository:team/app:pull,push"},
		{"repository:team/app:pull,fly", "repository:team/app:pull"},
		{"repository:team/app:", "repository:team/app:"},
		{"repository:*:pull", ""},
		{"repository:a:*", "repository:a:pull,push,delete,metadata_read,metadata_write,deleted_read,deleted_restore"},
		{"registry:catalog:*", ""},
		{"registry:catalog:pull", "registry:catalog:"},
		{"artifact-repository:repo:pull", ""},
		{"repository:a", "error"},
		{"repository", "error"},
		{"", "error"},
		{"registry:other:*", "error"},
		{"repository:Team:pull", "error"},
		{"repository:a:b:pull", "error"},
		{"repository:../a:pull", "error"},
		{"aci:a:pull", "error"},
		{"repository:" + strings.Repeat("a", 250) + ":" + strings.Repeat("pull,", 200), "error"},
	} {
		want := row.want
		if want == "" {
			want = row.text
		}
		scope, err := gate.ParseTokenScope(row.text)
		got := scope.String()
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%.80q: %s (%v), want %s", row.text, got, err, want)
		}
	}
}

// FuzzTokenScope checks that what was read is printed so that it is read again as the same.
func FuzzTokenScope(f *testing.F) {
	for _, s := range []string{"repository:a:pull", "registry:catalog:*", "repository:*:push,delete", "artifact-repository:a/b:pull", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scope, err := gate.ParseTokenScope(text)
		if err != nil {
			return
		}
		again, err := gate.ParseTokenScope(scope.String())
		if err != nil || again.String() != scope.String() {
			t.Errorf("%q: %q, then %q (%v)", text, scope, again, err)
		}
	})
}

// TestGrant is what the token service may put into an access token (acr-behaviour §2.5, §4.4).
func TestGrant(t *testing.T) {
	p, err := parsePolicy(`
registry myregistry public default-allow anonymous-pull admin
token ci actions=repositories/team/*/content/read,repositories/team/app/content/write,repositories/team/app/metadata/read
registry modern public default-allow abac
principal puller kind=User
principal owner kind=User
principal nobody kind=User
principal named kind=User
principal lister kind=User
assign puller role=AcrPull at=group
assign owner role=Owner at=group
assign owner role=Container_Registry_Repository_Contributor at=group
assign named role=Container_Registry_Repository_Reader at=group if ` + nameAttribute + ` StringStartsWithIgnoreCase 'team/'
assign lister role=Container_Registry_Repository_Catalog_Lister at=group if ` + nameAttribute + ` StringEqualsIgnoreCase 'catalog'`)
	if err != nil {
		t.Fatal(err)
	}
	s := newBench(t, "grant", p).snapshot
	for _, row := range []struct{ who, requested, want string }{
		{"as puller", "repository:a:pull", "repository:a:pull"},
		{"as puller", "repository:a:pull,push,delete", "repository:a:pull"},
		{"as puller", "repository:a:push", ""},
		{"as puller", "repository:*:pull,metadata_read", "repository:*:pull,metadata_read"},
		{"as puller", "repository:a:metadata_read,metadata_write", "repository:a:metadata_read"},
		{"as puller", "registry:catalog:*", "registry:catalog:*"},
		{"as puller", "repository:a:pull;repository:b:push,pull", "repository:a:pull;repository:b:pull"},
		{"as puller but expired", "repository:a:pull", ""},
		{"as owner", "repository:a:*", "repository:a:pull,push,delete,metadata_read,metadata_write,deleted_read,deleted_restore"},
		{"as owner of modern", "repository:a:pull,deleted_read", "repository:a:pull"},
		{"as owner of modern", "repository:*:pull", ""},
		{"as owner of modern", "registry:catalog:*", ""},
		{"as lister of modern", "registry:catalog:*", ""},
		{"as named of modern", "repository:team/app:pull,push;repository:lab:pull", "repository:team/app:pull"},
		{"as owner of nosuch", "repository:a:pull", ""},
		{"as nobody", "repository:a:pull", ""},
		{"as admin", "repository:*:pull,push,delete", "repository:*:pull,push,delete"},
		{"as token:ci", "repository:team/app:pull,push,delete,metadata_read", "repository:team/app:pull,push,metadata_read"},
		{"as token:ci", "repository:team/x:pull,push", "repository:team/x:pull"},
		{"as token:ci", "repository:*:pull", ""},
		{"as token:ci", "registry:catalog:*", ""},
		{"as anonymous at token", "repository:a:pull,push", "repository:a:pull"},
		{"as anonymous at token", "registry:catalog:*", ""},
		// an access token as the password: never more than it has itself
		{"as owner using access scopes=repository:a:pull", "repository:a:pull,push", "repository:a:pull"},
		{"as owner using access scopes=repository:a:pull", "repository:b:pull", ""},
		{"as owner using access scopes=repository:a:pull", "repository:*:pull", ""},
		{"as owner using access scopes=repository:*:pull", "repository:*:pull,push;repository:a:pull", "repository:*:pull;repository:a:pull"},
		{"as owner using access scopes=repository:a:pull", "registry:catalog:*", ""},
		{"as owner using access scopes=registry:catalog:*", "registry:catalog:*", "registry:catalog:*"},
	} {
		a := mustAsk(t, p, "sign-in "+row.who)
		var requested, granted []string
		var scopes []gate.TokenScope
		for _, text := range strings.Split(row.requested, ";") {
			scope, err := gate.ParseTokenScope(text)
			if err != nil {
				t.Fatal(err)
			}
			scopes, requested = append(scopes, scope), append(requested, text)
		}
		for _, scope := range s.Grant(a.Request, scopes) {
			granted = append(granted, scope.String())
		}
		if got := strings.Join(granted, ";"); got != row.want {
			t.Errorf("%s asks for %v: got %q, want %q", row.who, requested, got, row.want)
		}
	}
}

// TestRequestsOfHTTP makes sure that what net/http would pass on is what the table above was tried with.
func TestRequestsOfHTTP(t *testing.T) {
	r := httptest.NewRequest("GET", "http://myregistry.azurecr.io/v2/public/%2e%2e/secret/manifests/v1", nil)
	if _, op := gate.ParseOperation(r.Method, r.URL); op.Kind != gate.OpUnknown {
		t.Errorf("got %v", op)
	}
}
