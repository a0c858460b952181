package arm_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// malformed are requests that mean nothing, by what is wrong with them. A body stands for itself; a path without a version
// gets one.
var malformed = []struct {
	name, method, path, contentType, body string
	status                                int
	code                                  string
}{
	{"no version", "GET", first + "?api-version=", "", "", 400, "MissingApiVersionParameter"},
	{"two words for a version", "GET", first + "?api-version=2023-07-01%20preview", "", "", 400, "InvalidApiVersionParameter"},
	{"a version of 2 KB", "GET", first + "?api-version=" + strings.Repeat("2", 2048), "", "", 400, "InvalidApiVersionParameter"},
	{"a query that cannot be read", "GET", first + "?api-version=2023-07-01&%zz=1", "", "", 200, ""}, // as ARM, which does not look

	{"an ID with nothing after the type", "PUT", group + "/providers/Contoso.Things/boxes", "", "{}", 404, "NotFound"},
	{"an ID with a dot for a name", "GET", group + "/providers/Contoso.Things/boxes/%2E", "", "", 400, "InvalidResourceId"},
	{"an ID with a control character", "GET", group + "/providers/Contoso.Things/boxes/a%0Ab", "", "", 400, "InvalidResourceId"},
	{"an ID that is no text", "GET", group + "/providers/Contoso.Things/boxes/%ff%fe", "", "", 400, "InvalidResourceId"},
	{"an ID of 3 KB", "GET", group + "/providers/Contoso.Things/boxes/" + strings.Repeat("x", 3<<10), "", "", 400, "InvalidResourceId"},
	{"a thousand segments", "GET", group + strings.Repeat("/a/b", 500), "", "", 400, "InvalidResourceId"},
	{"a subscription that is no GUID", "GET", "/subscriptions/mine/resourceGroups/rg", "", "", 400, "InvalidSubscriptionId"},
	{"an ID of the emulator's own", "GET", "/acrlocal/settings/quirks", "", "", 404, "NotFound"},
	{"an ID of Graph's", "DELETE", "/graph/users/" + azure.DerivedID("owner"), "", "", 404, "NotFound"},
	{"a method that is none", "BREW", first, "", "", 405, "MethodNotAllowed"},

	{"an empty body", "PUT", first, "", "", 400, "InvalidRequestContent"},
	{"null", "PUT", first, "", "null", 400, "InvalidRequestContent"},
	{"a text", "PATCH", first, "", `"properties"`, 400, "InvalidRequestContent"},
	{"XML", "PUT", first, "application/xml", "<a/>", 415, "UnsupportedMediaType"},
	{"a form", "PATCH", first, "application/x-www-form-urlencoded", "a=b", 415, "UnsupportedMediaType"},
	{"a type that is no type", "PATCH", first, ";;;", "{}", 415, "UnsupportedMediaType"},
	{"XML, said to be JSON", "PUT", first, "application/json", "<a/>", 400, "InvalidRequestContent"},
	{"half an object", "PUT", first, "", `{"location": `, 400, "InvalidRequestContent"},
	{"half a list", "PATCH", first, "", `{"properties": {"a": [1, 2`, 400, "InvalidRequestContent"},
	{"a comma too many", "PATCH", first, "", `{"tags": {"a": "b",}}`, 400, "InvalidRequestContent"},
	{"a member without quotes", "PATCH", first, "", `{tags: {}}`, 400, "InvalidRequestContent"},
	{"a number that is none", "PATCH", first, "", `{"properties": {"a": 1e999}}`, 400, "InvalidRequestContent"},
	{"two objects", "PATCH", first, "", `{} {}`, 400, "InvalidRequestContent"},
	{"a byte order mark", "PATCH", first, "", "\xef\xbb\xbf{}", 400, "InvalidRequestContent"},
	{"no UTF-8", "PATCH", first, "", "{\"tags\": {\"a\": \"\xff\"}}", 400, "InvalidRequestContent"},
	{"a member twice", "PATCH", first, "", `{"tags": {"a": "1"}, "tags": {"a": "2"}}`, 400, "InvalidRequestContent"},
	{"a member twice, deep", "PATCH", first, "", `{"properties": {"a": [{"b": 1, "b": 2}]}}`, 400, "InvalidRequestContent"},
	{"a member in two cases", "PATCH", first, "", `{"properties": {}, "PROPERTIES": {}}`, 400, "InvalidRequestContent"},
	{"too deep", "PATCH", first, "", `{"properties": ` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `}`, 400, "InvalidRequestContent"},
	{"a list for properties", "PUT", first, "", `{"location": "westeurope", "properties": []}`, 400, "InvalidRequestContent"},
	{"a number for a tag", "PATCH", first, "", `{"tags": {"a": 1}}`, 400, "InvalidRequestContent"},
	{"a tag without a name", "PATCH", first, "", `{"tags": {"": "x"}}`, 400, "InvalidTagNameLength"},
	{"a tag's name too long", "PATCH", first, "", `{"tags": {"` + strings.Repeat("n", 513) + `": "x"}}`, 400, "InvalidTagNameLength"},
	{"a tag's value too long", "PATCH", first, "", `{"tags": {"n": "` + strings.Repeat("ä", 257) + `"}}`, 400, "InvalidTagValueLength"},
	{"too many tags", "PATCH", first, "", tags(51), 400, "TooManyTags"},
	{"as many tags as may be", "PATCH", first, "", tags(50), 200, ""},
	{"a body for an action that is no object", "POST", first + "/listCredentials", "", `[]`, 400, "InvalidRequestContent"},

	{"a filter that is none", "GET", subscription + "/resources?$filter=%27", "", "", 400, "InvalidFilterInQueryString"},
	{"a page of no items", "GET", subscription + "/resources?$top=0", "", "", 400, "InvalidTopInQueryString"},
	{"a token that is none", "GET", subscription + "/resources?$skipToken=x", "", "", 400, "InvalidSkipToken"},
	{"a token that is none, of a type's list", "GET", group + "/providers/Contoso.Things/boxes?$skipToken=eyJ9", "", "", 400, "InvalidSkipToken"},
}

