package azure

import (
	"maps"
	"slices"
	"time"
)

// registryDefaults are what ACR shows of a registry for which nothing else was said (acr-behaviour §1.1).
var registryDefaults = map[string]any{
	"adminUserEnabled": false, "anonymousPullEnabled": false, "dataEndpointEnabled": false,
	"publicNetworkAccess": "Enabled", "networkRuleBypassOptions": "AzureServices", "zoneRedundancy": "Disabled",
	"roleAssignmentMode": "LegacyRegistryPermissions",
	"encryption":         map[string]any{"status": "disabled"},
	"policies": map[string]any{
		"quarantinePolicy":                 map[string]any{"status": "disabled"},
		"trustPolicy":                      map[string]any{"type": "Notary", "status": "disabled"},
		"retentionPolicy":                  map[string]any{"days": float64(7), "status": "disabled"},
		"exportPolicy":                     map[string]any{"status": "enabled"},
		"azureADAuthenticationAsArmPolicy": map[string]any{"status": "enabled"},
		"softDeletePolicy":                 map[string]any{"retentionDays": float64(7), "status": "disabled"},
	},
}

// premiumDefaults are added where the SKU has network rules.
var premiumDefaults = map[string]any{
	"networkRuleSet": map[string]any{"defaultAction": "Allow", "ipRules": []any{}},
}

func (w *completion) registry(d *Document) error {
	if f := fieldsOf(*d); f.in("properties").err() != nil {
		return f.err() // which the defaults would cover up
	}
	sku := object(d.Body, "sku")
	setDefault(sku, "name", SKUStandard)
	setDefault(sku, "tier", sku["name"])
	d.Body["properties"] = MergePatch(registryDefaults, properties(d))
	if sku["name"] == SKUPremium {
		d.Body["properties"] = MergePatch(premiumDefaults, properties(d))
	}
	p := properties(d)
	p["loginServer"] = LoginServer(d.ID.Name())
	setDefault(p, "creationDate", w.by.Now().UTC().Format(time.RFC3339Nano))
	delete(p, "privateEndpointConnections") // these are documents of their own
	w.systemScopeMaps(d.ID)
	w.passwords(CredentialsID(d.ID), "password", "password2")
	return nil
}

// LoginServer returns the host name of the registry of that name, which is also the audience of its tokens.
func LoginServer(registryName string) string { return Fold(registryName) + ".azurecr.io" }

// systemScopeMaps are on every registry (acr-behaviour §4.3).
var systemScopeMaps = map[string][]string{
	"_repositories_pull":                {"content/read"},
	"_repositories_push":                {"content/read", "content/write"},
	"_repositories_pull_metadata_read":  {"content/read", "metadata/read"},
	"_repositories_push_metadata_write": {"content/read", "content/write", "metadata/read", "metadata/write"},
	"_repositories_admin":               {"content/read", "content/write", "content/delete", "metadata/read", "metadata/write"},
}

func (w *completion) systemScopeMaps(registry ResourceID) {
	for _, name := range slices.Sorted(maps.Keys(systemScopeMaps)) {
		id := joinID([]string{registry.written[1:], "scopeMaps", name})
		if _, ok := w.get(id.Key()); ok {
			continue
		}
		actions := make([]any, 0, len(systemScopeMaps[name]))
		for _, right := range systemScopeMaps[name] {
			actions = append(actions, "repositories/*/"+right)
		}
		w.put(Document{ID: id, Body: map[string]any{"properties": map[string]any{
			"type": "SystemDefined", "actions": actions, "description": "",
			"creationDate": w.by.Now().UTC().Format(time.RFC3339Nano),
		}}})
	}
}

// passwords makes the passwords beside a new registry.
func (w *completion) passwords(id ResourceID, names ...string) {
	if _, ok := w.get(id.Key()); ok {
		return
	}
	c := Credentials{ID: id}
	for _, name := range names {
		c.Passwords = append(c.Passwords, Password{Name: name, Value: w.by.NewPassword()})
	}
	w.put(c.Document())
}

// token keeps a token's passwords out of the document that everybody may read. ACR shows when each was made and until when
// it is good, never its value. A client gets passwords by generateCredentials only.
func (w *completion) token(d *Document) error {
	p := properties(d)
	setDefault(p, "status", "enabled")
	setDefault(p, "creationDate", w.by.Now().UTC().Format(time.RFC3339Nano))
	credentials := object(p, "credentials")
	if before, ok := w.old.Get(d.ID.Key()); ok && !w.by.Operator {
		shown := object(properties(&Document{Body: cloneObject(before.Body)}), "credentials")
		maps.Copy(credentials, shown)
	}
	setDefault(credentials, "certificates", []any{})
	setDefault(credentials, "passwords", []any{})
	return w.hidePasswords(d, credentials)
}

func (w *completion) hidePasswords(d *Document, credentials map[string]any) error {
	f := fields{path: "properties.credentials", object: credentials, first: new(error), id: d.ID}
	hidden := Credentials{ID: CredentialsID(d.ID)}
	for _, p := range f.list("passwords") {
		if value := p.text("value"); value != "" && w.by.Operator {
			hidden.Passwords = append(hidden.Passwords, Password{Name: p.text("name"), Value: value, Expires: p.time("expiry")})
		}
		delete(p.object, "value")
	}
	if len(hidden.Passwords) > 0 {
		w.put(hidden.Document())
	}
	return f.err()
}
