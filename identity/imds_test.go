package identity

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newIMDS answers as if every request came from host; a nil host is a place without identities.
func newIMDS(host *Host) *IMDS {
	issuer, _ := newIssuer()
	return &IMDS{Issuer: issuer, Place: func(*http.Request) (Host, bool) {
		if host == nil {
			return Host{}, false
		}
		return *host, true
	}}
}

func imdsRequest(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/metadata/"+target, nil)
	r.Header.Set("Metadata", "true")
	return r
}

const tokenOf = "identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcontainerregistry.azure.net"

var (
	onlySystem = &Host{Resource: worker, System: &workerSystem}
	onlyOne    = &Host{Resource: worker, UserAssigned: []Principal{builderID}}
	onlyTwo    = &Host{Resource: worker, UserAssigned: []Principal{builderID, deployerID}}
	allThree   = &Host{Resource: worker, Location: "westeurope", System: &workerSystem, UserAssigned: []Principal{builderID, deployerID}}
)

// Which identity a host gets a token of.
func TestIMDSChoosesTheIdentity(t *testing.T) {
	for _, row := range []struct {
		name   string
		host   *Host
		choice string
		want   string
	}{
		{"the system-assigned one", onlySystem, "", "oid-worker"},
		{"the system-assigned one before others", allThree, "", "oid-worker"},
		{"the only one", onlyOne, "", "oid-builder"},
		{"by client ID", allThree, "&client_id=app-deployer", "oid-deployer"},
		{"by client ID, other case", onlyTwo, "&client_id=APP-Builder", "oid-builder"},
		{"by client ID, the system-assigned one", allThree, "&client_id=app-worker", "oid-worker"},
		{"by object ID", allThree, "&object_id=oid-builder", "oid-builder"},
		{"by resource ID", allThree, "&msi_res_id=" + url.QueryEscape(deployer), "oid-deployer"},
		{"by resource ID, other name", onlyTwo, "&mi_res_id=" + url.QueryEscape(strings.ToUpper(builder)), "oid-builder"},
		{"an empty choice is none", onlySystem, "&client_id=", "oid-worker"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newIMDS(row.host)
			answer, body := ask(t, m, imdsRequest(tokenOf+row.choice))
			if answer.StatusCode != 200 {
				t.Fatalf("%d %v", answer.StatusCode, body)
			}
			claims, err := m.Issuer.Verifier(ACR).Verify(body["access_token"].(string))
			if err != nil || claims.ObjectID != row.want || claims.Resource() != worker {
				t.Errorf("claims %+v, %v", claims, err)
			}
			delete(body, "access_token")
			want := map[string]any{
				"client_id": claims.AppID, "expires_in": "86400", "ext_expires_in": "86400", "expires_on": "1768564800",
				"not_before": "1768478400", "resource": "https://containerregistry.azure.net", "token_type": "Bearer",
			}
			if diff := cmp.Diff(want, body); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIMDSRefuses(t *testing.T) {
	edited := func(edit func(r *http.Request)) *http.Request {
		r := imdsRequest(tokenOf)
		edit(r)
		return r
	}
	header := func(name, value string) *http.Request {
		return edited(func(r *http.Request) { r.Header.Set(name, value) })
	}
	misplaced := &Host{Resource: jumpbox, System: &workerSystem}
	for _, row := range []struct {
		name string
		host *Host
		r    *http.Request
		want imdsError
	}{
		{"forwarded", allThree, header("X-Forwarded-For", "10.0.0.4"), errForwarded},
		{"forwarded by nobody", allThree, header("X-Forwarded-For", ""), errForwarded},
		{"no Metadata header", allThree, edited(func(r *http.Request) { r.Header.Del("Metadata") }), errNoMetadata},
		{"Metadata: false", allThree, header("Metadata", "false"), errNoMetadata},
		{"POST", allThree, edited(func(r *http.Request) { r.Method = http.MethodPost }), errNoPath},
		{"HEAD", allThree, edited(func(r *http.Request) { r.Method = http.MethodHead }), errNoPath},
		{"another path", allThree, imdsRequest("attested/document?api-version=2018-02-01"), errNoPath},
		{"a slash too many", allThree, imdsRequest("identity/oauth2/token/?api-version=2018-02-01"), errNoPath},
		{"a bad query", allThree, imdsRequest(tokenOf + "&x=%zz"), errQuery},
		{"a variable twice", allThree, imdsRequest(tokenOf + "&client_id=app-worker&client_id=app-builder"), errQuery},
		{"no api-version", allThree, imdsRequest("identity/oauth2/token?resource=" + ACR), errVersion},
		{"an api-version that is no date", allThree, imdsRequest("instance?api-version=latest"), errVersion},
		{"no resource", allThree, imdsRequest("identity/oauth2/token?api-version=2018-02-01"), errNoResource},
		{"two choices", allThree, imdsRequest(tokenOf + "&client_id=app-worker&object_id=oid-worker"), errChoices},
		{"no identity at all", &Host{Resource: worker}, imdsRequest(tokenOf), errNotFound},
		{"a place without IMDS", nil, imdsRequest(tokenOf), errNotFound},
		{"a place without IMDS, instance", nil, imdsRequest("instance?api-version=2021-02-01"), errNotFound},
		{"not assigned here", onlySystem, imdsRequest(tokenOf + "&client_id=app-builder"), errNotFound},
		{"not assigned here, by resource ID", onlyOne, imdsRequest(tokenOf + "&mi_res_id=" + url.QueryEscape(deployer)), errNotFound},
		{"the host's own resource ID", allThree, imdsRequest(tokenOf + "&msi_res_id=" + url.QueryEscape(worker)), errNotFound},
		{"part of a client ID", allThree, imdsRequest(tokenOf + "&client_id=app"), errNotFound},
		{"two and no choice", onlyTwo, imdsRequest(tokenOf), errAmbiguous},
		{"an identity of another host", misplaced, imdsRequest(tokenOf), errIssuing},
		{"an unknown resource", allThree, imdsRequest("identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net"), imdsError{
			"invalid_resource", "AADSTS500011: The resource principal named https://vault.azure.net was not found in the tenant named " + tenant + ".",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer, body := ask(t, newIMDS(row.host), row.r)
			want := map[string]any{"error": row.want.Code, "error_description": row.want.Description}
			if diff := cmp.Diff(want, body); diff != "" || answer.StatusCode != 400 {
				t.Errorf("%d (-want +got):\n%s", answer.StatusCode, diff)
			}
		})
	}
}

func TestIMDSInstance(t *testing.T) {
	_, body := ask(t, newIMDS(allThree), imdsRequest("instance?api-version=2021-02-01"))
	want := map[string]any{"compute": map[string]any{"location": "westeurope", "name": "worker", "resourceId": worker}}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("instance (-want +got):\n%s", diff)
	}
}

// Clients must find the code in the text when they print the error.
func TestIMDSErrorText(t *testing.T) {
	if got := errNotFound.Error(); got != "invalid_request: Identity not found" {
		t.Error(got)
	}
}
