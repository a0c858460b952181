package arm

import (
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// homes say below what the resources of a namespace stand. An ID has the same type wherever it stands, and the domain
// believes a document by its type: without this, whoever may write in some resource group could place another's
// subscription below a management group of their own.
var homes = map[string]string{
	"microsoft.containerregistry":       azure.TypeResourceGroup,
	"microsoft.network":                 azure.TypeResourceGroup,
	"microsoft.managedidentity":         azure.TypeResourceGroup,
	"microsoft.containerinstance":       azure.TypeResourceGroup,
	"microsoft.compute":                 azure.TypeResourceGroup,
	"microsoft.web":                     azure.TypeResourceGroup,
	"microsoft.app":                     azure.TypeResourceGroup,
	"microsoft.containerservice":        azure.TypeResourceGroup,
	"microsoft.machinelearningservices": azure.TypeResourceGroup,
	"microsoft.management":              azure.TypeTenant,
}

// strangers are namespaces of documents that are not ARM's, and of what has no provider in its ID.
var strangers = map[string]bool{"microsoft.graph": true, "acrlocal": true, "microsoft.resources": true}

// atHome reports whether the path's resource, or for a child its topmost parent, stands where its namespace has its
// resources. Lists may be asked for above that too.
func (c *call) atHome() bool {
	scope, namespace, found := cutNamespace(c.path)
	if !found {
		return true // a subscription or resource group, which has no provider in its ID
	}
	home, bound := homes[azure.Fold(namespace)]
	id, err := azure.ParseResourceID(scope)
	switch {
	case err != nil, strangers[azure.Fold(namespace)]:
		return false
	case !bound, id.Type() == home:
		return true
	}
	_, _, extends := cutNamespace(scope)
	return c.r.Method == http.MethodGet && !extends
}

// cutNamespace splits a path at its last provider. It goes by pairs of a key and a name, since "providers" can be a name
// too.
func cutNamespace(path string) (scope, namespace string, found bool) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := (len(segments) - 2) &^ 1; i >= 0; i -= 2 {
		if azure.Fold(segments[i]) == "providers" {
			return "/" + strings.Join(segments[:i], "/"), segments[i+1], true
		}
	}
	return "", "", false
}
