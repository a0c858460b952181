package arm

import (
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// datedSince are the namespaces whose resources show systemData, with the first version of their API that does. Every
// document has it, since lists of resources tell when each was made ($expand=createdTime).
var datedSince = map[string]string{
	"microsoft.containerregistry":       "2020-11-01",
	"microsoft.managedidentity":         "2023-01-31",
	"microsoft.machinelearningservices": "2020-09-01",
	"microsoft.app":                     "2022-01-01",
	"microsoft.containerservice":        "2021-11-01",
}

// timestamp is the time in the form in which documents have it.
func (s *server) timestamp() string { return s.Now().UTC().Format(time.RFC3339Nano) }

// stamp writes down who made a document and who changed it last, and when. What a client says of that is ignored.
func (c *call) stamp(body map[string]any, old *azure.Document) {
	now, who, kind := c.timestamp(), c.clientName(), c.principalKind()
	data := map[string]any{"createdBy": who, "createdByType": kind, "createdAt": now}
	if old != nil {
		was, _ := old.Body["systemData"].(map[string]any)
		data = map[string]any{}
		for _, name := range []string{"createdBy", "createdByType", "createdAt"} {
			if value, found := was[name]; found {
				data[name] = value
			}
		}
	}
	data["lastModifiedBy"], data["lastModifiedByType"], data["lastModifiedAt"] = who, kind, now
	body["systemData"] = data
}

// principalKind is what systemData calls the principal's type.
func (c *call) principalKind() string {
	for _, row := range []struct{ collection, kind string }{{"users", "User"}, {"servicePrincipals", "Application"}} {
		if _, found := c.state.Get(azure.GraphID(row.collection, c.principal).Key()); found {
			return row.kind
		}
	}
	return "ManagedIdentity"
}

// hideSystem removes systemData from what a client sees, where the resource's API does not have it.
func (c *call) hideSystem(resourceType string, body map[string]any) {
	namespace, _, _ := strings.Cut(azure.Fold(resourceType), "/")
	if since, shows := datedSince[namespace]; !shows || c.version < since {
		delete(body, "systemData")
	}
}
