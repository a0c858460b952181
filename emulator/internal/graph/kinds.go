package graph

import "github.com/acrlocal/acrlocal/emulator/internal/azure"

// kind is a row of the table of kinds of objects: what one has, and what happens when it is written.
type kind struct {
	// collection is the segment of the path, in Graph's spelling; name the type after microsoft.graph.; resource the word
	// for it in messages.
	collection, name, resource string
	// properties are what an object has, by name.
	properties map[string]property
	// basic are the properties that are shown when no $select says which; nil shows all.
	basic []string
	// relations are what other objects one refers to, by name, with the kinds that these may be of.
	relations map[string][]string
	// check looks at an object on its way, may fill it in, and may add to the change.
	check func(*write) error
	// removed adds to the change that removes an object.
	removed func(*call, object, *azure.Change)
}

// people are the kinds of who can own something.
var people = []string{"user", "servicePrincipal"}

// kinds is the table. It is a function since its rows refer to handlers that refer to it.
func kinds() []*kind {
	return []*kind{
		{
			collection: "users", name: "user", resource: "User", properties: propertiesOf(userProperties()),
			basic: basicOfUser, check: checkUser,
		},
		{
			collection: "groups", name: "group", resource: "Group", properties: propertiesOf(groupProperties()),
			relations: map[string][]string{"members": append([]string{"group"}, people...), "owners": people},
		},
		{
			collection: "applications", name: "application", resource: "Application", properties: propertiesOf(applicationProperties()),
			relations: map[string][]string{"owners": people}, check: checkApplication, removed: removeServicePrincipals,
		},
		{
			collection: "servicePrincipals", name: "servicePrincipal", resource: "ServicePrincipal",
			properties: propertiesOf(servicePrincipalProperties()), relations: map[string][]string{"owners": people},
			check: checkServicePrincipal,
		},
	}
}

// id is the ID of the document of an object.
func (k *kind) id(objectID string) azure.ResourceID { return azure.GraphID(k.collection, objectID) }

// has reports whether objects of the kind have a property.
func (k *kind) has(name string) bool {
	if name == "id" || name == "@odata.type" {
		return true
	}
	p, found := k.properties[name]
	return found && p.access != unseen
}

// hasCredentials reports whether objects of the kind have passwords and keys.
func (k *kind) hasCredentials() bool {
	_, found := k.properties["keyCredentials"]
	return found
}
