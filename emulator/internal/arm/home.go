package arm

import (
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// strangers are namespaces of documents that are not ARM's, and of what has no provider in its ID.
var strangers = map[string]bool{"microsoft.graph": true, "acrlocal": true, "microsoft.resources": true}

// atHome reports whether the path's resource, or for a child its topmost parent, stands where its namespace has its
// resources. Lists may be asked for above that too.
func (c *call) atHome() bool {
	scope, namespace, found := cutNamespace(c.path)
	if !found {
		return true // a subscription or resource group, which has no provider in its ID
	}
	home, bound := azure.Home(namespace)
	id, err := azure.ParseResourceID(scope)
	switch {
	case err != nil, strangers[azure.Fold(namespace)]:
		return false
	case !bound, id.Is(home):
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
