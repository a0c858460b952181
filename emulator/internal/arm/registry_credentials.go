package arm

import (
	"cmp"
	"crypto/rand"
	"slices"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// checkToken takes passwords away: a list of them that leaves one out takes that one away, as az does it (az acr token
// credential delete). A client neither chooses a password nor lists one that is not there.
func checkToken(w *write) error {
	listed, given := lookUp(w.body, "properties.credentials.passwords")
	removeAt(w.body, "properties.credentials.passwords")
	if _, isList := listed.([]any); !given || !isList || w.old == nil {
		return nil
	}
	stays := map[string]bool{}
	for _, one := range objectsAt(map[string]any{"passwords": listed}, "passwords") {
		stays[textAt(one, "name")] = true
	}
	had := w.passwordsOf(w.id)
	kept := slices.DeleteFunc(slices.Clone(had), func(p azure.Password) bool { return !stays[p.Name] })
	if len(kept) < len(had) {
		hidden := azure.Credentials{ID: azure.CredentialsID(w.id), Passwords: kept}
		w.change.Put = append(w.change.Put, hidden.Document())
	}
	return nil
}

// showToken tells the names of a token's passwords and until when they are good, never the passwords.
func showToken(c *call, id azure.ResourceID, body map[string]any) {
	shown := []any{}
	for _, p := range c.passwordsOf(id) {
		shown = append(shown, p.Shown())
	}
	setAt(body, "properties.credentials.passwords", shown)
}

func (c *call) passwordsOf(id azure.ResourceID) []azure.Password {
	d, found := c.state.Get(azure.CredentialsID(id).Key())
	if !found {
		return nil
	}
	view, err := azure.ReadCredentials(*d)
	if err != nil {
		return nil
	}
	return view.Passwords
}

// listCredentials tells the admin user's passwords.
func listCredentials(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	if err := checkAdmin(d); err != nil {
		return answer{}, err
	}
	return ok(adminCredentials(d.ID.Name(), c.passwordsOf(d.ID))), nil
}

func checkAdmin(d *azure.Document) error {
	view, err := azure.ReadRegistry(*d)
	if err == nil && !view.AdminUser {
		return errAdminDisabled.with(d.ID)
	}
	return err
}

// adminCredentials are the admin user's, which do not end, and of which Azure does not tell when they were made.
func adminCredentials(username string, passwords []azure.Password) map[string]any {
	timeless := make([]azure.Password, 0, len(passwords))
	for _, p := range passwords {
		timeless = append(timeless, azure.Password{Name: p.Name, Value: p.Value})
	}
	return credentials(username, timeless)
}

func credentials(username string, passwords []azure.Password) map[string]any {
	listed := []any{}
	for _, p := range passwords {
		entry := p.Shown()
		entry["value"] = p.Value
		listed = append(listed, entry)
	}
	return map[string]any{"username": username, "passwords": listed}
}

// regenerateCredential makes a new one of the admin user's two passwords; the old one is worth nothing at once.
func regenerateCredential(c *call, d *azure.Document, given map[string]any) (answer, error) {
	if err := checkAdmin(d); err != nil {
		return answer{}, err
	}
	name := textAt(given, "name")
	if name != "password" && name != "password2" {
		return answer{}, errPasswordName.about("name", name, "password, password2")
	}
	if _, err := c.renew(d.ID, []string{name}, time.Time{}); err != nil {
		return answer{}, err
	}
	return ok(adminCredentials(d.ID.Name(), c.passwordsOf(d.ID))), nil
}

// generateCredentials makes passwords of a repository-scoped token, and tells them this once (az-cli §6, token create).
func generateCredentials(c *call, d *azure.Document, given map[string]any) (answer, error) {
	token, err := c.tokenOf(d, textAt(given, "tokenId"))
	if err != nil {
		return answer{}, err
	}
	names := []string{"password1", "password2"}
	if name := textAt(given, "name"); name != "" {
		if !slices.Contains(names, name) {
			return answer{}, errPasswordName.about("name", name, "password1, password2")
		}
		names = []string{name}
	}
	expires, err := c.expiry(textAt(given, "expiry"))
	if err != nil {
		return answer{}, err
	}
	made, err := c.renew(token.ID, names, expires)
	if err != nil {
		return answer{}, err
	}
	return ok(credentials(token.ID.Name(), made)), nil
}

// tokenOf finds a token of this registry, and of no other.
func (c *call) tokenOf(registry *azure.Document, text string) (*azure.Document, error) {
	id, err := azure.ParseResourceID(text)
	if err != nil {
		return nil, errLinkMissing.about("tokenId", text, "tokenId")
	}
	above, _ := id.Parent()
	d, found := c.state.Get(id.Key())
	if !found || above.Key() != registry.ID.Key() || !id.Is(azure.TypeToken) {
		return nil, errLinkMissing.about("tokenId", text, "tokenId")
	}
	return d, nil
}

func (c *call) expiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !t.After(c.Now()) {
		return time.Time{}, errContent.about("expiry", "'expiry' is not a time in the future such as 2030-01-31T12:00:00Z")
	}
	return t, nil
}

// renew replaces passwords by new ones, which it returns.
func (c *call) renew(of azure.ResourceID, names []string, expires time.Time) ([]azure.Password, error) {
	kept := slices.DeleteFunc(slices.Clone(c.passwordsOf(of)), func(p azure.Password) bool { return slices.Contains(names, p.Name) })
	var made []azure.Password
	for _, name := range names {
		made = append(made, azure.Password{Name: name, Value: rand.Text() + rand.Text(), Expires: expires, Created: c.Now()})
	}
	all := slices.Concat(kept, made)
	slices.SortFunc(all, func(a, b azure.Password) int { return cmp.Compare(a.Name, b.Name) })
	hidden := azure.Credentials{ID: azure.CredentialsID(of), Passwords: all}
	if err := c.commit(azure.Change{Put: []azure.Document{hidden.Document()}}); err != nil {
		return nil, err
	}
	c.state = c.Backend.State()
	return made, nil
}
