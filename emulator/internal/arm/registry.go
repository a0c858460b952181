package arm

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// checkRegistry keeps a registry's name to itself: it is a host name.
func checkRegistry(w *write) error {
	if w.old == nil && w.registryTaken(w.id.Name()) {
		return errRegistryName.with(azure.Fold(w.id.Name()))
	}
	return nil
}

func (c *call) registryTaken(name string) bool {
	return slices.ContainsFunc(c.state.OfType(azure.TypeRegistry), func(d *azure.Document) bool {
		return azure.Fold(d.ID.Name()) == azure.Fold(name)
	})
}

// checkName answers checkNameAvailability.
func checkName(c *call) (answer, error) {
	if err := c.authorizeSubscription("Microsoft.ContainerRegistry/checkNameAvailability/read"); err != nil {
		return answer{}, err
	}
	given, err := c.object()
	if err != nil {
		return answer{}, err
	}
	name := textAt(given, "name")
	switch {
	case !azure.ValidRegistryName(name):
		return ok(map[string]any{
			"nameAvailable": false, "reason": "Invalid",
			"message": "Registry names may contain alpha numeric characters only and must be between 5 and 50 characters",
		}), nil
	case c.registryTaken(name):
		return ok(map[string]any{
			"nameAvailable": false, "reason": "AlreadyExists", "message": "The registry " + name + " is already in use.",
		}), nil
	}
	return ok(map[string]any{"nameAvailable": true}), nil
}

// showRegistry renders what depends on who asks and on other documents.
func showRegistry(c *call, id azure.ResourceID, body map[string]any) {
	setAt(body, "properties.loginServer", c.LoginServer(c.r, azure.Fold(id.Name())))
	if _, found := lookUp(body, "properties.networkRuleSet"); !found { // az-cli §1, surprise 7
		setAt(body, "properties.networkRuleSet", map[string]any{"defaultAction": "Allow", "ipRules": []any{}})
	}
	hosts := []any{}
	if on, _ := lookUp(body, "properties.dataEndpointEnabled"); on == true {
		hosts = append(hosts, azure.Fold(id.Name())+"."+textAt(body, "location")+".data.azurecr.io")
	}
	setAt(body, "properties.dataEndpointHostNames", hosts)
	if _, said := lookUp(body, "properties.networkRuleBypassAllowedForTasks"); !said && c.TasksFlag(c.state, id) {
		setAt(body, "properties.networkRuleBypassAllowedForTasks", false)
	}
}

// removeRegistry keeps a registry that private endpoints lead to (acr-behaviour §7).
func removeRegistry(r *removal, d *azure.Document) error {
	var held []string
	for _, connection := range r.state.Children(d.ID.Key(), azure.TypePrivateEndpointConnection) {
		view, err := azure.ReadPrivateEndpointConnection(*connection)
		if err == nil && view.Status != azure.StatusDisconnected && !r.gone[view.Endpoint.Key()] {
			held = append(held, connection.ID.Name())
		}
	}
	if held != nil {
		return errHasEndpoints.with(d.ID.Name(), strings.Join(held, ", "))
	}
	return nil
}

// checkScopeMap keeps a client from changing the scope maps that every registry has.
func checkScopeMap(w *write) error {
	if w.old != nil && textAt(w.old.Body, "properties.type") == "SystemDefined" {
		return errSystemScopeMap.with(w.id.Name())
	}
	setAt(w.body, "properties.type", "UserDefined")
	if _, found := lookUp(w.body, "properties.creationDate"); !found {
		setAt(w.body, "properties.creationDate", w.Now().UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// removeScopeMap keeps a scope map that a token needs.
func removeScopeMap(r *removal, d *azure.Document) error {
	registry, _ := d.ID.Parent()
	if r.gone[registry.Key()] {
		return nil
	}
	if textAt(d.Body, "properties.type") == "SystemDefined" {
		return errSystemScopeMap.with(d.ID.Name())
	}
	for _, token := range r.state.Children(registry.Key(), azure.TypeToken) {
		view, err := azure.ReadRegistryToken(*token)
		if err == nil && view.ScopeMap.Key() == d.ID.Key() {
			return errScopeMapInUse.with(d.ID.Name(), token.ID.Name())
		}
	}
	return nil
}

// showToken tells the names of a token's passwords and until when they are good, never the passwords.
func showToken(c *call, id azure.ResourceID, body map[string]any) {
	shown := []any{}
	for _, p := range c.passwordsOf(id) {
		entry := map[string]any{"name": p.Name}
		if !p.Expires.IsZero() {
			entry["expiry"] = p.Expires.UTC().Format(time.RFC3339Nano)
		}
		shown = append(shown, entry)
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
	return ok(credentials(d.ID.Name(), c.passwordsOf(d.ID))), nil
}

func checkAdmin(d *azure.Document) error {
	view, err := azure.ReadRegistry(*d)
	if err == nil && !view.AdminUser {
		return errAdminDisabled.with(d.ID)
	}
	return err
}

func credentials(username string, passwords []azure.Password) map[string]any {
	listed := []any{}
	for _, p := range passwords {
		entry := map[string]any{"name": p.Name, "value": p.Value}
		if !p.Expires.IsZero() {
			entry["expiry"] = p.Expires.UTC().Format(time.RFC3339Nano)
		}
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
	return ok(credentials(d.ID.Name(), c.passwordsOf(d.ID))), nil
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
	if !found || above.Key() != registry.ID.Key() || c.kindOf(id.Type()).name != azure.TypeToken {
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
		made = append(made, azure.Password{Name: name, Value: rand.Text() + rand.Text(), Expires: expires})
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

// checkConnection lets a registry's owner approve or reject a connection, and change nothing else of it (az-cli §6). Only
// the other end of it makes one.
func checkConnection(w *write) error {
	if w.old == nil {
		return w.missing(w.id, w.kind)
	}
	given := w.body
	status := textAt(given, "properties.privateLinkServiceConnectionState.status")
	known := []string{azure.StatusApproved, azure.StatusRejected, azure.StatusPending}
	at := slices.IndexFunc(known, func(one string) bool { return azure.Fold(one) == azure.Fold(status) })
	switch {
	case at < 0:
		return errStatus.about("properties.privateLinkServiceConnectionState.status", status)
	case textAt(w.old.Body, "properties.privateLinkServiceConnectionState.status") == azure.StatusDisconnected:
		return errDisconnected.with(w.id.Name())
	}
	w.body = w.old.Clone().Body
	setAt(w.body, "properties.privateLinkServiceConnectionState", map[string]any{
		"status": known[at], "actionsRequired": "None",
		"description": textAt(given, "properties.privateLinkServiceConnectionState.description"),
	})
	return nil
}

// authorizeSubscription asks for a right on the path's subscription.
func (c *call) authorizeSubscription(action string) error {
	id, err := azure.ParseResourceID("/subscriptions/" + c.segment(1))
	if err != nil {
		return refusePath(err)
	}
	if err := c.checkSubscription(id); err != nil {
		return err
	}
	return c.authorize(action, id)
}
