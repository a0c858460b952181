package arm

import (
	"net/http"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// kind is a row of the table of resource types: what the engine does differently for one. The zero row, but for its name,
// is a type that is kept as it is written.
type kind struct {
	// name is the type in Azure's spelling.
	name string
	// methods are those that the type has; nil means all.
	methods []string
	// steady types keep what a PATCH says null of, as if it said nothing: no rule falls back to a default that lets more in.
	steady bool
	// located types must say their region, when they are new.
	located bool
	// instant types are written at once also where operations are slow, as Azure writes them.
	instant bool
	// readOnly are the paths of members that only Azure sets; what a client says of them is ignored.
	readOnly []string
	// spell brings what a client sends of a document to Azure's spelling, in place; nil leaves the members of properties as
	// Options.Spell does.
	spell func(azure.ResourceID, map[string]any) error
	// links are what a document of the type refers to by right of its author.
	links []link
	// check looks at a document on its way, may fill it in, and may add to the change.
	check func(*write) error
	// merge brings what PATCH changes of a document to the form in which it is merged, in place; nil merges it as it is.
	merge func(old, changes map[string]any)
	// remove refuses, or adds to, the removal of a document, its own or that of something above it.
	remove func(*removal, *azure.Document) error
	// show brings a document's body, which is a copy, to what a client sees now.
	show func(*call, azure.ResourceID, map[string]any)
	// settle calls done, once, when what a write of the document set going is over; at once, if nothing was. It waits for
	// nothing. Nil is a type of which the document is all.
	settle func(c *call, id azure.ResourceID, done func(error))
	// find and list look for documents elsewhere than in the state.
	find func(*call, azure.ResourceID) (*azure.Document, bool)
	list func(*call, target) ([]*azure.Document, error)
	// fields are what $filter may compare, by folded name.
	fields map[string]fieldOf
	// page is how many documents a page of the type's list has, if not pageSize.
	page int
	// returned says that DELETE answers with what it removed.
	returned bool
	// created and replaced are the statuses of PUT where clients insist on others than 201 and 200.
	created, replaced int
	// serve are handlers by method, which answer instead of the engine, for what is no document of its own.
	serve map[string]handler
	// actions are what POST does, by folded name.
	actions map[string]action
	// anyone reports whether every principal may make a document of that ID, which is not there yet; nil means no.
	anyone func(*call, azure.ResourceID) bool
}

// action is something that POST does with a resource.
type action struct {
	name string // in Azure's spelling
	// changes says that serve makes a change, and must not be run beside another.
	changes bool
	// accepts says that the action may take its time, and that clients can wait for it (az-cli §6.2).
	accepts bool
	serve   func(*call, *azure.Document, map[string]any) (answer, error)
}

var (
	readingOnly  = []string{http.MethodGet, http.MethodHead}
	withoutPatch = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}
)

// kinds is the table of resource types. It is a function since its rows refer to handlers that refer to it.
func kinds() []kind {
	return slices.Concat(
		resourcesKinds(), managementKinds(), authorizationKinds(), identityKinds(), registryKinds(), networkKinds(), placeKinds(),
		instancesKinds(), learningKinds(),
		securityKinds(), deploymentKinds(),
	)
}

// kindOf returns the row of a type in any case; a type without a row has its name only.
func (s *server) kindOf(resourceType string) kind {
	if k, found := s.kinds[azure.Fold(resourceType)]; found {
		return k
	}
	return kind{name: resourceType}
}

// serves reports whether the type has a method.
func (k kind) serves(method string) bool {
	return k.methods == nil || slices.Contains(k.methods, method)
}

// slow reports whether Azure takes its time to write and remove the type.
func (k kind) slow() bool { return k.located && !k.instant }
