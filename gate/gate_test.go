package gate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/gate"
)

// frontPolicy is what the tests of the middleware are judged by.
const frontPolicy = `
registry myregistry public ip=203.0.113.7 bypass current
principal ann kind=User
principal narrow kind=User
assign ann role=AcrPush at=myregistry
registry modern public default-allow abac
assign narrow role=Container_Registry_Repository_Writer at=modern if ` + nameAttribute + ` StringStartsWithIgnoreCase 'team/'`

// front is a gate before a registry that says what reached it.
type front struct {
	*gate.Gate
	reached *http.Request
	seen    []gate.Record
}

// newFront reads credentials from a header, as nothing but a test may.
func newFront(t *testing.T, change func(*gate.Options)) *front {
	t.Helper()
	p, err := parsePolicy(frontPolicy)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	now := time.Unix(1_000_000_000, 0)
	o := gate.Options{
		Authenticate: func(r *http.Request, _ string) gate.Credential {
			if who := r.Header.Get("Test-Principal"); who != "" {
				return credentialOf(p, who)
			}
			return gate.Credential{}
		},
		Observe: func(_ *http.Request, record gate.Record) { f.seen = append(f.seen, record) },
		Now:     func() time.Time { now = now.Add(time.Millisecond); return now },
	}
	if change != nil {
		change(&o)
	}
	f.Gate = gate.New(o)
	f.Swap(newBench(t, "front", p).snapshot)
	return f
}

// do sends a request from an address, as a principal.
func (f *front) do(r *http.Request, peer, who string) *http.Response {
	f.reached = nil
	r.RemoteAddr = peer + ":4000"
	if who != "" {
		r.Header.Set("Test-Principal", who)
	}
	w := httptest.NewRecorder()
	f.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f.reached = r })).ServeHTTP(w, r)
	return w.Result()
}

func get(target string) *http.Request {
	return httptest.NewRequest("GET", "http://MyRegistry.azurecr.io:5080"+target, nil)
}

func TestMiddleware(t *testing.T) {
	f := newFront(t, nil)
	answer := f.do(get("/v2/team/app/manifests/v1"), "203.0.113.7", "ann")
	if answer.StatusCode != 200 || f.reached == nil {
		t.Fatalf("refused: %v", answer)
	}
	record, ok := gate.FromContext(f.reached.Context())
	if !ok || record.Decision.Reason() != gate.RoleGrants || record.Request.Registry != "myregistry" {
		t.Errorf("the handler finds %+v, %t", record, ok)
	}
	if record.ID != "d1" || record.Took != time.Millisecond || record.Time.IsZero() {
		t.Errorf("record %+v", record)
	}
	if got := answer.Header.Get("X-Acrlocal-Decision"); got != "d1; allow; authorization; role" {
		t.Errorf("decision header %q", got)
	}
	if _, ok := gate.FromContext(get("/").Context()); ok {
		t.Error("a request that no gate let in has a record")
	}
	if len(f.seen) != 1 || !reflect.DeepEqual(f.seen[0], record) {
		t.Errorf("the observer saw %+v", f.seen)
	}
}

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestMiddlewareRefuses(t *testing.T) {
	f := newFront(t, nil)
	answer := f.do(get("/oauth2/token"), "203.0.113.8", "ann")
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	id := answer.Header.Get("X-Ms-Correlation-Request-Id")
	want := `{"errors":[{"code":"DENIED","message":"client with IP \u0027203.0.113.8\u0027 is not allowed access. ` +
		`Refer https://aka.ms/acr/firewall to grant access. CorrelationId: ` + id + `"}]}`
	if f.reached != nil || answer.StatusCode != 403 || string(body) != want || !guid.MatchString(id) {
		t.Errorf("got %d %s, reached %v", answer.StatusCode, body, f.reached)
	}
	if got := answer.Header.Get("X-Acrlocal-Decision"); got != "d1; deny; network; ip-not-allowed" {
		t.Errorf("decision header %q", got)
	}
	if got := answer.Header.Get("X-Acrlocal-Why"); got != "203.0.113.8 is in none of myregistry's IP rules, and its default action is Deny" {
		t.Errorf("why header %q", got)
	}
	if len(f.seen) != 1 || f.seen[0].CorrelationID != id {
		t.Errorf("the observer saw %+v", f.seen)
	}
	answer = f.do(get("/v2/team/app/manifests/v1"), "203.0.113.7", "")
	if got, want := answer.Header.Get("Www-Authenticate"), `Basic realm="myregistry.azurecr.io"`; got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
}

// TestMiddlewareOptions are the ways to read a request that are not the default.
func TestMiddlewareOptions(t *testing.T) {
	f := newFront(t, func(o *gate.Options) {
		o.PlainAnswers = true
		o.Registry = func(*http.Request) string { return "MYREGISTRY" }
		o.Source = func(*http.Request) gate.Source { return gate.Source{Peer: netip.MustParseAddr("203.0.113.7")} }
		o.Answer = func(_ *http.Request, r gate.Registry) gate.Answer {
			return gate.Answer{Realm: "http://localhost:5080/oauth2/token", Service: r.LoginServer}
		}
	})
	if answer := f.do(get("/v2/a/manifests/v1"), "192.0.2.1", "ann"); answer.StatusCode != 200 || len(answer.Header) != 0 {
		t.Errorf("got %v", answer)
	}
	answer := f.do(get("/v2/"), "192.0.2.1", "")
	if got, want := answer.Header.Get("Www-Authenticate"), `Bearer realm="http://localhost:5080/oauth2/token",service="myregistry.azurecr.io"`; got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
	for name := range answer.Header {
		if strings.HasPrefix(name, "X-Acrlocal") {
			t.Errorf("a plain answer has %s", name)
		}
	}
}

