package arm

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// eventsMember is where a webhook's document keeps the events that were sent, or were to be; no GET shows it.
const eventsMember = "events"

// keptEvents is how many events of a webhook are kept.
const keptEvents = 20

// webhookSecrets are write-only: the address may hold a key, and the headers a password (getCallbackConfig tells them to
// those who have that right).
var webhookSecrets = []string{"properties.serviceUri", "properties.customHeaders", eventsMember}

func showWebhook(_ *call, _ azure.ResourceID, body map[string]any) {
	for _, path := range webhookSecrets {
		removeAt(body, path)
	}
}

// getCallbackConfig tells where a webhook sends, and with which headers.
func getCallbackConfig(_ *call, d *azure.Document, _ map[string]any) (answer, error) {
	body := d.Clone().Body
	headers, found := lookUp(body, "properties.customHeaders")
	if !found {
		headers = map[string]any{}
	}
	return ok(map[string]any{"serviceUri": textAt(body, "properties.serviceUri"), "customHeaders": headers}), nil
}

// pingWebhook makes an event for a webhook. It is listed, and not sent: this emulator calls nobody. The event says so.
func pingWebhook(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	changed := d.Clone()
	id := uuid.NewString()
	event := map[string]any{
		"id": id,
		"eventRequestMessage": map[string]any{
			"content": map[string]any{"id": id, "timestamp": c.timestamp(), "action": "ping"},
			"method":  "POST", "version": "1.1", "headers": map[string]any{"Content-Type": "application/json; charset=utf-8"},
			"requestUri": textAt(changed.Body, "properties.serviceUri"),
		},
		"eventResponseMessage": map[string]any{
			"content": "", "statusCode": "0", "reasonPhrase": "Not sent: this emulator keeps events and does not deliver them", "headers": map[string]any{},
		},
	}
	events, _ := changed.Body[eventsMember].([]any)
	events = append([]any{event}, events...)
	changed.Body[eventsMember] = events[:min(len(events), keptEvents)]
	if err := c.commit(azure.Change{Put: []azure.Document{changed}}); err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"id": id}), nil
}

// webhookEvents tells the last events of a webhook, the newest first.
func webhookEvents(_ *call, d *azure.Document, _ map[string]any) (answer, error) {
	events, _ := d.Clone().Body[eventsMember].([]any)
	return list(events), nil
}

// deactivate takes a connected registry out of service.
func deactivate(c *call, d *azure.Document, _ map[string]any) (answer, error) {
	changed := d.Clone()
	setAt(changed.Body, "properties.activation", map[string]any{"status": "Inactive"})
	setAt(changed.Body, "properties.connectionState", "Offline")
	return answer{status: 200}, c.commit(azure.Change{Put: []azure.Document{changed}})
}

// checkCacheRule keeps what a rule caches: only its credentials may change.
func checkCacheRule(w *write) error {
	return w.keepFixed("properties.sourceRepository", "properties.targetRepository")
}

// removeCredentialSet keeps one that a cache rule uses.
func removeCredentialSet(r *removal, d *azure.Document) error {
	registry, _ := d.ID.Parent()
	if r.gone[registry.Key()] {
		return nil
	}
	for _, rule := range r.state.Children(registry.Key(), azure.TypeCacheRule) {
		used, err := azure.ParseResourceID(textAt(rule.Body, "properties.credentialSetResourceId"))
		if err == nil && used.Key() == d.ID.Key() {
			return errCredentialSet.with(d.ID.Name(), rule.ID.Name())
		}
	}
	return nil
}

// checkScopeMap keeps a client from changing the scope maps that every registry has.
func checkScopeMap(w *write) error {
	if w.old != nil && textAt(w.old.Body, "properties.type") == azure.SystemDefined {
		return errSystemScopeMap.with(w.id.Name())
	}
	if w.old == nil && strings.HasPrefix(w.id.Name(), "_") {
		return errChildName.about("name", w.id.Name(), w.kind.name, "names that do not begin with _, which are the system's")
	}
	setAt(w.body, "properties.type", azure.UserDefined)
	return nil
}

// removeScopeMap keeps a scope map that a token needs.
func removeScopeMap(r *removal, d *azure.Document) error {
	registry, _ := d.ID.Parent()
	if r.gone[registry.Key()] {
		return nil
	}
	if textAt(d.Body, "properties.type") == azure.SystemDefined {
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
