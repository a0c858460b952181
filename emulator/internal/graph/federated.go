package graph

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// federatedMembers are those of a federated identity credential that a client says.
var federatedMembers = []string{"name", "issuer", "subject", "audiences", "description"}

const federated = "federatedIdentityCredentials"

// trusts returns copies of the federated identity credentials of an application.
func trusts(o object) []map[string]any {
	items, _ := o.body[federated].([]any)
	found := make([]map[string]any, 0, len(items))
	for _, item := range items {
		given, isObject := item.(map[string]any)
		if !isObject {
			continue
		}
		credential := azure.Document{Body: given}.Clone().Body
		if textOf(credential, "id") == "" { // as in a seed file
			credential["id"] = azure.DerivedID(o.id + "/federated/" + textOf(given, "name"))
		}
		credential["description"] = given["description"] // null if there is none
		found = append(found, credential)
	}
	return found
}

// trusting finds the application that the path names.
func (c *call) trusting() (object, error) {
	o, err := c.object()
	if err == nil && o.kind.name != "application" {
		err = errSegment.with(federated)
	}
	return o, err
}

// indexOf finds a credential by its ID or its name.
func indexOf(credentials []map[string]any, key string) int {
	return slices.IndexFunc(credentials, func(one map[string]any) bool {
		return sameID(textOf(one, "id"), key) || sameID(textOf(one, "name"), key)
	})
}

func listFederated(c *call) (answer, error) {
	o, err := c.trusting()
	if err != nil {
		return answer{}, err
	}
	var holds fits = func(func(string) any) bool { return true }
	if text := c.query("$filter"); text != "" {
		if holds, err = parseFilter(text, knownFederated); err != nil {
			return answer{}, err
		}
	}
	items := []any{}
	for _, credential := range trusts(o) {
		if holds(func(path string) any { return below(credential, path) }) {
			items = append(items, credential)
		}
	}
	return c.values("applications('"+o.id+"')/"+federated, items), nil
}

func knownFederated(name string) error {
	if name == "id" || slices.Contains(federatedMembers, name) {
		return nil
	}
	return errName.with(name, "federatedIdentityCredential")
}

func getFederated(c *call) (answer, error) {
	o, err := c.trusting()
	if err != nil {
		return answer{}, err
	}
	found := trusts(o)
	at := indexOf(found, c.param("credential"))
	if at < 0 {
		return answer{}, errMissing.with(c.param("credential"))
	}
	return c.federatedAnswer(http.StatusOK, o, found[at]), nil
}

func (c *call) federatedAnswer(status int, o object, credential map[string]any) answer {
	credential["@odata.context"] = c.base() + "/$metadata#applications('" + o.id + "')/" + federated + "/$entity"
	return answer{status: status, body: credential}
}

// retrust changes the federated identity credentials of an application.
func (c *call) retrust(change func(w *write, found []map[string]any) (answer, error)) (answer, error) {
	return c.inTurn(func() (answer, error) {
		o, err := c.trusting()
		if err != nil {
			return answer{}, err
		}
		w, err := c.rewrite(o)
		if err != nil {
			return answer{}, err
		}
		return change(w, trusts(o))
	})
}

func addFederated(c *call) (answer, error) {
	given, err := c.read()
	if err != nil {
		return answer{}, err
	}
	return c.retrust(func(w *write, found []map[string]any) (answer, error) {
		if len(found) >= azure.MaxFederatedCredentials {
			return answer{}, errTooMany.with(federated, azure.MaxFederatedCredentials)
		}
		credential := map[string]any{"id": uuid.NewString(), "description": nil}
		if err := w.trust(append(found, credential), len(found), given); err != nil {
			return answer{}, err
		}
		return c.federatedAnswer(http.StatusCreated, *w.old, azure.Document{Body: credential}.Clone().Body), w.apply()
	})
}

func updateFederated(c *call) (answer, error) {
	given, err := c.read()
	if err != nil {
		return answer{}, err
	}
	return c.retrust(func(w *write, found []map[string]any) (answer, error) {
		at := indexOf(found, c.param("credential"))
		if at < 0 {
			return answer{}, errMissing.with(c.param("credential"))
		}
		if name := textOf(given, "name"); name != "" && name != textOf(found[at], "name") {
			return answer{}, errReadOnly.with("name")
		}
		if err := w.trust(found, at, given); err != nil {
			return answer{}, err
		}
		return done, w.apply()
	})
}

func removeFederated(c *call) (answer, error) {
	return c.retrust(func(w *write, found []map[string]any) (answer, error) {
		at := indexOf(found, c.param("credential"))
		if at < 0 {
			return answer{}, errMissing.with(c.param("credential"))
		}
		w.body[federated] = anyList(slices.Delete(found, at, at+1))
		return done, w.apply()
	})
}

// trust brings what the client says into one of the credentials, and checks it next to the others.
func (w *write) trust(all []map[string]any, at int, given map[string]any) error {
	for name, value := range given {
		if knownFederated(name) == nil && name != "id" {
			all[at][name] = value
		}
	}
	document := azure.Document{ID: w.kind.id(w.id), Body: map[string]any{federated: anyList(all)}}
	read, err := azure.ReadFederatedCredentials(document)
	if err != nil {
		return err
	}
	if member, problem := read[at].Problem(); problem != "" {
		return errFederated.with(member, problem)
	}
	for i, other := range read {
		switch {
		case i == at:
		case sameID(other.Name, read[at].Name):
			return errFedTaken.with("name " + other.Name)
		case other.Issuer == read[at].Issuer && other.Subject == read[at].Subject:
			return errFedTaken.with("issuer " + other.Issuer + " and subject " + other.Subject)
		}
	}
	w.body[federated] = anyList(all)
	return nil
}
