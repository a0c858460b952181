package arm

import (
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The levels of a lock. Both keep what is locked from being removed; a read-only one keeps it from being changed too. Locks
// are of the control plane: no lock has to do with images (acr-behaviour §6.2).
const (
	lockDelete   = "CanNotDelete"
	lockReadOnly = "ReadOnly"
)

// lockKind is the row of Microsoft.Authorization/locks. A lock counts at the scope where it stands and for all below.
func lockKind() kind {
	return kind{
		name: azure.TypeLock, methods: withoutPatch, spell: spellLock, check: checkLock, list: listLocks,
		fields: map[string]fieldOf{"atscope()": assignedAbove},
	}
}

var lockMembers = foldedNames("level", "notes", "owners")

func spellLock(_ azure.ResourceID, body map[string]any) error {
	properties, _ := body["properties"].(map[string]any)
	return spellObject(properties, lockMembers, "properties")
}

func checkLock(w *write) error {
	levels := []string{lockDelete, lockReadOnly}
	level := textAt(w.body, "properties.level")
	at := slices.IndexFunc(levels, func(one string) bool { return strings.EqualFold(one, level) })
	if at < 0 {
		return errLockLevel.about("properties.level", level)
	}
	setAt(w.body, "properties.level", levels[at])
	return nil
}

// listLocks returns the locks at a scope, above it and below it.
func listLocks(c *call, t target) ([]*azure.Document, error) {
	found := slices.Clone(c.state.Children(t.scope.Key(), azure.TypeLock))
	for at, more := t.scope.Parent(); more; at, more = at.Parent() {
		found = append(found, c.locksAt(at)...)
	}
	return found, nil
}

// locksAt returns the locks that stand at a scope.
func (c *call) locksAt(scope azure.ResourceID) []*azure.Document {
	above := strings.TrimSuffix(scope.Key(), "/") + "/providers/microsoft.authorization/locks"
	return slices.DeleteFunc(slices.Clone(c.state.Children(above, azure.TypeLock)), func(d *azure.Document) bool {
		at, _ := d.ID.Parent()
		return at.Key() != scope.Key()
	})
}

// checkLocks refuses to do something ("write" or "delete") to a resource that a lock keeps. It costs a look-up for each
// scope above, and one for what is below. Locks keep everything but locks.
func (c *call) checkLocks(doing string, id azure.ResourceID) error {
	if id.Is(azure.TypeLock) || len(c.state.OfType(azure.TypeLock)) == 0 {
		return nil
	}
	var locked []string
	for at, more := id, true; more; at, more = at.Parent() {
		locked = append(locked, locking(c.locksAt(at), doing)...)
	}
	if doing == "delete" {
		locked = append(locked, locking(c.state.Children(id.Key(), azure.TypeLock), doing)...)
	}
	if len(locked) == 0 {
		return nil
	}
	slices.Sort(locked)
	return errLocked.with(id, doing, strings.Join(slices.Compact(locked), ","))
}

// keepLocks refuses a change by which something else goes that has a lock of its own, as a subnet does that a virtual network
// leaves out of its list: with it would go the lock, which is not its author's to remove.
func (c *call) keepLocks(asked, complete azure.Change) error {
	for _, key := range complete.Delete {
		d, found := c.state.Get(key)
		if !found || !d.Is(azure.TypeLock) || slices.Contains(asked.Delete, key) {
			continue
		}
		at, _ := d.ID.Parent()
		return errLocked.with(at, "delete", at)
	}
	return nil
}

// locking returns the scopes of those locks that keep something from being done.
func locking(locks []*azure.Document, doing string) (scopes []string) {
	for _, d := range locks {
		if doing == "delete" || textAt(d.Body, "properties.level") == lockReadOnly {
			at, _ := d.ID.Parent()
			scopes = append(scopes, at.String())
		}
	}
	return scopes
}
