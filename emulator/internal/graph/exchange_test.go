package graph_test

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
//	BODY
//	=>
//	STATUS
//	BODY
//
// Lines that begin with # are for people. PATH is below /v1.0, unless it says another version. {NAME} is the object ID of
// a principal, {NAMEapp} its application ID. In the body that is expected, members may be left out, "*" is anything that
// is there, null means that there is no such member or that it is null, and "=NAME" is anything that is there, which
// {=NAME} stands for from then on. An answer without a body expected has none, but for errors.
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
			talk := &conversation{handler: newServer(fixture(t)), heard: map[string]string{}}
			for i, entry := range archive.Files {
				t.Run(fmt.Sprintf("%02d", i), func(t *testing.T) { talk.exchange(t, entry) })
			}
		})
	}
}

// conversation is one file being played, with what was heard so far.
type conversation struct {
	handler http.Handler
	heard   map[string]string
}

var remarks = regexp.MustCompile(`(?m)^#.*\n`)

func (c *conversation) exchange(t *testing.T, entry txtar.File) {
	line := strings.SplitN(c.expand(entry.Name), " ", 3)
	asked, wanted, found := strings.Cut(c.expand(remarks.ReplaceAllString(string(entry.Data), "")), "=>\n")
	if len(line) < 3 || !found {
		t.Fatalf("entry %q is not WHO METHOD PATH with a =>", entry.Name)
	}
	got := send(c.handler, newRequest(line[0], line[1], line[2], asked))
	status, body, _ := strings.Cut(wanted, "\n")
	if fmt.Sprint(got.Code) != strings.TrimSpace(status) {
		t.Fatalf("%s\ngot %d %s\nwant %s", entry.Name, got.Code, got.Body, wanted)
	}
	if strings.TrimSpace(body) == "" {
		if got.Body.Len() > 0 && got.Code < 400 {
			t.Errorf("%s: unexpected body %s", entry.Name, got.Body)
		}
		return
	}
	var want, have any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		t.Fatalf("%s: the body that is expected: %v\n%s", entry.Name, err, body)
	}
	if err := json.Unmarshal(got.Body.Bytes(), &have); err != nil {
		t.Fatalf("%s: the body: %v\n%s", entry.Name, err, got.Body)
	}
	if problem := c.differs(want, have, ""); problem != "" {
		t.Errorf("%s: %s\n%s", entry.Name, problem, got.Body)
	}
}

// differs says where have lacks what is wanted; empty if it does not.
func (c *conversation) differs(want, have any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		object, isObject := have.(map[string]any)
		if !isObject {
			return at + " is no object"
		}
		for name, value := range w {
			if problem := c.differs(value, object[name], at+"."+name); problem != "" {
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
			if problem := c.differs(w[i], items[i], fmt.Sprintf("%s[%d]", at, i)); problem != "" {
				return problem
			}
		}
		return ""
	case string:
		if name, hears := strings.CutPrefix(w, "="); hears && have != nil {
			c.heard[name] = fmt.Sprint(have)
			return ""
		}
		if w == "*" && have != nil {
			return ""
		}
	}
	if want == have {
		return ""
	}
	return fmt.Sprintf("%s is %v, want %v", at, have, want)
}

var aliases = regexp.MustCompile(`\{=?[a-zA-Z]+\}`)

// expand replaces what is in braces; JSON never looks like that.
func (c *conversation) expand(text string) string {
	return aliases.ReplaceAllStringFunc(text, func(alias string) string {
		name := strings.Trim(alias, "{}")
		if key, heard := strings.CutPrefix(name, "="); heard {
			return c.heard[key]
		}
		if who, isApp := strings.CutSuffix(name, "app"); isApp {
			return azure.DerivedID("app/" + who)
		}
		return azure.DerivedID(name)
	})
}

func newRequest(who, method, path, content string) *http.Request {
	if !strings.HasPrefix(path, "/beta/") && !strings.HasPrefix(path, "//") {
		path = "/v1.0" + path
	}
	r := httptest.NewRequest(method, "https://graph.microsoft.com"+strings.ReplaceAll(path, " ", "%20"), strings.NewReader(strings.TrimSpace(content)))
	if who != "anyone" {
		r.Header.Set("Authorization", "Bearer "+azure.DerivedID(who))
	}
	return r
}

func send(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}