// TestGateWithoutSnapshot refuses everything, and needs no observer or clock.
func TestGateWithoutSnapshot(t *testing.T) {
	g := gate.New(gate.Options{Authenticate: func(*http.Request, string) gate.Credential { return gate.Credential{} }})
	if g.Snapshot() != nil {
		t.Error("a new gate has a snapshot")
	}
	w := httptest.NewRecorder()
	g.Middleware(http.NotFoundHandler()).ServeHTTP(w, get("/v2/"))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "NAME_UNKNOWN") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if got := w.Header().Get("X-Acrlocal-Decision"); got != "d1; deny; network; registry-unknown" {
		t.Errorf("decision header %q", got)
	}
}

// TestWhyHeader keeps what a rule's name holds from breaking the header, or from being the most of it.
func TestWhyHeader(t *testing.T) {
	for detail, want := range map[string]string{
		"é\r\nX-Evil: 1\x7f":      "????X-Evil: 1?",
		strings.Repeat("x", 9000): strings.Repeat("x", 1024-len("the credential cannot be read: ")),
	} {
		f := newFront(t, func(o *gate.Options) {
			o.Authenticate = func(*http.Request, string) gate.Credential {
				return gate.Credential{Failure: gate.CredentialMalformed, Detail: detail}
			}
		})
		answer := f.do(get("/v2/"), "203.0.113.7", "")
		if got, want := answer.Header.Get("X-Acrlocal-Why"), "the credential cannot be read: "+want; got != want {
			t.Errorf("why header %q, want %q", got, want)
		}
	}
}

// TestMount lets a blob be mounted only from a repository that the caller may pull, whatever the request looks like
// to a registry that reads forms as net/http does.
func TestMount(t *testing.T) {
	f := newFront(t, nil)
	const form = "application/x-www-form-urlencoded"
	for _, row := range []struct{ query, contentType, body, mount string }{
		{"mount=" + digest + "&from=team/base", "", "", "team/base"},
		{"mount=" + digest + "&from=secret/base", "", "", ""},
		{"mount=" + digest + "&from=teamwork/base", "", "", ""},
		{"mount=" + digest + "&from=team/base&from=secret/base", "", "", ""},
		{"mount=" + digest + "&from=secret/base&from=team/base", "", "", ""},
		{"mount=" + digest + "&from=../secret", "", "", ""},
		{"mount=" + digest + "&from=", "", "", ""},
		{"", form, "mount=" + digest + "&from=secret/base", ""},
		{"mount=" + digest + "&from=team/base", form, "mount=" + digest + "&from=secret/base", "team/base"},
		{"mount=" + digest + "&from=team/base", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "from=secret/base", "team/base"},
		{"", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\nsecret/base\r\n--x--", ""},
		{"from=secret/base", "", "", ""},
	} {
		r := httptest.NewRequest("POST", "http://modern.azurecr.io/v2/team/app/blobs/uploads/?"+row.query, strings.NewReader(row.body))
		if row.contentType != "" {
			r.Header.Set("Content-Type", row.contentType)
		}
		if answer := f.do(r, "192.0.2.1", "narrow"); f.reached == nil {
			t.Fatalf("%s: refused with %d", row.query, answer.StatusCode)
		}
		if got := f.reached.FormValue("from"); got != row.mount {
			t.Errorf("query %q, body %q: the registry would mount from %q, want %q", row.query, row.body, got, row.mount)
		}
		if got := f.reached.FormValue("mount"); (got != "") != (row.mount != "") {
			t.Errorf("query %q, body %q: the registry would mount %q", row.query, row.body, got)
		}
	}
	r := httptest.NewRequest("POST", "http://modern.azurecr.io/v2/team/app/blobs/uploads/?digest="+url.QueryEscape(digest), nil)
	f.do(r, "192.0.2.1", "narrow")
	if got := f.reached.FormValue("digest"); got != digest {
		t.Errorf("the digest of an upload became %q", got)
	}
}

func TestFirstLabel(t *testing.T) {
	for host, want := range map[string]string{
		"myregistry.azurecr.io": "myregistry", "MyRegistry.AzureCR.io:443": "myregistry", "myregistry.azurecr.io.": "myregistry",
		"a-1.b": "a-1", "localhost": "", "localhost:5080": "", "": "", ".azurecr.io": "", "myregistry.": "",
		"127.0.0.1": "", "127.0.0.1:5080": "", "[::1]:5080": "", "my_registry.azurecr.io": "", "my/registry.azurecr.io": "",
		":5080": "", "myregistry.:5080": "", "é.azurecr.io": "",
	} {
		if got := gate.FirstLabel(host); got != want {
			t.Errorf("FirstLabel(%q) = %q, want %q", host, got, want)
		}
	}
}
