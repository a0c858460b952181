package arm

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// managementKinds are those of Microsoft.Management. Whoever is in the tenant may make a management group below the root
// group, and owns it, as in Azure.
func managementKinds() []kind {
	return []kind{
		{
			name: azure.TypeManagementGroup, links: []link{parentGroupLink}, check: checkManagementGroup, remove: removeManagementGroup,
			find: findManagementGroup, list: listManagementGroups, show: showManagementGroup, created: http.StatusOK, anyone: unclaimed,
			serve: map[string]handler{
				http.MethodPut: putManagementGroup, http.MethodPatch: patchManagementGroup, http.MethodDelete: deleteManagementGroup,
			},
		},
		{
			name: azure.TypeManagementSubscription, methods: withoutPatch, check: checkManagedSubscription, created: http.StatusOK,
			find: findManagedSubscription, list: listManagedSubscriptions, show: showManagedSubscription,
			serve: map[string]handler{http.MethodPut: putManagedSubscription},
		},
		{name: azure.TypeManagementGroup + "/descendants", methods: readingOnly, list: listDescendants},
	}
}

// managementRoutes are the actions of Microsoft.Management that are of no group.
func managementRoutes() []route {
	return []route{
		{"POST", "/providers/microsoft.management/getentities", getEntities},
		{"POST", "/providers/microsoft.management/checknameavailability", checkGroupName},
	}
}

const (
	parentPath  = "properties.details.parent.id"
	writeGroups = azure.TypeManagementGroup + "/write"
	// moving is the right that moving something below a management group takes, since it brings the roles that are
	// assigned to the group.
	moving = "Microsoft.Authorization/roleAssignments/write"
	owner  = "/providers/" + azure.TypeRoleDefinition + "/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	// maxGroups is how many management groups a tenant may have, in Azure as here.
	maxGroups = 10_000
)

// parentGroupLink: whoever moves a management group below another changes the other.
var parentGroupLink = link{path: parentPath, action: writeGroups}

// The refusals of Microsoft.Management.
var (
	errGroupName = refusal{400, "BadRequest", "The management group name '%.100s' is not valid. It has 1 to 90 letters, digits and" +
		" ( ) . - _, and does not end in a period."}
	errTooManyGroups    = refusal{400, "BadRequest", "A directory has at most %d management groups."}
	errRootGroup        = refusal{400, "BadRequest", "The root management group cannot be deleted."}
	errGroupHasChildren = refusal{400, "BadRequest", "The management group '%s' cannot be deleted: '%s' stands below it."}
)

var managementGroupName = formOf(`[a-zA-Z0-9_().-]{0,89}[a-zA-Z0-9_()-]`)

// putManagementGroup makes or replaces a group; what PUT leaves out stays (az-cli: az account management-group create).
func putManagementGroup(c *call) (answer, error) {
	return c.write(func(w *write, given map[string]any) {
		w.regroup(textAt(given, "properties.displayName"), textAt(given, parentPath))
	})
}

// patchManagementGroup changes a group; the members are not below properties.
func patchManagementGroup(c *call) (answer, error) {
	return c.write(func(w *write, given map[string]any) {
		w.regroup(textAt(given, "displayName"), textAt(given, "parentGroupId"))
	})
}

// regroup composes a group. To stand below the root group is to have no parent.
func (w *write) regroup(name, parent string) {
	old := map[string]any{}
	if w.old != nil {
		old = w.old.Body
	}
	if name == "" {
		name = textAt(old, "properties.displayName")
	}
	if name == "" {
		name = w.id.Name()
	}
	if parent == "" {
		parent = textAt(old, parentPath)
	}
	w.body = map[string]any{"properties": map[string]any{"displayName": name, "details": map[string]any{}}}
	if id, err := azure.ParseResourceID(parent); parent != "" && (err != nil || id.Key() != azure.RootManagementGroup.Key()) {
		setAt(w.body, parentPath, parent)
	}
}

