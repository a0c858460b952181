package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// attributesSeed are three registries with the image team/app:v1, and a principal for each role: plain takes one network and
// goes by the classic roles, abac by those that know repositories, and public lets anybody pull.
var attributesSeed = `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: plain, sku: {name: Premium}, properties: {
      networkRuleSet: {defaultAction: Deny, ipRules: [{value: 203.0.113.0/24}]}}}
  - {type: Microsoft.ContainerRegistry/registries, name: abac01, sku: {name: Premium}, properties: {roleAssignmentMode: AbacRepositoryPermissions}}
  - {type: Microsoft.ContainerRegistry/registries, name: public, sku: {name: Standard}, properties: {anonymousPullEnabled: true}}
  - {type: Microsoft.ContainerRegistry/registries/scopeMaps, name: plain/metadata, properties: {actions: [repositories/team/*/metadata/read]}}
` + assigned("plain", "AcrPull", "AcrPush", "AcrDelete", "Reader", "Contributor") +
	assigned("abac01", "AcrPull", "Reader", "Container Registry Repository Reader", "Container Registry Repository Contributor", "Container Registry Repository Catalog Lister") +
	`  - {type: Microsoft.Authorization/roleAssignments, scope: ` + attackRegistries + `abac01, roleDefinitionName: Container Registry Repository Writer, principalName: Conditional,
     properties: {conditionVersion: "2.0", condition: "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'team/'"}}
images:
  - {registry: plain, reference: "team/app:v1"}
  - {registry: plain, reference: "other/app:v1"}
  - {registry: abac01, reference: "team/app:v1"}
  - {registry: abac01, reference: "other/app:v1"}
  - {registry: public, reference: "team/app:v1"}
principals:
` + principals()

// holders are the principals of attributesSeed: most are called like the role they have.
var holders = []string{
	"AcrPull", "AcrPush", "AcrDelete", "Reader", "Contributor", "Container Registry Repository Reader",
	"Container Registry Repository Contributor", "Container Registry Repository Catalog Lister", "Conditional", "Nobody",
}

// assigned are assignments of roles to the principals that are called like them.
func assigned(registry string, roles ...string) (text string) {
	for _, role := range roles {
		text += fmt.Sprintf("  - {type: Microsoft.Authorization/roleAssignments, scope: %s, roleDefinitionName: %s, principalName: %s}\n",
			attackRegistries+registry, role, role)
	}
	return text
}

func principals() (text string) {
	for _, name := range holders {
		text += fmt.Sprintf("  - {\"@odata.type\": servicePrincipal, appId: %s, displayName: %s}\n", applicationOf(name), name)
	}
	return text
}

func applicationOf(holder string) string {
	return fmt.Sprintf("acac10ca-7400-4000-8000-%012d", slices.Index(holders, holder)+1)
}

