package azure

// maxManagementGroups is how deep management groups may nest; Azure allows six levels below the root.
const maxManagementGroups = 8

// ManagementGroup is the view of a management group.
type ManagementGroup struct {
	ID ResourceID
	// Parent is the group above it (properties.details.parent.id); zero for the tenant's root group.
	Parent ResourceID
}

// ReadManagementGroup reads a document of type TypeManagementGroup.
func ReadManagementGroup(d Document) (ManagementGroup, error) {
	f := fieldsOf(d)
	return ManagementGroup{ID: d.ID, Parent: f.in("properties", "details", "parent").idOf("id")}, f.err()
}

// Subscription is the view of a subscription's place below management groups.
type Subscription struct {
	// ID is /subscriptions/GUID.
	ID ResourceID
	// ManagementGroups are the groups above it, nearest first.
	ManagementGroups []ResourceID
}

// Subscriptions returns the subscriptions that stand below a management group. The place of a subscription is a
// document …/managementGroups/NAME/subscriptions/GUID, as ARM's own PUT to that path makes it. A circle among the groups,
// or too many levels, is an error.
func Subscriptions(s *State) ([]Subscription, error) {
	var found []Subscription
	for _, d := range s.OfType(TypeManagementSubscription) {
		id, err := ParseResourceID("/subscriptions/" + d.ID.Name())
		if err != nil {
			return nil, err
		}
		group, _ := d.ID.Parent()
		groups, err := groupsFrom(s, group)
		if err != nil {
			return nil, err
		}
		found = append(found, Subscription{ID: id, ManagementGroups: groups})
	}
	return found, nil
}

// groupsFrom returns a management group and those above it, nearest first.
func groupsFrom(s *State, at ResourceID) ([]ResourceID, error) {
	var groups []ResourceID
	for !at.IsZero() {
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
	return groups, nil
}
