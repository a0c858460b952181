package graph

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // a certificate's thumbprint is its SHA-1; nothing secret hangs on it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// maxCredentials bounds the passwords of an object, and its keys.
const maxCredentials = 50

// defaultLifetime of a secret whose end nobody says, as in Graph.
const defaultLifetime = 2 // years

// passwordsOf returns copies of an object's password credentials. One from a seed file may have no more than its secret:
// it gets an ID that follows from its place, so that it can be removed.
func passwordsOf(o object) []map[string]any {
	items, _ := o.body["passwordCredentials"].([]any)
	found := make([]map[string]any, 0, len(items))
	for i, item := range items {
		given, isObject := item.(map[string]any)
		if !isObject {
			continue
		}
		p := map[string]any{
			"customKeyIdentifier": nil, "displayName": nil, "endDateTime": nil, "hint": nil, "startDateTime": nil,
			"keyId": azure.DerivedID(fmt.Sprintf("%s/password/%d", o.id, i)),
		}
		for name, value := range given {
			if value != nil {
				p[name] = value
			}
		}
		found = append(found, p)
	}
	return found
}

func anyList(objects []map[string]any) []any {
	items := make([]any, 0, len(objects))
	for _, o := range objects {
		items = append(items, o)
	}
	return items
}

// recredential changes the credentials of an application or a service principal.
func (c *call) recredential(change func(w *write) (answer, error)) (answer, error) {
	return c.inTurn(func() (answer, error) {
		o, err := c.object()
		if err != nil {
			return answer{}, err
		}
		if !o.kind.hasCredentials() {
			return answer{}, errSegment.with(c.param("action"))
		}
		w, err := c.rewrite(o)
		if err != nil {
			return answer{}, err
		}
		return change(w)
	})
}

// addPassword makes a secret, and tells it this once.
func addPassword(c *call) (answer, error) {
	body, err := c.read()
	if err != nil {
		return answer{}, err
	}
	given, _ := body["passwordCredential"].(map[string]any)
	return c.recredential(func(w *write) (answer, error) {
		passwords := passwordsOf(*w.old)
		if len(passwords) >= maxCredentials {
			return answer{}, errTooMany.with("passwordCredentials", maxCredentials)
		}
		password, err := c.newPassword(given)
		if err != nil {
			return answer{}, err
		}
		w.body["passwordCredentials"] = anyList(append(passwords, password))
		told := maps.Clone(password)
		told["@odata.context"] = c.base() + "/$metadata#microsoft.graph.passwordCredential"
		return answer{status: http.StatusOK, body: told}, w.apply()
	})
}

func (c *call) newPassword(given map[string]any) (map[string]any, error) {
	name, isText := given["displayName"].(string)
	if given["displayName"] != nil && (!isText || len(name) > maxName) {
		return nil, errValue.with("displayName", "PasswordCredential", "it is a short text")
	}
	start, end, err := c.window(given, defaultLifetime)
	if err != nil {
		return nil, err
	}
	secret := newSecret()
	return map[string]any{
		"customKeyIdentifier": nil, "displayName": given["displayName"], "startDateTime": start, "endDateTime": end,
		"hint": secret[:3], "keyId": uuid.NewString(), "secretText": secret,
	}, nil
}

// newSecret has the look of Entra's secrets: 40 characters, of which the fourth to sixth are 8Q~.
func newSecret() string {
	random := rand.Text() + rand.Text()
	return random[:3] + "8Q~" + random[3:37]
}

// window reads when a credential begins and ends; the default is from now on for some years.
func (c *call) window(given map[string]any, years int) (start, end string, err error) {
	from, until := c.Now().UTC(), time.Time{}
	for name, at := range map[string]*time.Time{"startDateTime": &from, "endDateTime": &until} {
		text, isText := given[name].(string)
		if given[name] == nil {
			continue
		}
		if *at, err = time.Parse(time.RFC3339, text); err != nil || !isText {
			return "", "", errDates.with()
		}
	}
	if until.IsZero() {
		until = from.AddDate(years, 0, 0)
	}
	if !from.Before(until) {
		return "", "", errDates.with()
	}
	return from.UTC().Format(time.RFC3339Nano), until.UTC().Format(time.RFC3339Nano), nil
}

// removePassword takes a secret away.
func removePassword(c *call) (answer, error) {
	body, err := c.read()
	if err != nil {
		return answer{}, err
	}
	keyID := textOf(body, "keyId")
	return c.recredential(func(w *write) (answer, error) {
		passwords := passwordsOf(*w.old)
		kept := slices.DeleteFunc(slices.Clone(passwords), func(p map[string]any) bool { return sameID(textOf(p, "keyId"), keyID) })
		if len(kept) == len(passwords) {
			return answer{}, errNoSecret.with(keyID)
		}
		w.body["passwordCredentials"] = anyList(kept)
		return done, w.apply()
	})
}

// checkCredentials looks at the credentials that a body brings. Passwords are made by actions only; to send none takes all
// away. Keys are certificates.
func (w *write) checkCredentials() error {
	if passwords, _ := w.given["passwordCredentials"].([]any); len(passwords) > 0 {
		return errSecrets.with()
	}
	keys, said := w.given["keyCredentials"].([]any)
	if !said || !w.kind.hasCredentials() {
		return nil
	}
	if len(keys) > maxCredentials {
		return errTooMany.with("keyCredentials", maxCredentials)
	}
	checked := make([]any, 0, len(keys))
	for _, item := range keys {
		given, _ := item.(map[string]any)
		key, err := w.key(given)
		if err != nil {
			return err
		}
		checked = append(checked, key)
	}
	w.body["keyCredentials"] = checked
	return nil
}

// key completes a key credential. One without a certificate is one that the object has already, told by its ID.
func (w *write) key(given map[string]any) (map[string]any, error) {
	encoded, _ := given["key"].(string)
	if given["key"] == nil {
		return w.formerKey(textOf(given, "keyId"))
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return nil, errValue.with("keyCredentials", w.kind.resource, "a key is a certificate in base64")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil || textOf(given, "type") != "AsymmetricX509Cert" || textOf(given, "usage") != "Verify" {
		return nil, errValue.with("keyCredentials", w.kind.resource, "a key is a certificate, of type AsymmetricX509Cert and usage Verify")
	}
	dates := map[string]any{
		"startDateTime": certificate.NotBefore.UTC().Format(time.RFC3339), "endDateTime": certificate.NotAfter.UTC().Format(time.RFC3339),
	}
	for name := range dates {
		if given[name] != nil {
			dates[name] = given[name]
		}
	}
	start, end, err := w.window(dates, 1)
	if err != nil {
		return nil, err
	}
	keyID := textOf(given, "keyId")
	if !azure.IsGUID(keyID) {
		keyID = uuid.NewString()
	}
	sum := sha1.Sum(der) //nolint:gosec // see the import
	return map[string]any{
		"customKeyIdentifier": strings.ToUpper(hex.EncodeToString(sum[:])), "displayName": given["displayName"],
		"startDateTime": start, "endDateTime": end, "key": base64.StdEncoding.EncodeToString(der), "keyId": keyID,
		"type": "AsymmetricX509Cert", "usage": "Verify",
	}, nil
}

func (w *write) formerKey(keyID string) (map[string]any, error) {
	if w.old != nil {
		for _, item := range shownKeys(w.old.body["keyCredentials"], true) {
			if key, _ := item.(map[string]any); keyID != "" && sameID(textOf(key, "keyId"), keyID) {
				return key, nil
			}
		}
	}
	return nil, errValue.with("keyCredentials", w.kind.resource, "a new key has its certificate in 'key'")
}