func tags(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"t%d": "x"`, i))
	}
	return `{"tags": {` + strings.Join(all, ", ") + `}}`
}

// TestMalformed: whatever is malformed is refused in ARM's form, and nothing of it is kept.
func TestMalformed(t *testing.T) {
	for _, row := range malformed {
		t.Run(row.name, func(t *testing.T) {
			b := fixture(t)
			before := b.State()
			got := send(newServer(b), malformedRequest(t, row.method, row.path, row.contentType, row.body))
			switch {
			case got.Code != row.status:
				t.Fatalf("%d %.300s, want %d", got.Code, got.Body, row.status)
			case row.status < 400:
			case codeOf(t, got) != row.code:
				t.Errorf("%.300s, want %s", got.Body, row.code)
			case b.State() != before:
				t.Error("something was kept")
			case !strings.HasPrefix(got.Header().Get("Content-Type"), "application/json"):
				t.Error(got.Header())
			}
		})
	}
}

func malformedRequest(t *testing.T, method, path, contentType, body string) *http.Request {
	t.Helper()
	path = strings.ReplaceAll(path, " ", "%20")
	if !strings.Contains(path, "api-version") {
		path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "api-version=2023-07-01"
	}
	u, err := url.Parse("https://management.azure.com" + path)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "https://management.azure.com/", strings.NewReader(body))
	r.URL = u
	r.Header.Set("Authorization", "Bearer "+azure.DerivedID("owner"))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// TestMalformedTokens: what is wrong with a bearer token is told in ARM's form, with the challenge by which clients find
// the tenant.
func TestMalformedTokens(t *testing.T) {
	for header, code := range map[string]string{
		"": "AuthenticationFailed", "Bearer": "AuthenticationFailed", "Bearer ": "AuthenticationFailed", "Basic b3duZXI6": "AuthenticationFailed",
		"Bearer x": "InvalidAuthenticationToken", "bearer a.b.c": "InvalidAuthenticationToken", "Bearer expired": "ExpiredAuthenticationToken",
		"Bearer " + strings.Repeat("x", 100_000): "InvalidAuthenticationToken",
	} {
		r := newRequest("anyone", "GET", first, "")
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		got := send(newServer(fixture(t)), r)
		if got.Code != 401 || codeOf(t, got) != code || !strings.HasPrefix(got.Header().Get("WWW-Authenticate"), "Bearer authorization_uri=") {
			t.Errorf("%.40q: %d %.300s", header, got.Code, got.Body)
		}
	}
}
