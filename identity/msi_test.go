package identity

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newMSI answers as if every request came from host; a nil host is a place without identities.
func newMSI(host *Host) *MSI {
	m := newIMDS(host)
	return &MSI{Issuer: m.Issuer, Place: m.Place}
}

func (m *MSI) header(t testing.TB, resource string) string {
	t.Helper()
	header, err := m.Header(t.Context(), resource)
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// now and formerly are queries of the two versions.
var (
	now      = "/msi/token?api-version=2019-08-01&resource=" + url.QueryEscape(ACR)
	formerly = "/MSI/token/?api-version=2017-09-01&resource=" + url.QueryEscape(ACR)
)

// headers are those by which each version shows the secret.
var headers = map[string]string{now: "X-Identity-Header", formerly: "Secret"}

func (m *MSI) request(t testing.TB, version, more string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://identity.azure.localhost"+version+more, nil)
	r.Header.Set(headers[version], m.header(t, worker))
	return r
}

func plainRequest(form string) *http.Request {
	r := tokenRequest("http://identity.azure.localhost/oauth2/token", form)
	r.Header.Set("Metadata", "true")
	return r
}

func TestMSI(t *testing.T) {
	escaped := url.QueryEscape(strings.ToUpper(deployer))
	for _, row := range []struct {
		name, version, choice, want string
	}{
		{"the system-assigned one", now, "", "oid-worker"},
		{"by client ID", now, "&client_id=app-deployer", "oid-deployer"},
		{"by principal ID", now, "&principal_id=oid-builder", "oid-builder"},
		{"by object ID", now, "&object_id=oid-builder", "oid-builder"},
		{"by resource ID", now, "&mi_res_id=" + escaped, "oid-deployer"},
		{"by resource ID, formerly", now, "&msi_res_id=" + escaped, "oid-deployer"},
		{"the system-assigned one", formerly, "", "oid-worker"},
		{"by client ID, as az", formerly, "&clientid=APP-deployer", "oid-deployer"},
		{"by client ID", formerly, "&client_id=app-deployer", "oid-deployer"},
		{"by object ID", formerly, "&objectid=oid-builder", "oid-builder"},
		{"by resource ID", formerly, "&mi_res_id=" + escaped, "oid-deployer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMSI(allThree)
			answer, body := ask(t, m, m.request(t, row.version, row.choice))
			if answer.StatusCode != 200 {
				t.Fatalf("%d %v", answer.StatusCode, body)
			}
			claims, err := m.Issuer.Verifier(ACR).Verify(body["access_token"].(string))
			if err != nil || claims.ObjectID != row.want || claims.Resource() != worker || body["client_id"] != claims.AppID {
				t.Errorf("claims %+v, %v", claims, err)
			}
			if want := map[string]string{now: "1768564800", formerly: "01/16/2026 12:00:00 +00:00"}[row.version]; body["expires_on"] != want {
				t.Errorf("expires_on is %v", body["expires_on"])
			}
		})
	}
	m := newMSI(allThree)
	_, body := ask(t, m, plainRequest("resource="+url.QueryEscape(ACR)+"&msi_res_id="+escaped))
	if body["expires_on"] != "1768564800" || body["client_id"] != "app-deployer" || body["token_type"] != "Bearer" {
		t.Errorf("%v", body)
	}
}

