package arm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// TestExchanges plays the conversations in testdata. Each file starts from the fixture; each entry is
//
//	-- WHO METHOD PATH --
//	HEADER: VALUE         (of the request, any number)
//	BODY
//	=>
//	STATUS
//	HEADER: VALUE         (of the answer, any number; * is any value)
//	BODY
//
// Lines that begin with # are for people. {s} is the subscription, {g} its resource group, {acr}, {net}, {auth} and {id} are the providers' types in it, {who} the
// object ID of a principal. In the body that is expected, members may be left out, "*" is anything, and null means that
// there is no such member. An answer without a body expected has none, but for errors.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			handler := newServer(fixture(t))
			for i, entry := range archive.Files {
				t.Run(fmt.Sprintf("%02d", i), func(t *testing.T) { exchange(t, handler, entry) })
			}
		})
	}
}

func exchange(t *testing.T, handler http.Handler, entry txtar.File) {
	line := strings.Fields(expand(entry.Name))
	if len(line) < 3 {
		t.Fatalf("entry %q is not WHO METHOD PATH", entry.Name)
	}
	asked, wanted, found := strings.Cut(expand(remarks.ReplaceAllString(string(entry.Data), "")), "=>\n")
	if !found {
		t.Fatalf("entry %q has no =>", entry.Name)
	}
	got := send(handler, newRequest(line[0], line[1], strings.Join(line[2:], " "), asked))
	status, rest, _ := strings.Cut(wanted, "\n")
	if fmt.Sprint(got.Code) != strings.TrimSpace(status) {
		t.Fatalf("%s\ngot %d %s\nwant %s", entry.Name, got.Code, got.Body, wanted)
	}
	headers, body := cutHeaders(rest)
	for name, value := range headers {
		if have := got.Header().Get(name); have != value && (value != "*" || have == "") {
			t.Errorf("%s: header %s is %q, want %q", entry.Name, name, have, value)
		}
	}
	checkBody(t, entry.Name, got, body)
}

func checkBody(t *testing.T, name string, got *httptest.ResponseRecorder, want string) {
	if strings.TrimSpace(want) == "" {
		if got.Body.Len() > 0 && got.Code < 400 {
			t.Errorf("%s: unexpected body %s", name, got.Body)
		}
		return
	}
	var wanted, have any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("%s: the body that is expected: %v\n%s", name, err, want)
	}
	if err := json.Unmarshal(got.Body.Bytes(), &have); err != nil {
		t.Fatalf("%s: the body: %v\n%s", name, err, got.Body)
	}
	if problem := differs(wanted, have, ""); problem != "" {
		t.Errorf("%s: %s\n%s", name, problem, got.Body)
	}
}

// differs says where have lacks what is wanted; empty if it does not.
func differs(want, have any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		object, _ := have.(map[string]any)
		for name, value := range w {
			if object == nil {
				return at + " is no object"
			}
			if problem := differs(value, object[name], at+"."+name); problem != "" {
				return problem
			}
		}
		return ""
	case []any:
		items, _ := have.([]any)
		if len(items) != len(w) {
			return fmt.Sprintf("%s has %d items, want %d", at, len(items), len(w))
		}
		for i := range w {
			if problem := differs(w[i], items[i], fmt.Sprintf("%s[%d]", at, i)); problem != "" {
				return problem
			}
		}
		return ""
	}
	unwanted, isNot := strings.CutPrefix(fmt.Sprint(want), "!") // anything but that
	if (want == "*" || isNot && have != unwanted) && have != nil || want == have {
		return ""
	}
	return fmt.Sprintf("%s is %v, want %v", at, have, want)
}

func newRequest(who, method, path, content string) *http.Request {
	headers, body := cutHeaders(content)
	path = strings.ReplaceAll(path, " ", "%20")
	if !strings.Contains(path, "api-version") {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "api-version=2023-07-01"
	}
	r := httptest.NewRequest(method, "https://management.azure.com"+path, strings.NewReader(strings.TrimSpace(body)))
	if who != "anyone" {
		r.Header.Set("Authorization", "Bearer "+azure.DerivedID(who))
	}
	for name, value := range headers {
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	return r
}

func send(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

var headerLine = regexp.MustCompile(`^([A-Za-z][A-Za-z-]*): (.*)$`)

func cutHeaders(text string) (headers map[string]string, body string) {
	headers = map[string]string{}
	for {
		line, rest, _ := strings.Cut(text, "\n")
		match := headerLine.FindStringSubmatch(line)
		if match == nil {
			return headers, text
		}
		headers[match[1]], text = match[2], rest
	}
}

var remarks = regexp.MustCompile(`(?m)^#.*$`)

var aliases = regexp.MustCompile(`\{[a-z]+\}`)

// expand replaces what is in braces; JSON never looks like that.
func expand(text string) string {
	return aliases.ReplaceAllStringFunc(text, func(alias string) string {
		switch name := strings.Trim(alias, "{}"); name {
		case "s":
			return subscription
		case "victim":
			return victim
		case "g":
			return group
		case "acr":
			return group + "/providers/Microsoft.ContainerRegistry/registries"
		case "net":
			return group + "/providers/Microsoft.Network"
		case "mi":
			return group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
		case "aci":
			return group + "/providers/Microsoft.ContainerInstance/containerGroups"
		case "ml":
			return group + "/providers/Microsoft.MachineLearningServices/workspaces"
		case "hexpetwo": // the name that the connection of pe2 gets
			endpoint := group + "/providers/Microsoft.Network/privateEndpoints/pe2"
			return strings.ReplaceAll(azure.DerivedID(endpoint+expand("{acr}/first")), "-", "")
		case "hexdoor": // likewise, at somebody else's registry
			endpoint := group + "/providers/Microsoft.Network/privateEndpoints/door"
			theirs := subscription + "/resourceGroups/other/providers/Microsoft.ContainerRegistry/registries/theirs"
			return strings.ReplaceAll(azure.DerivedID(azure.Fold(endpoint+theirs)), "-", "")
		case "hexbuilder":
			return azure.DerivedID(expand("{mi}/builder"))
		case "assign":
			return "providers/Microsoft.Authorization/roleAssignments"
		case "roles":
			return "providers/Microsoft.Authorization/roleDefinitions"
		default:
			if who, isApp := strings.CutSuffix(name, "app"); isApp {
				return azure.DerivedID("app/" + who)
			}
			if who, isAssignment := strings.CutSuffix(name, "assignment"); isAssignment {
				return azure.DerivedID(who + "/role")
			}
			return azure.DerivedID(name)
		}
	})
}
