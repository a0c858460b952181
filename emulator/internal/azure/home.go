package azure

import (
	"fmt"
	"strings"
)

// homes say, by folded namespace, at what its resources stand, or the topmost above them. An ID has the same type wherever it
// stands, and a document is believed by its type: without this, an approved connection to a registry of the same name, or a
// management group above somebody's subscription, could hide below another resource.
var homes = map[string]string{
	"microsoft.app":                     TypeResourceGroup,
	"microsoft.batch":                   TypeResourceGroup,
	"microsoft.compute":                 TypeResourceGroup,
	"microsoft.containerinstance":       TypeResourceGroup,
	"microsoft.containerregistry":       TypeResourceGroup,
	"microsoft.containerservice":        TypeResourceGroup,
	"microsoft.machinelearningservices": TypeResourceGroup,
	"microsoft.managedidentity":         TypeResourceGroup,
	"microsoft.management":              TypeTenant,
	"microsoft.network":                 TypeResourceGroup,
	"microsoft.web":                     TypeResourceGroup,
}

// Home returns the type of what the resources of a namespace, in any case, stand in; false for one whose resources may stand
// anywhere.
func Home(namespace string) (resourceType string, bound bool) {
	resourceType, bound = homes[Fold(namespace)]
	return resourceType, bound
}

// checkHome refuses a document that stands elsewhere than its namespace's do.
func checkHome(id ResourceID) error {
	home, bound := Home(namespaceOf(id.Type()))
	if !bound {
		return nil
	}
	for at, found := id, true; found; {
		above, _ := at.Parent()
		if above.Is(home) && !strings.Contains(above.Key(), "/providers/") {
			return nil
		}
		found = strings.HasPrefix(Fold(at.Type()), Fold(above.Type())+"/") // else at extends another resource
		at = above
	}
	return &Error{Code: CodeInvalid, ID: id, Target: "id", Message: fmt.Sprintf("%s is no place for a resource of type %s", id, id.Type())}
}