func TestMSIRefuses(t *testing.T) {
	m := newMSI(allThree)
	headed := func(name, value string) *http.Request {
		r := m.request(t, now, "")
		r.Header.Del(headers[now])
		r.Header.Set(name, value)
		return r
	}
	forwardedTo := m.request(t, now, "")
	forwardedTo.Header.Set("X-Forwarded-For", "10.0.0.4")
	posted := m.request(t, now, "")
	posted.Method = http.MethodPost
	unheaded := plainRequest("resource=" + ACR)
	unheaded.Header.Del("Metadata")
	none, elsewhere, two := newMSI(nil), newMSI(&Host{Resource: jumpbox, System: &workerSystem}), newMSI(onlyTwo)
	nowhere := none.request(t, now, "")
	nowhere.Header.Set(headers[now], none.header(t, ""))
	misplaced := elsewhere.request(t, now, "")
	misplaced.Header.Set(headers[now], elsewhere.header(t, jumpbox))
	for _, row := range []struct {
		name   string
		m      *MSI
		r      *http.Request
		status int
		want   string
	}{
		{"forwarded", m, forwardedTo, 400, errForwarded.Error()},
		{"no header", m, headed("X-Other", ""), 401, errHeader.Message},
		{"an empty header", m, headed("X-Identity-Header", ""), 401, errHeader.Message},
		{"the header of the other version", m, headed("Secret", m.header(t, worker)), 401, errHeader.Message},
		{"the header of another host", m, headed("X-Identity-Header", m.header(t, jumpbox)), 401, errHeader.Message},
		{"part of the header", m, headed("X-Identity-Header", m.header(t, worker)[:20]), 401, errHeader.Message},
		{"a place without identities", none, headed("X-Identity-Header", m.header(t, worker)), 401, errHeader.Message},
		{"a place without identities, with its header", none, nowhere, 400, errMSIIdentity.Message},
		{"POST", m, posted, 400, errNoEndpoint.Message},
		{"another path", m, httptest.NewRequest(http.MethodGet, "/metadata/identity/oauth2/token", nil), 400, errNoEndpoint.Message},
		{"GET of the plain endpoint", m, httptest.NewRequest(http.MethodGet, "/oauth2/token", nil), 400, errNoEndpoint.Message},
		{"no version", m, httptest.NewRequest(http.MethodGet, "/msi/token?resource=x", nil), 400, errMSIVersion.Message},
		{"another version", m, httptest.NewRequest(http.MethodGet, "/msi/token?api-version=2018-02-01", nil), 400, errMSIVersion.Message},
		{"a bad query", m, httptest.NewRequest(http.MethodGet, "/msi/token?x=%zz", nil), 400, errMSIQuery.Message},
		{"a variable twice", m, m.request(t, now, "&client_id=a&client_id=b"), 400, errMSIQuery.Message},
		{"no resource", m, m.request(t, now, "&resource"), 400, errMSIQuery.Message},
		{"two choices", m, m.request(t, now, "&client_id=app-worker&principal_id=oid-worker"), 400, errChoices.Error()},
		{"not assigned here", m, m.request(t, now, "&client_id=app-pipeline"), 400, errMSIIdentity.Message},
		{"two and no choice", two, two.request(t, now, ""), 400, errAmbiguous.Error()},
		{"an identity of another host", elsewhere, misplaced, 400, errIssuing.Error()},
		{"plain without Metadata", m, unheaded, 400, errMSIMetadata.Message},
		{"plain without resource", m, plainRequest(""), 400, errMSIResource.Message},
		{"plain, in the query", m, func() *http.Request { r := plainRequest(""); r.URL.RawQuery = "resource=" + ACR; return r }(), 400, errMSIResource.Message},
		{"plain, no form", m, plainRequest("%zz"), 400, errMSIQuery.Message},
		{"plain, without end", m, plainRequest("x=" + strings.Repeat("x", maxBody)), 400, errMSIQuery.Message},
		{"plain, a place without identities", none, plainRequest("resource=" + ACR), 400, errMSIIdentity.Message},
		{"plain, unknown resource", m, plainRequest("resource=https://vault.azure.net"), 400, "invalid_resource: AADSTS500011: The resource principal named https://vault.azure.net was not found in the tenant named " + tenant + "."},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer, body := ask(t, row.m, row.r)
			if id, _ := body["correlationId"].(string); !guid.MatchString(id) {
				t.Errorf("correlation ID %q", id)
			}
			delete(body, "correlationId")
			if diff := cmp.Diff(map[string]any{"statusCode": float64(row.status), "message": row.want}, body); diff != "" || answer.StatusCode != row.status {
				t.Errorf("%d (-want +got):\n%s", answer.StatusCode, diff)
			}
		})
	}
	if got := errHeader.Error(); got != errHeader.Message {
		t.Error(got)
	}
}

// FuzzMSI: without the host's own secret, or Metadata: true by POST, there is no token.
func FuzzMSI(f *testing.F) {
	m := newMSI(allThree)
	secret := m.header(f, worker)
	f.Add("GET", now, "x", "", "")
	f.Add("GET", formerly, m.header(f, jumpbox), "", "")
	f.Add("POST", "/oauth2/token", "", "", "resource="+ACR)
	f.Fuzz(func(t *testing.T, method, target, header, metadata, form string) {
		path, query, _ := strings.Cut(target, "?")
		r := tokenRequest("http://identity.azure.localhost/", form)
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		r.Header.Set("X-Identity-Header", header)
		r.Header.Set("Secret", header)
		r.Header.Set("Metadata", metadata)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		proven := header == secret || strings.EqualFold(metadata, "true") && method == http.MethodPost
		if w.Code == 200 && !proven || w.Code != 200 && w.Code != 400 && w.Code != 401 {
			t.Fatalf("%s %s %q: %d", method, target, header, w.Code)
		}
	})
}
