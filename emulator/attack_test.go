package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// These tests attack an emulator as somebody would who may reach its listeners, and perhaps holds a credential for little.
// What they try must not work; each of those that once did says so.

const attackSeed = `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: alpha, location: westeurope, sku: {name: Premium}, properties: {adminUserEnabled: true}}
  - {type: Microsoft.ContainerRegistry/registries, name: alphabet, location: westeurope, sku: {name: Premium}, properties: {adminUserEnabled: true}}
  - {type: Microsoft.ContainerRegistry/registries/scopeMaps, name: alpha/team, properties: {actions: [
      repositories/team/app/content/read, repositories/team/app/content/write, repositories/team/app/metadata/read]}}
`

const (
	attackRegistries = testGroup + "/providers/Microsoft.ContainerRegistry/registries/"
	attackGroups     = testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/"
	acrPull          = "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d"
)

// victim is an emulator under attack, with a secret blob in repository secret/x of registry alpha.
type victim struct {
	*Emulator
	admin, team string // Authorization headers: everything in alpha, and little
	secret      string // digest of the blob
}

const secretText = "the secret of secret/x"

func newVictim(t *testing.T) victim {
	t.Helper()
	v := victim{Emulator: start(t, seeded(attackSeed)), secret: sha256Of(secretText)}
	v.admin = v.password(t, "alpha/listCredentials", "alpha", map[string]any{})
	v.arms(t, http.MethodPut, attackRegistries+"alpha/tokens/gang1", map[string]any{
		"scopeMapId": attackRegistries + "alpha/scopeMaps/team", "status": "enabled",
	})
	v.team = v.password(t, "alpha/generateCredentials", "gang1", map[string]any{"tokenId": attackRegistries + "alpha/tokens/gang1"})
	a := v.ask(t, http.MethodPost, "/v2/secret/x/blobs/uploads/?digest="+v.secret, v.admin, secretText)
	if a.status != http.StatusCreated {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	return v
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// password asks ARM for a password, and makes it a header.
func (v victim) password(t *testing.T, action, user string, body any) string {
	t.Helper()
	var made struct{ Passwords []struct{ Value string } }
	if err := v.ARM(t.Context(), http.MethodPost, attackRegistries+action, body, &made); err != nil {
		t.Fatal(err)
	}
	return basic(user, made.Passwords[0].Value)
}

// ask sends a request to registry alpha, straight to the service listener.
func (v victim) ask(t *testing.T, method, target, authorization, body string, header ...string) answer {
	t.Helper()
	r := request(t, method, v.Endpoints().Service, body, append(header, "Authorization", authorization)...)
	r.Host = "alpha.azurecr.io"
	u, err := url.Parse(v.Endpoints().Service + target)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	return send(t, http.DefaultTransport, r)
}

const formType = "application/x-www-form-urlencoded"

// TestMounts tries to get a blob out of another repository by mounting it; SECRET stands for its digest.
func TestMounts(t *testing.T) {
	v := newVictim(t)
	for _, row := range []struct{ query, body, contentType string }{
		{"mount=SECRET&from=secret/x", "", ""},
		{"mount=SECRET&from=secret%2Fx", "", ""},
		{"%6dount=SECRET&fro%6d=secret/x", "", ""},
		{"mount=SECRET", "", ""},
		{"mount=SECRET&from=", "", ""},
		{"mount=SECRET&from=/secret/x", "", ""},
		{"mount=SECRET&from=team/app/../../secret/x", "", ""},
		{"mount=SECRET&from=team/app&from=secret/x", "", ""},
		{"mount=SECRET&from=secret/x&from=team/app", "", ""},
		{"mount=x&mount=SECRET&from=team/app&from=secret/x", "", ""},
		{"a=1;mount=SECRET&from=secret/x", "", ""},
		{"mount=SECRET;from=secret/x", "", ""},
		{"x=;&mount=SECRET&from=secret/x", "", ""},
		{"%zz=1&mount=SECRET&from=secret/x", "", ""},
		{"digest=SECRET&mount=SECRET&from=secret/x", "", ""},
		{"", "mount=SECRET&from=secret/x", formType},
		{"mount=SECRET", "from=secret/x", formType},
		{"from=secret/x", "mount=SECRET", formType},
		{"mount=SECRET&from=team/app", "from=secret/x", formType},
		{"", "--b\r\nContent-Disposition: form-data; name=\"mount\"\r\n\r\nSECRET\r\n--b\r\nContent-Disposition: form-data; " +
			"name=\"from\"\r\n\r\nsecret/x\r\n--b--\r\n", "multipart/form-data; boundary=b"},
	} {
		query, body := strings.ReplaceAll(row.query, "SECRET", v.secret), strings.ReplaceAll(row.body, "SECRET", v.secret)
		for _, path := range []string{"/v2/team/app/blobs/uploads/", "/v2/team/app/blobs/uploads", "/v2/team%2Fapp/blobs/uploads/"} {
			v.ask(t, http.MethodPost, path+"?"+query, v.team, body, "Content-Type", row.contentType)
			if a := v.ask(t, http.MethodGet, "/v2/team/app/blobs/"+v.secret, v.team, ""); a.status != http.StatusNotFound {
				t.Fatalf("POST %s?%s %q: the blob came along: %d %s", path, row.query, row.body, a.status, a.body)
			}
		}
	}
	if a := v.ask(t, http.MethodPost, "/v2/team/app/blobs/uploads/?mount="+v.secret+"&from=secret/x", v.admin, ""); a.status != http.StatusCreated {
		t.Fatalf("who may read both repositories may mount: %d %s", a.status, a.body)
	}
}

// TestUploadURLs tries to use the URL of an upload where it was not given.
func TestUploadURLs(t *testing.T) {
	v := newVictim(t)
	begin := func(repository, as string) (id, state string) {
		a := v.ask(t, http.MethodPost, "/v2/"+repository+"/blobs/uploads/", as, "")
		path, query, _ := strings.Cut(a.header.Get("Location"), "?")
		return path[strings.LastIndexByte(path, '/')+1:], query
	}
	mine, mineState := begin("team/app", v.team)
	theirs, theirState := begin("secret/x", v.admin)
	for _, row := range []struct{ method, target string }{
		{http.MethodPatch, "/v2/secret/x/blobs/uploads/" + mine + "?" + mineState},
		{http.MethodPatch, "/v2/team/app/blobs/uploads/" + theirs + "?" + theirState},
		{http.MethodGet, "/v2/team/app/blobs/uploads/" + theirs + "?" + mineState},
		{http.MethodPatch, "/v2/team/app/blobs/uploads/" + mine + "?" + theirState},
		{http.MethodPatch, "/v2/team/app/blobs/uploads/" + mine},
		{http.MethodPut, "/v2/team/app/blobs/uploads/" + theirs + "?" + theirState + "&digest=" + v.secret},
		{http.MethodDelete, "/v2/team/app/blobs/uploads/" + theirs + "?" + theirState},
		{http.MethodGet, "/v2/team/app/blobs/uploads/..%2F..%2F" + theirs + "?" + theirState},
	} {
		if a := v.ask(t, row.method, row.target, v.team, "x"); a.status < http.StatusBadRequest {
			t.Errorf("%s %s: %d", row.method, row.target, a.status)
		}
	}
}

// pieces are what paths are put together from: names, the words of the API, and spellings that parsers read differently.
var pieces = []string{
	"team", "app", "secret", "x", "blobs", "uploads", "manifests", "tags", "list", "referrers", "_catalog", "_tags",
	"_manifests", "SECRET", "sha256%3Aabc", "v1", "..", ".", "%2e%2e", "%2E", "", "%2F", "%252F", "a%2Fb", "Team", "%74eam",
	";x", "x;y", "%00", "%20", "%5C", "%3F", "%23", "a__b", "..%2f..%2fsecret", "é",
}

func anyPath(dice *rand.Rand) string {
	path := "/v2/team/app"
	if dice.IntN(3) == 0 {
		path = "/v2"
	}
	if dice.IntN(8) == 0 {
		path = "/acr/v1/team/app"
	}
	for range dice.IntN(5) {
		path += "/" + pieces[dice.IntN(len(pieces))]
	}
	return path + []string{"", "", "/tags/list", "/blobs/SECRET", "/manifests/v1", "/blobs/uploads/", "/referrers/SECRET"}[dice.IntN(7)]
}

// TestPaths sends thousands of odd paths. What the gate decided on must be what the content answered about, and nobody
// who may see team/app only hears of another repository.
func TestPaths(t *testing.T) {
	v := newVictim(t)
	dice := rand.New(rand.NewPCG(1, 2))
	methods := []string{http.MethodGet, http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodPost, http.MethodPut}
	answered := 0
	for range 4000 {
		path, method := strings.ReplaceAll(anyPath(dice), "SECRET", v.secret), methods[dice.IntN(len(methods))]
		if _, err := url.Parse(path); err != nil {
			continue
		}
		a := v.ask(t, method, path, v.team, "")
		if leaked := string(a.body) + fmt.Sprint(a.header["Location"], a.header["Link"]); strings.Contains(leaked, secretText) ||
			strings.Contains(leaked, "secret/x") && a.status < http.StatusBadRequest {
			t.Fatalf("%s %s: %d %s", method, path, a.status, leaked)
		}
		if method != http.MethodDelete && v.sameRepository(t, path, v.ask(t, method, path, v.admin, "")) {
			answered++
		}
	}
	if answered < 100 {
		t.Errorf("only %d answers named a repository: the paths are too odd", answered)
	}
}

// sameRepository compares the repository that the content names, if it does, with the decision's.
func (v victim) sameRepository(t *testing.T, path string, a answer) bool {
	t.Helper()
	var body struct {
		Name   string
		Errors []struct{ Detail json.RawMessage }
	}
	_ = json.Unmarshal(a.body, &body)
	for _, e := range body.Errors {
		_ = json.Unmarshal(e.Detail, &body)
	}
	if body.Name == "" {
		return false
	}
	id, _, _ := strings.Cut(a.header.Get("X-Acrlocal-Decision"), ";")
	d, err := v.Decision(id)
	if err != nil || d.Repository != body.Name {
		t.Fatalf("%s: the gate judged %q, the content answered about %q (%v)", path, d.Repository, body.Name, err)
	}
	return true
}

// TestRebornIdentity: a resource that is made again under its old name has a new identity. The tokens of the old one stay
// worthless, also with the role that the new one has. (They once came back to life.)
func TestRebornIdentity(t *testing.T) {
	e := start(t, seeded(attackSeed))
	phoenix := attackGroups + "phoenix"
	assignment := attackRegistries + "alpha/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-00000000000"
	born := func(n int) (principal, token string) {
		body := map[string]any{"location": "westeurope", "identity": map[string]any{"type": "SystemAssigned"}, "properties": map[string]any{}}
		if err := e.ARM(t.Context(), http.MethodPut, phoenix, body, nil); err != nil {
			t.Fatal(err)
		}
		made, err := e.Token(t.Context(), TokenRequest{As: phoenix, Registry: "alpha"})
		if err != nil {
			t.Fatal(err)
		}
		e.arms(t, http.MethodPut, assignment+fmt.Sprint(n), map[string]any{"principalId": made.Principal, "roleDefinitionId": acrPull})
		return made.Principal, made.Token
	}
	signIn := func(token string) answer {
		r := request(t, http.MethodGet, e.Endpoints().Service+"/oauth2/token?service=alpha.azurecr.io", "", "Authorization", basic(RefreshTokenUser, token))
		r.Host = "alpha.azurecr.io"
		return send(t, http.DefaultTransport, r)
	}
	first, old := born(1)
	if a := signIn(old); a.status != http.StatusOK {
		t.Fatalf("before: %d %s", a.status, a.body)
	}
	for _, id := range []string{assignment + "1", phoenix} {
		if err := e.ARM(t.Context(), http.MethodDelete, id, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	second, fresh := born(2)
	if a := signIn(old); first == second || a.reason() != gate.PrincipalUnknown {
		t.Errorf("the old identity %s is the new one %s, or its token is good: %d %s", first, second, a.status, a.body)
	}
	if a := signIn(fresh); a.status != http.StatusOK {
		t.Errorf("the new identity: %d %s", a.status, a.body)
	}
}

// TestRebornUserAssigned: an identity that is made again under its old name is nobody's until somebody gives it to them. (What
// had used the old one once got tokens of the new one.)
func TestRebornUserAssigned(t *testing.T) {
	e := start(t, seeded(attackSeed))
	phoenix, squatter := testGroup+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/phoenix", attackGroups+"squatter"
	put := func(id string, body map[string]any) {
		t.Helper()
		body["location"] = "westeurope"
		if err := e.ARM(t.Context(), http.MethodPut, id, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	uses := func() map[string]any {
		return map[string]any{"properties": map[string]any{}, "identity": map[string]any{
			"type": "UserAssigned", "userAssignedIdentities": map[string]any{phoenix: map[string]any{}},
		}}
	}
	put(phoenix, map[string]any{})
	put(squatter, uses())
	first, err := e.Token(t.Context(), TokenRequest{From: squatter})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.ARM(t.Context(), http.MethodDelete, phoenix, nil, nil); err != nil {
		t.Fatal(err)
	}
	put(phoenix, map[string]any{})
	e.arms(t, http.MethodPatch, squatter, map[string]any{})
	if made, err := e.Token(t.Context(), TokenRequest{From: squatter}); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("what used the old identity has a token of %s, %v", made.Principal, err)
	}
	put(squatter, uses())
	if made, err := e.Token(t.Context(), TokenRequest{From: squatter}); err != nil || made.Principal == first.Principal {
		t.Errorf("given again: %s, %v", made.Principal, err)
	}
}

// TestForeignScopeMap: a token's rights are those of a scope map of its own registry, not of another one, whose owner may
// be somebody else, and not of any document that has actions. (Both once worked.)
func TestForeignScopeMap(t *testing.T) {
	e := start(t, seeded(attackSeed))
	thing := testGroup + "/providers/Contoso.Things/things/wide"
	if err := e.ARM(t.Context(), http.MethodPut, thing, map[string]any{
		"location": "westeurope", "properties": map[string]any{"actions": []string{"repositories/*/content/read"}},
	}, nil); err != nil {
		t.Fatal(err)
	}
	for _, scopeMap := range []string{thing, attackRegistries + "alphabet/scopeMaps/_repositories_admin", attackRegistries + "alpha"} {
		body := map[string]any{"properties": map[string]any{"scopeMapId": scopeMap, "status": "enabled"}}
		err := e.ARM(t.Context(), http.MethodPut, attackRegistries+"alpha/tokens/strange", body, nil)
		if err == nil || !strings.Contains(err.Error(), "no scope map of the registry alpha") {
			t.Errorf("%s: %v", scopeMap, err)
		}
	}
}

// TestSmuggledDocuments: whoever may write a virtual network makes subnets by listing them, and nothing else. (A subnet's name
// once held the rest of an ID: an approved connection to somebody's registry, a role assignment, a management group above the
// subscription.)
func TestSmuggledDocuments(t *testing.T) {
	e := start(t, seeded(attackSeed))
	network := testGroup + "/providers/Microsoft.Network/virtualNetworks/evil"
	before := e.core.State().Len()
	for _, name := range []string{
		"a/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000009",
		"a/providers/Microsoft.ContainerRegistry/registries/alpha",
		"a/providers/Microsoft.ContainerRegistry/registries/alpha/credentials/default",
		"a/providers/Microsoft.ContainerRegistry/registries/alpha/privateEndpointConnections/x",
		"a/providers/Microsoft.Management/managementGroups/evil",
		"a/providers/Microsoft.Management/managementGroups/evil/subscriptions/acac10ca-2000-4000-8000-000000000001",
		"a/virtualNetworkPeerings/b", "/a", "a/", "..", ".", "a%2Fb", "a?b", "",
	} {
		body := map[string]any{"location": "westeurope", "properties": map[string]any{
			"addressSpace": map[string]any{"addressPrefixes": []string{"10.9.0.0/16"}},
			"subnets":      []any{map[string]any{"name": name, "properties": map[string]any{"addressPrefix": "10.9.0.0/24"}}},
		}}
		if err := e.ARM(t.Context(), http.MethodPut, network, body, nil); err == nil {
			t.Errorf("a subnet called %q was made", name)
		}
	}
	if after := e.core.State().Len(); after != before {
		t.Errorf("there are %d documents, there were %d", after, before)
	}
}

// TestMisplacedDocuments: a document is believed by its type, so that it must stand where its type belongs, whoever wrote it.
func TestMisplacedDocuments(t *testing.T) {
	e := start(t, seeded(attackSeed))
	for _, id := range []string{
		attackGroups + "x/providers/Microsoft.ContainerRegistry/registries/alpha2",
		attackRegistries + "alpha/providers/Microsoft.ContainerRegistry/registries/alpha2",
		attackGroups + "x/providers/Microsoft.ContainerRegistry/registries/alpha/privateEndpointConnections/x",
		testGroup + "/providers/Microsoft.Resources/resourceGroups/fake/providers/Microsoft.ContainerRegistry/registries/alpha2",
		"/providers/Microsoft.ContainerRegistry/registries/alpha2",
		testGroup + "/providers/Microsoft.Management/managementGroups/evil",
		"/providers/Microsoft.Resources/tenants/x/providers/Microsoft.Management/managementGroups/evil/subscriptions/y",
	} {
		d := azure.Document{ID: azure.MustParseResourceID(id), Body: map[string]any{"id": id, "location": "westeurope"}}
		if err := e.change(t.Context(), azure.Change{Put: []azure.Document{d}}); err == nil {
			t.Errorf("%s was taken", id)
		}
	}
}

// TestLocalhostEndpoint: nobody's private endpoint takes localhost away from everybody else. (One did, and localhost became
// its registry.)
func TestLocalhostEndpoint(t *testing.T) {
	v := newVictim(t)
	network := testGroup + "/providers/Microsoft.Network/virtualNetworks/evil"
	put := func(id string, properties map[string]any) {
		body := map[string]any{"location": "westeurope", "properties": properties}
		if err := v.ARM(t.Context(), http.MethodPut, id, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	put(network, map[string]any{
		"addressSpace": map[string]any{"addressPrefixes": []string{"126.0.0.0/7"}}, // of 127.0.0.0/8 Azure keeps 127.0.0.1 to itself
		"subnets":      []any{map[string]any{"name": "s", "properties": map[string]any{"addressPrefix": "126.0.0.0/7"}}},
	})
	put(testGroup+"/providers/Microsoft.Network/privateEndpoints/evil", map[string]any{
		"subnet":           map[string]any{"id": network + "/subnets/s"},
		"ipConfigurations": []any{map[string]any{"name": "i", "properties": map[string]any{"memberName": "registry", "privateIPAddress": "127.0.0.1"}}},
		"privateLinkServiceConnections": []any{map[string]any{"name": "c", "properties": map[string]any{
			"privateLinkServiceId": attackRegistries + "alphabet", "groupIds": []string{"registry"},
		}}},
	})
	if a := v.ask(t, http.MethodGet, "/v2/secret/x/blobs/"+v.secret, v.admin, ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.reason())
	}
}

// TestRebinding: the management API, which gives tokens to anybody, answers no page of another site: by no origin, and by
// no name that could be made to lead here.
func TestRebinding(t *testing.T) {
	e := start(t, Options{})
	manage := strings.TrimPrefix(e.Endpoints().Manage, "http://")
	_, port, _ := strings.Cut(manage, ":")
	for _, row := range []struct {
		host, origin string
		want         int
	}{
		{manage, "", http.StatusOK},
		{manage, "http://" + manage, http.StatusOK},
		{"localhost:" + port, "", http.StatusOK},
		{"LOCALHOST.:" + port, "", http.StatusOK},
		{"portal.localhost:" + port, "", http.StatusOK},
		{"[::1]:" + port, "", http.StatusOK},
		{manage, "null", http.StatusForbidden},
		{manage, "http://localhost:1", http.StatusForbidden},
		{manage, "http://evil.example", http.StatusForbidden},
		{"evil.example:" + port, "", http.StatusForbidden},
		{"evil.example:" + port, "http://evil.example:" + port, http.StatusForbidden},
		{"evil:" + port, "http://evil:" + port, http.StatusForbidden}, // once: names without dots were let in
		{"evil.:" + port, "", http.StatusForbidden},
		{"notlocalhost:" + port, "", http.StatusForbidden},
		{"localhost.evil.example:" + port, "", http.StatusForbidden},
		{"127.0.0.1.evil.example:" + port, "", http.StatusForbidden},
	} {
		r := request(t, http.MethodPost, e.Endpoints().Manage+"/api/token", "{}")
		r.Host = row.host
		if row.origin != "" {
			r.Header.Set("Origin", row.origin)
		}
		if a := send(t, http.DefaultTransport, r); a.status != row.want {
			t.Errorf("host %s, origin %q: %d, want %d", row.host, row.origin, a.status, row.want)
		}
	}
	r := request(t, http.MethodPost, e.Endpoints().Manage+"/api/token", "{}")
	r.Header["Origin"] = []string{"http://" + manage, "http://evil.example"}
	if a := send(t, http.DefaultTransport, r); a.status != http.StatusForbidden {
		t.Errorf("two origins: %d", a.status)
	}
}

// TestLongRequests: the decision log keeps no more of a request than it shows. (4,096 requests of anybody once held
// 550 MB.)
func TestLongRequests(t *testing.T) {
	e := start(t, seeded(attackSeed))
	const requests, size = 400, 60_000
	long := strings.Repeat("x", size)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for name, lengthen := range map[string]func(r *http.Request){
		"user agent": func(r *http.Request) { r.Header.Set("User-Agent", long) },
		"query":      func(r *http.Request) { r.URL.RawQuery = "q=" + long },
		"mount":      func(r *http.Request) { r.Method, r.URL.RawQuery = http.MethodPost, "mount=a&from="+long },
		"registry":   func(r *http.Request) { r.Host = long + ".azurecr.io" },
		"region":     func(r *http.Request) { r.Host = "alpha." + long + ".geo.azurecr.io" },
		"port":       func(r *http.Request) { r.Host = "alpha.azurecr.io:" + strings.Repeat("1", size) },
	} {
		before := heap()
		for range requests {
			r := request(t, http.MethodGet, e.Endpoints().Service+"/v2/team/app/blobs/uploads/", "")
			r.Host = "alpha.azurecr.io"
			lengthen(r)
			send(t, http.DefaultTransport, r)
		}
		if after := heap(); after > before+requests*size/2 {
			t.Errorf("%s: %d requests of %d bytes left %d bytes behind", name, requests, size, after-before)
		}
	}
	for _, d := range e.Decisions(logCapacity, func(DecisionEntry) bool { return true }) {
		if line, _ := json.Marshal(d); len(line) > 4<<10 {
			t.Fatalf("a line of the log has %d bytes", len(line))
		}
	}
}

// TestTokensElsewhere uses tokens where they do not belong.
func TestTokensElsewhere(t *testing.T) {
	v := newVictim(t)
	entra := func(audience string) string {
		made, err := v.Token(t.Context(), TokenRequest{Audience: audience})
		if err != nil {
			t.Fatal(err)
		}
		return made.Token
	}
	refresh, err := v.Token(t.Context(), TokenRequest{Registry: "alpha"})
	if err != nil {
		t.Fatal(err)
	}
	var access struct {
		Token string `json:"access_token"`
	}
	v.ask(t, http.MethodGet, "/oauth2/token?service=alpha.azurecr.io&scope=repository:secret/x:pull", basic(RefreshTokenUser, refresh.Token), "").into(t, &access)
	blob := "/v2/secret/x/blobs/" + v.secret
	if a := v.ask(t, http.MethodGet, blob, "Bearer "+access.Token, ""); string(a.body) != secretText {
		t.Fatalf("the token where it belongs: %d %s", a.status, a.body)
	}
	for _, row := range []struct {
		name, host, target, authorization string
		want                              gate.Reason
	}{
		{"the verified token at a registry whose name begins alike", "alphabet.azurecr.io", blob, "Bearer " + access.Token, gate.AudienceWrong},
		{"the same as password", "alphabet.azurecr.io", blob, basic(RefreshTokenUser, access.Token), gate.AudienceWrong},
		{"a refresh token as bearer", "alpha.azurecr.io", blob, "Bearer " + refresh.Token, gate.CredentialMalformed},
		{"an Entra token as bearer", "alpha.azurecr.io", blob, "Bearer " + entra("https://containerregistry.azure.net"), gate.IssuerWrong},
		{"a scope that the token lacks", "alpha.azurecr.io", "/v2/_catalog", "Bearer " + access.Token, gate.ScopeMissing},
	} {
		r := request(t, http.MethodGet, v.Endpoints().Service+row.target, "", "Authorization", row.authorization)
		r.Host = row.host
		if a := send(t, http.DefaultTransport, r); a.reason() != row.want {
			t.Errorf("%s: %d %s, want %s", row.name, a.status, a.reason(), row.want)
		}
	}
	for name, token := range map[string]string{
		"ACR refresh token": refresh.Token, "ACR access token": access.Token,
		"Entra token for ACR": entra("https://containerregistry.azure.net"), "Entra token for Graph": entra("https://graph.microsoft.com/"),
	} {
		r := request(t, http.MethodGet, v.Endpoints().Service+attackRegistries+"alpha?api-version="+apiVersion, "", "Authorization", "Bearer "+token)
		r.Host = "management.azure.com"
		if a := send(t, http.DefaultTransport, r); a.status != http.StatusUnauthorized {
			t.Errorf("%s at ARM: %d %s", name, a.status, a.body)
		}
	}
}

// TestHiddenDocuments looks for passwords and settings by every path that could name them, as the subscription's owner.
func TestHiddenDocuments(t *testing.T) {
	v := newVictim(t)
	owner, err := v.Token(t.Context(), TokenRequest{Audience: "https://management.azure.com/"})
	if err != nil {
		t.Fatal(err)
	}
	alpha, sp := attackRegistries+"alpha", "/servicePrincipals/"+owner.Principal
	for _, path := range []string{
		alpha + "/credentials", alpha + "/credentials/default", alpha + "/CREDENTIALS/Default", alpha + "%2Fcredentials%2Fdefault",
		alpha + "//credentials//default/", alpha + "/tokens/gang1/credentials", alpha + "/tokens/gang1/credentials/default",
		alpha + "/./credentials/default", alpha + "/tokens/../credentials/default", alpha + "/providers/Acrlocal/settings",
		"/acrlocal/settings/quirks", "/acrlocal/settings", "/graph" + sp, "//graph" + sp, "/graph/servicePrincipals", "/./graph" + sp,
		"/subscriptions/../graph" + sp, "/providers/Microsoft.Graph/servicePrincipals", "/providers/Microsoft.Graph" + sp,
		"/providers/Acrlocal/settings", "/providers/Microsoft.ContainerRegistry/registries/credentials",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost} {
			r := request(t, method, v.Endpoints().Service, `{"properties": {"passwords": [{"name": "password", "value": "known"}]}}`,
				"Authorization", "Bearer "+owner.Token)
			r.URL, r.Host = must(t, v.Endpoints().Service+path+"?api-version="+apiVersion), "management.azure.com"
			if a := send(t, http.DefaultTransport, r); a.status < http.StatusBadRequest {
				t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
			}
		}
	}
	if a := v.ask(t, http.MethodGet, "/v2/", basic("alpha", "known"), ""); a.reason() != gate.PasswordWrong {
		t.Errorf("the password was written: %d %s", a.status, a.reason())
	}
}

func must(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
