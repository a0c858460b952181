package azure

import (
	"errors"
	"strings"
	"testing"
)

const (
	testGroup    = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/rg"
	testRegistry = testGroup + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
)

// TestValidate has a row for each rule, and one for each rule's other side.
func TestValidate(t *testing.T) {
	for _, row := range []struct {
		about, id, body string
		code, target    string // of the error; empty is none
	}{
		{"a short name", testGroup + "/providers/Microsoft.ContainerRegistry/registries/abc", `{}`, CodeInvalidName, "name"},
		{"a name with a dash", testGroup + "/providers/Microsoft.ContainerRegistry/registries/my-registry", `{}`, CodeInvalidName, "name"},
		{"a scope map", testRegistry + "/scopeMaps/m", `{"properties":{"actions":["repositories/team/*/content/read","repositories/*/metadata/read"]}}`, "", ""},
		{"two stars", testRegistry + "/scopeMaps/m", `{"properties":{"actions":["repositories/*/x/*/content/read"]}}`, CodeBadRequest, "properties.actions[0]"},
		{"a star in a name", testRegistry + "/scopeMaps/m", `{"properties":{"actions":["repositories/a/content/read","repositories/a*/content/read"]}}`, CodeBadRequest, "properties.actions[1]"},
		{"an unknown action", testRegistry + "/scopeMaps/m", `{"properties":{"actions":["repositories/a/content/list"]}}`, CodeBadRequest, "properties.actions[0]"},
		{"a token without its scope map", testRegistry + "/tokens/t", `{"properties":{"scopeMapId":"` + testRegistry + `/scopeMaps/none"}}`, CodeNotFound, "properties.scopeMapId"},
		{"a token with none", testRegistry + "/tokens/t", `{"properties":{}}`, CodeInvalid, "properties.scopeMapId"},
		{"an assignment to nobody", testGroup + "/providers/Microsoft.Authorization/roleAssignments/a", `{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/r"}}`, CodeInvalid, "properties.principalId"},
		{"an assignment of nothing", testGroup + "/providers/Microsoft.Authorization/roleAssignments/a", `{"properties":{"principalId":"p"}}`, CodeInvalid, "properties.roleDefinitionId"},
		{"an endpoint in no subnet", testGroup + "/providers/Microsoft.Network/privateEndpoints/e", `{"properties":{"subnet":{"id":"` + testGroup + `/providers/Microsoft.Network/virtualNetworks/v/subnets/s"}}}`, CodeNotFound, "properties.subnet.id"},
		{"an endpoint to no registry", testGroup + "/providers/Microsoft.Network/privateEndpoints/e", `{"properties":{"privateLinkServiceConnections":[{"properties":{"privateLinkServiceId":"` + testRegistry + `"}}]}}`, CodeNotFound, "properties.privateLinkServiceConnections[0].properties.privateLinkServiceId"},
		{"a group as its own parent", "/providers/Microsoft.Management/managementGroups/g", `{"properties":{"details":{"parent":{"id":"/providers/Microsoft.Management/managementGroups/g"}}}}`, CodeInvalid, "properties.details.parent.id"},
		{"a directory object as a resource", testGroup + "/providers/Microsoft.Graph/groups/g", `{}`, CodeInvalid, ""},
		{"a setting as a resource", testGroup + "/providers/Acrlocal/settings/quirks", `{}`, CodeInvalid, ""},
		{"an unknown kind of identity", testGroup + "/providers/Microsoft.Web/sites/shop", `{"identity":{"type":"Everything"}}`, CodeInvalid, "identity.type"},
		{"any other resource", testGroup + "/providers/Contoso.Things/things/t", `{"properties":{"anything":1}}`, "", ""},
	} {
		document, err := ParseDocument([]byte(`{"id":"` + row.id + `",` + strings.TrimPrefix(row.body, "{")))
		if row.body == "{}" {
			document, err = ParseDocument([]byte(`{"id":"` + row.id + `"}`))
		}
		if err != nil {
			t.Fatalf("%s: %v", row.about, err)
		}
		_, err = (*State)(nil).With(Change{Put: []Document{document}})
		var problem *Error
		switch {
		case row.code == "" && err != nil:
			t.Errorf("%s: %v", row.about, err)
		case row.code != "" && (!errors.As(err, &problem) || problem.Code != row.code || problem.Target != row.target):
			t.Errorf("%s: got %#v, want %s at %s", row.about, err, row.code, row.target)
		}
	}
}

// TestLoad keeps documents whose references are gone: they were valid when they were written.
func TestLoad(t *testing.T) {
	document, err := ParseDocument([]byte(`{"id":"` + testRegistry + `/tokens/t","properties":{"scopeMapId":"` + testRegistry + `/scopeMaps/gone"}}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load([]Document{document})
	if err != nil || s.Len() != 1 {
		t.Errorf("got %d documents, %v", s.Len(), err)
	}
}
