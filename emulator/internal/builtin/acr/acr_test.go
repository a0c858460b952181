package acr

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// now is the time of the exchanges.
var now = time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)

// TestExchanges plays testdata/*.txtar: arguments, what a registry is asked and answers, what is printed. Requests of one
// line may come in any order, each once.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no exchanges", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { play(t, file) })
	}
}

func play(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		sections[f.Name] = string(f.Data)
	}
	home := t.TempDir()
	if config, ok := sections["config.json"]; ok {
		config = strings.ReplaceAll(config, "$LOGIN", base64.StdEncoding.EncodeToString([]byte(refreshTokenUser+":"+token(`{}`))))
		config = strings.ReplaceAll(config, "$SCOPED", base64.StdEncoding.EncodeToString([]byte(refreshTokenUser+":"+token(`{"aad_identity":"x"}`))))
		if err := os.MkdirAll(filepath.Join(home, ".docker"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".docker", "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	registry := newFake(sections["exchanges"])
	var out, problems bytes.Buffer
	s := &session{
		Process: program.Process{
			Args: append([]string{"acr"}, strings.Split(strings.TrimSuffix(sections["args"], "\n"), "\n")...), Dir: home,
			Env: append([]string{"HOME=" + home}, strings.Fields(sections["env"])...), Stdin: strings.NewReader(sections["stdin"]),
			Stdout: &out, Stderr: &problems,
		},
		http: registry, now: func() time.Time { return now },
		after: func(time.Duration) <-chan time.Time { c := make(chan time.Time, 1); c <- now; return c },
	}
	code := run(t.Context(), s)
	got := fmt.Sprintf("%s%sexit %d\n", out.String(), problems.String(), code)
	if diff := cmp.Diff(sections["output"], got); diff != "" {
		t.Error(diff)
	}
	registry.finish(t)
}

// token is an unsigned token with claims.
func token(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + ".c2ln"
}

// fake is a registry that answers as it is told.
type fake struct {
	mu       sync.Mutex
	answers  map[string][]string // by request line
	surprise []string
}

// newFake reads pairs of lines: a request, and after < its answer.
func newFake(exchanges string) *fake {
	f := &fake{answers: map[string][]string{}}
	request := ""
	for line := range strings.Lines(exchanges) {
		line = strings.TrimSpace(line)
		if answer, ok := strings.CutPrefix(line, "< "); ok {
			f.answers[request] = append(f.answers[request], answer)
		} else {
			request = line
		}
	}
	return f
}

// RoundTrip answers a request.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := r.Method + " " + r.URL.RequestURI()
	if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		line += " " + describe(body)
	}
	answers := f.answers[line]
	if len(answers) == 0 {
		f.surprise = append(f.surprise, line)
		return respond("418 {}"), nil
	}
	f.answers[line] = answers[1:]
	return respond(answers[0]), nil
}

// describe shows of a form only its scope, and other bodies in full.
func describe(body []byte) string {
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("scope") {
		return form.Get("grant_type") + " " + form.Get("service") + " " + form.Get("scope")
	}
	return string(body)
}

// respond makes an answer of a status, headers such as Link=…, and a body.
func respond(text string) *http.Response {
	status, rest, _ := strings.Cut(text, " ")
	r := &http.Response{Header: http.Header{}, Request: &http.Request{}}
	_, _ = fmt.Sscan(status, &r.StatusCode)
	for !strings.HasPrefix(rest, "{") && rest != "" {
		var header string
		header, rest, _ = strings.Cut(rest, " ")
		name, value, _ := strings.Cut(header, "=")
		r.Header.Set(name, value)
	}
	rest = strings.ReplaceAll(rest, "$TOKEN", token(fmt.Sprintf(`{"exp":%d}`, now.Add(time.Hour).Unix())))
	r.Body = io.NopCloser(strings.NewReader(rest))
	return r
}

// finish fails the test if something else was asked than expected.
func (f *fake) finish(t *testing.T) {
	t.Helper()
	for _, line := range f.surprise {
		t.Errorf("unexpected: %s", line)
	}
	for line, left := range f.answers {
		if len(left) > 0 {
			t.Errorf("not asked: %s", line)
		}
	}
}
