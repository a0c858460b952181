package graph

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// listCollection lists the objects of a kind.
func listCollection(c *call) (answer, error) {
	k, err := c.collection()
	if err != nil {
		return answer{}, err
	}
	return c.list(listing{objects: c.directory.all(k), kinds: []*kind{k}, context: k.collection})
}

// countCollection tells how many objects of a kind fit the filter.
func countCollection(c *call) (answer, error) {
	k, err := c.collection()
	if err != nil {
		return answer{}, err
	}
	found, err := c.narrow(listing{objects: c.directory.all(k), kinds: []*kind{k}})
	return answer{status: http.StatusOK, plain: strconv.Itoa(len(found))}, err
}

// getObject shows one object.
func getObject(c *call) (answer, error) {
	o, err := c.object()
	if err != nil {
		return answer{}, err
	}
	if err := c.checkQuery(); err != nil {
		return answer{}, err
	}
	selected, err := c.selected([]*kind{o.kind})
	if err != nil {
		return answer{}, err
	}
	return c.shown(http.StatusOK, o, selected)
}

// shown is the answer that shows one object.
func (c *call) shown(status int, o object, selected []string) (answer, error) {
	body := c.directory.show(o, selected)
	context := o.kind.collection
	if c.param("collection") == anyObject {
		body, context = c.directory.showAmong(o, selected), "directoryObjects"
	}
	body["@odata.context"] = c.base() + "/$metadata#" + context + "/$entity"
	return answer{status: status, body: body}, c.expand(o, body)
}

// maxIDs is how many objects can be asked for at once.
const maxIDs = 1000

// getByIDs shows the objects with the IDs that the body lists, of the types that it lists. What is not there is left out.
func getByIDs(c *call) (answer, error) {
	body, err := c.read()
	if err != nil {
		return answer{}, err
	}
	ids, err := textsIn(body, "ids", maxIDs)
	if err != nil {
		return answer{}, err
	}
	types, err := textsIn(body, "types", len(c.kinds)+1)
	if err != nil {
		return answer{}, err
	}
	wanted := map[string]bool{"directoryobject": len(types) == 0}
	for _, name := range types {
		wanted[azure.Fold(name)] = true
	}
	items := []any{}
	for _, o := range c.directory.resolve(unique(ids)) {
		if wanted["directoryobject"] || wanted[azure.Fold(o.kind.name)] {
			items = append(items, c.directory.showAmong(o, nil))
		}
	}
	return c.values("directoryObjects", items), nil
}

// values is the answer that shows a list which has no pages.
func (c *call) values(context string, items []any) answer {
	return answer{status: http.StatusOK, body: map[string]any{"@odata.context": c.base() + "/$metadata#" + context, "value": items}}
}

// textsIn reads a list of strings in a body; a missing one is empty.
func textsIn(body map[string]any, name string, limit int) ([]string, error) {
	items, isList := body[name].([]any)
	if body[name] != nil && !isList {
		return nil, errBody.with("'" + name + "' is not a list")
	}
	if len(items) > limit {
		return nil, errTooMany.with(name, limit)
	}
	found := make([]string, 0, len(items))
	for _, item := range items {
		text, isText := item.(string)
		if !isText {
			return nil, errBody.with("'" + name + "' is not a list of strings")
		}
		found = append(found, text)
	}
	return found, nil
}

// unique leaves out what comes again.
func unique(ids []string) []string {
	seen := map[string]bool{}
	var found []string
	for _, id := range ids {
		if !seen[azure.Fold(id)] {
			seen[azure.Fold(id)] = true
			found = append(found, id)
		}
	}
	return found
}

// listOrganizations shows the one tenant there is.
func listOrganizations(c *call) (answer, error) {
	return c.values("organization", []any{map[string]any{
		"id": azure.DevelopmentTenant, "displayName": "acrlocal", "tenantType": "AAD", "countryLetterCode": "US",
		"verifiedDomains": []any{map[string]any{
			"name": azure.DevelopmentDomain, "isDefault": true, "isInitial": true, "type": "Managed", "capabilities": "Email",
		}},
	}}), nil
}

// listDomains shows the tenant's one domain.
func listDomains(c *call) (answer, error) {
	return c.values("domains", []any{map[string]any{
		"id": azure.DevelopmentDomain, "authenticationType": "Managed", "isAdminManaged": true, "isDefault": true, "isInitial": true,
		"isRoot": true, "isVerified": true, "supportedServices": []any{},
	}}), nil
}

// listNothing is for collections that are always empty here.
func listNothing(c *call) (answer, error) { return c.values(lastSegment(c.r.URL.Path), []any{}), nil }

// noDeleted answers for deleted objects, which are gone at once here: there is none of any type, and none of any ID.
func noDeleted(c *call) (answer, error) {
	name := c.param("deleted")
	if _, isType := strings.CutPrefix(name, "microsoft.graph."); isType && c.param("type") == "" && c.r.Method == http.MethodGet {
		return listNothing(c)
	}
	return answer{}, errMissing.with(name)
}