// checkManagementGroup asks for the rights that a move takes: to give roles in what is moved, and to change the group
// above it so far, unless that is the root group. Whoever makes a group owns it.
func checkManagementGroup(w *write) error {
	version, _ := lookUp(w.body, "properties.details.version")
	if w.old != nil {
		version, _ = lookUp(w.old.Body, "properties.details.version")
	}
	count, _ := version.(float64)
	setAt(w.body, "properties.details.version", count+1)
	setAt(w.body, "properties.details.updatedTime", w.Now().UTC().Format(time.RFC3339))
	setAt(w.body, "properties.details.updatedBy", w.principal)
	if w.old == nil {
		return w.foundGroup()
	}
	was := textAt(w.old.Body, parentPath)
	if azure.Fold(was) == azure.Fold(textAt(w.body, parentPath)) {
		return nil
	}
	if err := w.authorize(moving, w.id); err != nil {
		return err
	}
	return w.leave(was)
}

// unclaimed reports whether nothing stands below a group that is not there, and no role is assigned at it. A seed may place
// subscriptions below a group without a document: who makes that one would own them.
func unclaimed(c *call, id azure.ResourceID) bool {
	placements, err := azure.Placements(c.state)
	holds := slices.ContainsFunc(placements, func(at azure.Placement) bool {
		return slices.ContainsFunc(at.ManagementGroups, func(g azure.ResourceID) bool { return g.Key() == id.Key() })
	})
	return err == nil && !holds && len(c.state.Below(id.Key())) == 0
}

// foundGroup checks a new group, and gives it to who makes it.
func (w *write) foundGroup() error {
	if !managementGroupName().MatchString(w.id.Name()) {
		return errGroupName.with(w.id.Name())
	}
	if len(w.state.OfType(azure.TypeManagementGroup)) >= maxGroups {
		return errTooManyGroups.with(maxGroups)
	}
	assignment, err := w.id.Extension(azure.TypeRoleAssignment, uuid.NewString())
	if err != nil {
		return refusePath(err)
	}
	now := w.timestamp()
	w.change.Put = append(w.change.Put, azure.Document{ID: assignment, Body: map[string]any{"properties": map[string]any{
		"principalId": w.principal, "principalType": w.principalType(w.principal), "roleDefinitionId": owner,
		"createdBy": w.principal, "createdOn": now, "updatedBy": w.principal, "updatedOn": now,
	}}})
	return nil
}

// leave asks for the right to change the group that something stood below.
func (w *write) leave(parent string) error {
	id, err := azure.ParseResourceID(parent)
	if err != nil || id.Key() == azure.RootManagementGroup.Key() {
		return nil
	}
	return w.authorize(writeGroups, id)
}

// deleteManagementGroup is the engine's, but for the status: clients take 202 and 204 only.
func deleteManagementGroup(c *call) (answer, error) {
	a, err := deleteAny(c)
	if a.status == http.StatusOK {
		a = answer{status: http.StatusNoContent}
	}
	return a, err
}

// removeManagementGroup keeps the root group, and groups that something stands below.
func removeManagementGroup(r *removal, d *azure.Document) error {
	placements, err := azure.Placements(r.state)
	if err != nil {
		return err
	}
	if d.ID.Key() == azure.RootManagementGroup.Key() {
		return errRootGroup.with()
	}
	for _, at := range placements {
		if len(at.ManagementGroups) > 0 && at.ManagementGroups[0].Key() == d.ID.Key() {
			return errGroupHasChildren.with(d.ID.Name(), at.ID)
		}
	}
	return nil
}

// putManagedSubscription places a subscription by its path alone: clients send no body.
func putManagedSubscription(c *call) (answer, error) {
	if c.r.ContentLength == 0 {
		c.r.Body = io.NopCloser(strings.NewReader("{}"))
	}
	return putAny(c)
}

// checkManagedSubscription places a subscription below a management group, and nowhere else.
func checkManagedSubscription(w *write) error {
	subscription, err := azure.ParseResourceID("/subscriptions/" + w.id.Name())
	if err != nil {
		return refusePath(err)
	}
	if err := w.authorize(moving, subscription); err != nil {
		return err
	}
	if err := w.checkSubscription(subscription); err != nil {
		return err
	}
	w.body = map[string]any{"id": w.id.String(), "name": w.id.Name(), "type": azure.TypeManagementSubscription}
	for _, d := range w.state.OfType(azure.TypeManagementSubscription) {
		if azure.Fold(d.ID.Name()) != azure.Fold(w.id.Name()) || d.ID.Key() == w.id.Key() {
			continue
		}
		above, _ := d.ID.Parent()
		if err := w.leave(above.String()); err != nil {
			return err
		}
		w.change.Delete = append(w.change.Delete, d.ID.Key())
	}
	return nil
}