// asked asks the way az does: for a token with one scope, then with it (az-cli §7). The status is that of the first refusal.
func (e *Emulator) asked(t *testing.T, s *Session, registry, scope, method, path, body string) answer {
	t.Helper()
	host := "https://" + registry + ".azurecr.io"
	form := url.Values{"grant_type": {"password"}, "service": {registry + ".azurecr.io"}, "scope": {scope}, "refresh_token": {""}}
	refresh, err := s.Login(t.Context(), registry+".azurecr.io")
	var refused *ExchangeError
	switch {
	case errors.As(err, &refused):
		return answer{status: refused.Status}
	case err != nil:
		t.Fatal(err)
	case refresh != "":
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", refresh)
	}
	a := send(t, s, request(t, http.MethodPost, host+"/oauth2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
	if a.status != http.StatusOK {
		return a
	}
	var got struct {
		Token string `json:"access_token"`
	}
	a.into(t, &got)
	return send(t, s, request(t, method, host+path, body, "Authorization", "Bearer "+got.Token, "Content-Type", "application/json"))
}

// TestWhoMayAsk is acr-behaviour §5.2 through ACR's own API. Each column is a request that az makes: list and show a
// repository's tags, show the repository, list repositories, set a lock, untag, delete. A plus is an answer, a minus a 401
// and a slash the network's 403. Changes are made to what is not there, which takes the same right.
func TestWhoMayAsk(t *testing.T) {
	const read, write, remove = ":metadata_read", ":metadata_write,metadata_read", ":delete"
	columns := []struct{ method, path, scope, body string }{
		{"GET", "/acr/v1/REPO/_tags?orderby=timedesc", "repository:REPO" + read, ""},
		{"GET", "/acr/v1/REPO/_manifests", "repository:REPO" + read, ""},
		{"GET", "/acr/v1/REPO", "repository:REPO" + read, ""},
		{"GET", "/acr/v1/REPO/_tags/v1", "repository:REPO" + read, ""},
		{"GET", "/acr/v1/_catalog", "registry:catalog:*", ""},
		{"PATCH", "/acr/v1/REPO/_tags/none", "repository:REPO" + write, `{"writeEnabled":false}`},
		{"DELETE", "/acr/v1/REPO/_tags/none", "repository:REPO" + remove, ""},
		{"DELETE", "/acr/v1/REPO/none", "repository:REPO/none" + remove, ""},
	}
	e := start(t, seeded(attributesSeed))
	for _, row := range []struct{ place, as, registry, repository, want string }{
		{"203.0.113.7", "AcrPull", "plain", "team/app", "++--+---"},
		{"203.0.113.7", "AcrPush", "plain", "team/app", "++--+-+-"},
		{"203.0.113.7", "AcrDelete", "plain", "team/app", "------++"},
		{"203.0.113.7", "Reader", "plain", "team/app", "+++++---"},
		{"203.0.113.7", "Contributor", "plain", "team/app", "++++++++"},
		{"203.0.113.7", "Nobody", "plain", "team/app", "--------"},
		{"203.0.113.7", anonymous, "plain", "team/app", "--------"},
		{"198.51.100.9", "Contributor", "plain", "team/app", "////////"},
		{"198.51.100.9", "Reader", "plain", "team/app", "////////"},

		{"198.51.100.9", "AcrPull", "abac01", "team/app", "--------"},
		{"198.51.100.9", "Reader", "abac01", "team/app", "--------"},
		{"198.51.100.9", "Container Registry Repository Reader", "abac01", "team/app", "++++----"},
		{"198.51.100.9", "Container Registry Repository Contributor", "abac01", "team/app", "++++-+++"},
		{"198.51.100.9", "Container Registry Repository Catalog Lister", "abac01", "team/app", "----+---"},
		{"198.51.100.9", "Conditional", "abac01", "team/app", "++++-++-"},
		{"198.51.100.9", "Conditional", "abac01", "other/app", "--------"},

		{"198.51.100.9", anonymous, "public", "team/app", "++++----"},
		{"198.51.100.9", "Nobody", "public", "team/app", "--------"},
	} {
		as := row.as
		if as != anonymous {
			as = applicationOf(as)
		}
		s := e.at(t, row.place, as)
		var got strings.Builder
		for _, c := range columns {
			in := strings.NewReplacer("REPO", row.repository)
			a := e.asked(t, s, row.registry, in.Replace(c.scope), c.method, in.Replace(c.path), c.body)
			sign, ok := map[int]string{200: "+", 202: "+", 404: "+", 401: "-", 403: "/"}[a.status]
			if !ok || c.method == "GET" && a.status == http.StatusNotFound {
				t.Errorf("%+v: %s %s answers %d %s", row, c.method, c.path, a.status, a.body)
			}
			got.WriteString(sign)
		}
		if got.String() != row.want {
			t.Errorf("%s as %s in %s of %s: %s, want %s", row.place, row.as, row.repository, row.registry, got.String(), row.want)
		}
	}
}

// TestMetadataOfScopeMap: a repository-scoped token with metadata/read alone reads attributes of its repositories, and pulls
// and lists nothing else (acr-behaviour §4.3).
func TestMetadataOfScopeMap(t *testing.T) {
	v := victim{Emulator: start(t, seeded(attributesSeed))}
	v.arms(t, http.MethodPut, attackRegistries+"plain/tokens/robot", map[string]any{"scopeMapId": attackRegistries + "plain/scopeMaps/metadata", "status": "enabled"})
	robot := v.password(t, "plain/generateCredentials", "robot", map[string]any{"tokenId": attackRegistries + "plain/tokens/robot"})
	for path, want := range map[string]int{
		"/acr/v1/team/app": 200, "/acr/v1/team%2Fapp/_tags": 200, "/acr/v1/team/app/_tags/v1": 200, "/acr/v1/team/app/_manifests": 200,
		"/v2/team/app/tags/list": 200, "/v2/team/app/manifests/v1": 401, "/acr/v1/other/app": 401, "/acr/v1/other/app/_tags": 401,
		"/acr/v1/_catalog": 401, "/v2/_catalog": 401,
	} {
		for place, status := range map[string]int{"203.0.113.7": want, "198.51.100.9": 403} {
			a := send(t, v.at(t, place, anonymous), request(t, http.MethodGet, "https://plain.azurecr.io"+path, "", "Authorization", robot))
			if a.status != status {
				t.Errorf("%s from %s: %d, want %d: %s", path, place, a.status, status, a.body)
			}
		}
	}
}
