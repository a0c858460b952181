package identity

import (
	"crypto/rand"
	"strings"
	"time"
)

// The times of a device code: how long it is good, how long it is remembered so that a late client learns what happened,
// and how often a client may ask.
const (
	deviceLifetime = 15 * time.Minute
	deviceMemory   = 2 * deviceLifetime
	deviceInterval = 5 * time.Second
)

// deviceFlow is a sign-in that begins on one device and is settled on another (RFC 8628). It lies on the shelf under both
// of its codes: the device's own, and the one that a person types.
type deviceFlow struct {
	client   string
	demand   demand
	expires  time.Time
	next     time.Time // the client may not ask before
	interval time.Duration
	user     string // object ID of who signed in
	declined bool
	other    string // the person's entry: the device's code; the device's entry: empty
}

// deviceAnswer is the answer of RFC 8628 §3.2; az prints the message.
type deviceAnswer struct {
	UserCode        string `json:"user_code"`
	DeviceCode      string `json:"device_code"`
	VerificationURI string `json:"verification_uri"`
	// VerificationURL is what version 1.0 calls it.
	VerificationURL string `json:"verification_url"`
	ExpiresIn       int64  `json:"expires_in"`
	Interval        int64  `json:"interval"`
	Message         string `json:"message"`
}

// device is the device authorization endpoint.
func (p protocol) device(c *call) (any, error) {
	client, err := c.deviceClient()
	if err != nil {
		return nil, err
	}
	wanted, err := p.userDemand(c, "")
	if err != nil {
		return nil, err
	}
	deviceCode, userCode := rand.Text()+rand.Text(), rand.Text()[:9]
	flow := deviceFlow{client: client, demand: wanted, expires: c.now.Add(deviceLifetime), next: c.now, interval: deviceInterval}
	forPerson := flow
	forPerson.other = deviceCode
	until := c.now.Add(deviceMemory)
	if !c.devices.put(deviceCode, flow, c.now, until) || !c.devices.put(userCode, forPerson, c.now, until) {
		return nil, newFault(tooMany)
	}
	page := c.browser() + "/" + p.pageHome(c) + "/oauth2/deviceauth"
	return deviceAnswer{
		UserCode: userCode, DeviceCode: deviceCode, VerificationURI: page, VerificationURL: page,
		ExpiresIn: int64(deviceLifetime.Seconds()), Interval: int64(deviceInterval.Seconds()),
		Message: "To sign in, use a web browser to open the page " + page + " and enter the code " + userCode + " to authenticate.",
	}, nil
}

// pageHome is the segment below which a page is: people need no tenant.
func (p protocol) pageHome(c *call) string {
	if c.tenant == adfsTenant {
		return adfsTenant
	}
	return tenantAliases[0]
}

// deviceClient is the client that begins. It proves itself when it gets the tokens.
func (c *call) deviceClient() (string, error) {
	id, err := c.required("client_id")
	if err != nil {
		return "", err
	}
	return c.knownClient(id)
}

// redeemDevice is the grant of RFC 8628 §3.4.
func (p protocol) redeemDevice(c *call) (grant, error) {
	client, err := c.userClient()
	if err != nil {
		return grant{}, err
	}
	code, err := c.required("device_code")
	if err != nil {
		return grant{}, err
	}
	var flow deviceFlow
	var state error
	known := c.devices.visit(code, c.now, func(f *deviceFlow) (keep bool) {
		flow = *f
		if f.other != "" || !sameText(f.client, client.id) { // a person's code, or another client's
			state = newFault(malformedGrant)
			return true
		}
		state = f.poll(c.now)
		return state != nil && !f.declined
	})
	switch {
	case !known:
		return grant{}, newFault(unknownDeviceCode)
	case state != nil:
		return grant{}, state
	}
	user, err := c.user(ByObjectID, flow.user)
	return grant{bearer: client.acting(user), demand: flow.demand, client: client.id}, err
}

// poll tells how far the sign-in is; nil is all the way.
func (f *deviceFlow) poll(now time.Time) error {
	switch {
	case f.declined:
		return newFault(declined)
	case !now.Before(f.expires):
		return newFault(expiredDeviceCode)
	case f.user != "":
		return nil
	case now.Before(f.next):
		f.interval += deviceInterval
		f.next = now.Add(f.interval)
		return newFault(slowDown)
	}
	f.next = now.Add(f.interval)
	return newFault(pending)
}

// devicePage is the page on which a person enters the code, and who they are.
func (c *call) devicePage() (any, error) {
	page := signInPage{Title: "Enter code", Code: c.r.URL.Query().Get("otc"), AsksCode: true}
	if c.form == nil {
		return page, nil
	}
	page.Code, page.UserName = c.form.Get("code"), c.form.Get("username")
	if err := c.settleDevice(page.Code); err != nil {
		page.Fault = err.Error()
		return page, nil
	}
	if c.form.Get("action") == actionDecline {
		return message{"Declined", "The other device was not signed in. You can close this page."}, nil
	}
	return message{"Signed in", "You are signed in on your other device. You can close this page."}, nil
}

// settleDevice notes what a person decided. A code is good for one decision.
func (c *call) settleDevice(code string) error {
	code = strings.ToUpper(strings.TrimSpace(code))
	device := ""
	c.devices.visit(code, c.now, func(f *deviceFlow) bool { device = f.other; return true })
	if device == "" {
		return newFault(wrongUserCode)
	}
	user := Principal{}
	if c.form.Get("action") != actionDecline {
		var err error
		if user, err = c.signIn(c.form.Get("username"), c.form.Get("password")); err != nil {
			return err
		}
	}
	if !c.decideDevice(device, user.ID) {
		return newFault(wrongUserCode)
	}
	c.devices.visit(code, c.now, func(*deviceFlow) bool { return false })
	return nil
}

// decideDevice settles a flow, once, and while it is good. No user declines it.
func (c *call) decideDevice(device, user string) (decided bool) {
	c.devices.visit(device, c.now, func(f *deviceFlow) bool {
		if decided = f.user == "" && !f.declined && c.now.Before(f.expires); decided {
			f.user, f.declined = user, user == ""
		}
		return true
	})
	return decided
}
