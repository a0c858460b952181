package azure

// maxManagementGroups is how deep management groups may nest; Azure allows six levels below the root.
const maxManagementGroups = 8

// ManagementGroup is the view of a management group.
type ManagementGroup struct {
	ID ResourceID
	// Parent is the group above it (properties.details.parent.id); zero means the tenant's root group.
	Parent ResourceID
}

// ReadManagementGroup reads a document of type TypeManagementGroup.
func ReadManagementGroup(d Document) (ManagementGroup, error) {
	f := fieldsOf(d)
	return ManagementGroup{ID: d.ID, Parent: f.in("properties", "details", "parent").idOf("id")}, f.err()
}

// RootManagementGroup is the group above all others, which every tenant has and no document is needed for.
var RootManagementGroup = MustParseResourceID("/providers/" + TypeManagementGroup + "/" + DevelopmentTenant)

// Placement is where a subscription or a management group stands.
type Placement struct {
	// ID is /subscriptions/GUID, or that of a management group.
	ID ResourceID
	// ManagementGroups are the groups above it, nearest first, RootManagementGroup last.
	ManagementGroups []ResourceID
}

// Placements returns where every subscription and every management group stands. The place of a subscription is a
// document …/managementGroups/NAME/subscriptions/GUID, as ARM's own PUT to that path makes it; one without a place stands
// below the root group. A circle among the groups, or too many levels, is an error.
func Placements(s *State) ([]Placement, error) {
	below := map[string]ResourceID{}
	found := []Placement{{ID: RootManagementGroup}}
	for _, d := range s.OfType(TypeManagementSubscription) {
		id, err := ParseResourceID("/subscriptions/" + d.ID.Name())
		if err != nil {
			return nil, err
		}
		below[id.Key()], _ = d.ID.Parent()
		if _, exists := s.Get(id.Key()); !exists {
			found = append(found, Placement{ID: id})
		}
	}
	for _, d := range s.OfType(TypeSubscription) {
		found = append(found, Placement{ID: d.ID})
	}
	for _, d := range s.OfType(TypeManagementGroup) {
		if d.ID.Key() != RootManagementGroup.Key() {
			found = append(found, Placement{ID: d.ID})
			below[d.ID.Key()] = view(s, d.ID, ReadManagementGroup).Parent
		}
	}
	return found, place(s, found[1:], below)
}

// GroupsAbove returns the management groups above a subscription or a management group, as its Placement has them. It costs
// less than to place all.
func GroupsAbove(s *State, id ResourceID) ([]ResourceID, error) {
	if id.Key() == RootManagementGroup.Key() {
		return nil, nil
	}
	if id.Is(TypeManagementGroup) {
		return groupsFrom(s, view(s, id, ReadManagementGroup).Parent)
	}
	var above ResourceID
	for _, d := range s.OfType(TypeManagementSubscription) {
		if Fold(d.ID.Name()) == Fold(id.Name()) {
			above, _ = d.ID.Parent()
		}
	}
	return groupsFrom(s, above)
}

// place fills in the groups above each of the placements, of which below has the nearest.
func place(s *State, found []Placement, below map[string]ResourceID) error {
	for i := range found {
		groups, err := groupsFrom(s, below[found[i].ID.Key()])
		if err != nil {
			return err
		}
		found[i].ManagementGroups = groups
	}
	return nil
}

// groupsFrom returns a management group and those above it, nearest first. The root group is above all.
func groupsFrom(s *State, at ResourceID) ([]ResourceID, error) {
	var groups []ResourceID
	for !at.IsZero() && at.Key() != RootManagementGroup.Key() {
		if len(groups) == maxManagementGroups {
			return nil, &Error{
				Code: CodeInvalid, ID: groups[0], Target: "properties.details.parent.id",
				Message: "management groups nest too deep, or in a circle",
			}
		}
		groups = append(groups, at)
		d, ok := s.Get(at.Key())
		if !ok {
			break
		}
		group, err := ReadManagementGroup(*d)
		if err != nil {
			return nil, err
		}
		at = group.Parent
	}
	return append(groups, RootManagementGroup), nil
}
