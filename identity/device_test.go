package identity

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// begin begins a sign-in on a device.
func (e tenancy) begin(t testing.TB) map[string]any {
	t.Helper()
	return e.mustPost(t, "/organizations/oauth2/v2.0/devicecode", url.Values{"client_id": {AzureCLI}, "scope": {acrScope}})
}

// poll is what the device asks.
func poll(begun map[string]any) url.Values {
	return url.Values{"grant_type": {deviceGrant}, "client_id": {AzureCLI}, "device_code": {begun["device_code"].(string)}}
}

// page sends a form to a page, or asks for it, and returns the answer.
func (e tenancy) page(t testing.TB, target string, sent url.Values) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if sent != nil {
		r = tokenRequest(target, sent.Encode())
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Result(), string(body)
}

const devicePath = "/common/oauth2/deviceauth"

// byPerson is what a person enters.
func byPerson(begun map[string]any) url.Values {
	return url.Values{"code": {" " + strings.ToLower(begun["user_code"].(string))}, "username": {"ada@contoso.example"}, "password": {"pässword"}, "action": {"sign-in"}}
}

func TestDeviceCode(t *testing.T) {
	e := newTenancy()
	begun := e.begin(t)
	if uri := begun["verification_uri"]; uri != "http://example.com/common/oauth2/deviceauth" || begun["expires_in"] != 900.0 || begun["interval"] != 5.0 ||
		!strings.Contains(begun["message"].(string), begun["user_code"].(string)) {
		t.Errorf("%v", begun)
	}
	e.refused(t, v2, poll(begun), pending)
	answer, body := e.page(t, devicePath+"?otc="+begun["user_code"].(string), nil)
	if answer.StatusCode != 200 || !strings.Contains(body, `value="`+begun["user_code"].(string)+`"`) {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	if _, body = e.page(t, devicePath, byPerson(begun)); !strings.Contains(body, "Signed in") {
		t.Errorf("page says %s", body)
	}
	tokens := e.mustPost(t, v2, poll(begun))
	if claims := e.claimsOf(t, tokens); claims.ObjectID != "oid-ada" || claims.AppID != AzureCLI {
		t.Errorf("claims %+v", claims)
	}
	e.checkIDToken(t, tokens["id_token"].(string), AzureCLI, "")
	e.mustPost(t, v2, byRefresh(tokens))
	e.refused(t, v2, poll(begun), unknownDeviceCode) // once
	if _, body = e.page(t, devicePath, byPerson(begun)); !strings.Contains(body, "AADSTS70018") {
		t.Errorf("a code is good twice: %s", body)
	}
}

// Other endpoints, clients and places for people.
func TestDeviceEndpoints(t *testing.T) {
	e := newTenancy()
	e.Browser = func(*http.Request) string { return "http://localhost:5080" }
	at := e.mustPost(t, "/adfs/oauth2/devicecode", url.Values{"client_id": {"APP-phone"}, "resource": {ACR}})
	if at["verification_url"] != "http://localhost:5080/adfs/oauth2/deviceauth" {
		t.Errorf("%v", at)
	}
	e.page(t, "/adfs/oauth2/deviceauth", byPerson(at))
	e.mustPost(t, "/adfs/oauth2/token", form(poll(at), "client_id", "app-phone"))
	at = e.mustPost(t, "/common/oauth2/devicecode", url.Values{"client_id": {"app-deploy"}, "resource": {ACR}})
	e.page(t, devicePath, byPerson(at))
	e.refused(t, v1, form(poll(at), "grant_type", "device_code", "client_id", "app-phone"), malformedGrant)
	e.refused(t, v1, form(poll(at), "client_id", "app-deploy"), missingSecret)
	e.mustPost(t, v1, form(poll(at), "grant_type", "device_code", "client_id", "app-deploy", "client_secret", "good"))
}

func TestDeviceRefusals(t *testing.T) {
	e := newTenancy()
	e.refused(t, "/common/oauth2/v2.0/devicecode", url.Values{}, missingParameter)
	e.refused(t, "/common/oauth2/v2.0/devicecode", url.Values{"client_id": {"app-nobody"}}, unknownClient)
	e.refused(t, "/common/oauth2/v2.0/devicecode", url.Values{"client_id": {"app-worker"}}, unknownClient)
	e.refused(t, "/common/oauth2/v2.0/devicecode", url.Values{"client_id": {AzureCLI}, "scope": {"a/b c/d"}}, badScope)
	begun := e.begin(t)
	e.refused(t, v2, form(poll(begun), "device_code", ""), missingParameter)
	e.refused(t, v2, form(poll(begun), "client_id", ""), missingParameter)
	e.refused(t, v2, form(poll(begun), "device_code", "guess"), unknownDeviceCode)
	e.refused(t, v2, form(poll(begun), "device_code", begun["user_code"].(string)), malformedGrant)
	e.refused(t, v2, form(poll(begun), "client_id", "app-phone"), malformedGrant)
	person := byPerson(begun)
	for name, sent := range map[string]url.Values{
		"AADSTS70018": form(person, "code", "GUESS"),
		"70018: Inv":  form(person, "code", begun["device_code"].(string)), // the device's own code is no person's
		"AADSTS50126": form(person, "password", "guess"),
		"AADSTS50034": form(person, "username", "eve@contoso.example"),
		"AADSTS50057": form(person, "username", "bob@contoso.example", "password", "bob's"),
	} {
		if _, body := e.page(t, devicePath, sent); !strings.Contains(body, name) {
			t.Errorf("%s: page says %s", name, body)
		}
	}
	e.refused(t, v2, poll(begun), pending)
	e.people.change("oid-ada", func(p *Principal) { p.Kind = FirstParty })
	if _, body := e.page(t, devicePath, person); !strings.Contains(body, "AADSTS50034") {
		t.Errorf("a first-party service signs in: %s", body)
	}
	e.people.change("oid-ada", func(p *Principal) { p.Kind = User })
	e.page(t, devicePath, person)
	e.people.change("oid-ada", func(p *Principal) { p.Disabled = true })
	e.refused(t, v2, poll(begun), disabledUser)
}

// A client that polls too often waits longer; one that comes late learns that it is late.
func TestDeviceTimes(t *testing.T) {
	e := newTenancy()
	begun := e.begin(t)
	e.refused(t, v2, poll(begun), pending)
	e.refused(t, v2, poll(begun), slowDown)
	e.at.advance(2*deviceInterval - time.Second)
	e.refused(t, v2, poll(begun), slowDown)
	e.at.advance(3 * deviceInterval)
	e.refused(t, v2, poll(begun), pending)
	e.at.advance(deviceLifetime)
	e.refused(t, v2, poll(begun), expiredDeviceCode)
	if _, body := e.page(t, devicePath, byPerson(begun)); !strings.Contains(body, "AADSTS70018") {
		t.Errorf("a code that is over is taken: %s", body)
	}
	e.at.advance(deviceMemory)
	e.refused(t, v2, poll(begun), unknownDeviceCode)

	begun = e.begin(t) // and one that was allowed, but not fetched
	e.page(t, devicePath, byPerson(begun))
	e.at.advance(deviceLifetime)
	e.refused(t, v2, poll(begun), expiredDeviceCode)
}

func TestDeclinedDevice(t *testing.T) {
	e := newTenancy()
	begun := e.begin(t)
	if _, body := e.page(t, devicePath, form(byPerson(begun), "action", actionDecline, "password", "")); !strings.Contains(body, "Declined") {
		t.Errorf("page says %s", body)
	}
	if _, body := e.page(t, devicePath, byPerson(begun)); !strings.Contains(body, "AADSTS70018") {
		t.Errorf("a declined code is taken: %s", body)
	}
	e.refused(t, v2, poll(begun), declined)
	e.refused(t, v2, poll(begun), unknownDeviceCode)
}

// Two people enter the same code at once: the first decides.
func TestDeviceIsDecidedOnce(t *testing.T) {
	e := newTenancy()
	begun := e.begin(t)
	c := &call{Endpoint: e.Endpoint, now: noon}
	device := begun["device_code"].(string)
	if !c.decideDevice(device, "oid-ada") || c.decideDevice(device, "oid-bob") || c.decideDevice(device, "") {
		t.Error("decided twice")
	}
	if _, body := e.page(t, devicePath, byPerson(begun)); !strings.Contains(body, "AADSTS70018") {
		t.Errorf("page says %s", body)
	}
	if claims := e.claimsOf(t, e.mustPost(t, v2, poll(begun))); claims.ObjectID != "oid-ada" {
		t.Errorf("claims %+v", claims)
	}
}

// No more sign-ins may be under way than memory is set aside for; when they are over there is room again.
func TestShelvesAreBounded(t *testing.T) {
	e := newTenancy()
	for i := range maxShelved {
		e.devices.put(strconv.Itoa(i), deviceFlow{}, noon, noon.Add(deviceMemory))
		e.codes.put(strconv.Itoa(i), codeFlow{}, noon, noon.Add(deviceMemory))
	}
	asked := url.Values{"client_id": {AzureCLI}}
	e.refused(t, "/common/oauth2/v2.0/devicecode", asked, tooMany)
	if _, body := e.page(t, v2Authorize, byPerson(map[string]any{"user_code": ""})); !strings.Contains(body, "AADSTS90055") {
		t.Errorf("page says %s", body)
	}
	e.at.advance(deviceMemory)
	e.mustPost(t, "/common/oauth2/v2.0/devicecode", asked)
	if len(e.devices.entries) != 2 {
		t.Errorf("%d entries are kept", len(e.devices.entries))
	}
}
