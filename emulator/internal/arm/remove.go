package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// removal is the removal of a document and of all that is below it.
type removal struct {
	*call
	gone   map[string]bool // keys of what goes
	change azure.Change
}

// deleteAny removes a resource with all that is below it. What is not there is no error: 204.
func deleteAny(c *call) (answer, error) {
	id, k, err := c.resource()
	if err != nil {
		return answer{}, err
	}
	c.Writing.Lock()
	defer c.Writing.Unlock()
	c.state = c.Backend.State()
	if err := c.authorize(k.action("delete"), id); err != nil {
		return answer{}, err
	}
	d, found := c.find(id, k)
	if !found {
		return c.nothingToDelete(id, k)
	}
	if err := c.checkLocks("delete", d.ID); err != nil {
		return answer{}, err
	}
	if err := c.checkTag(d); err != nil {
		return answer{}, err
	}
	gone := answer{status: http.StatusOK}
	if k.returned {
		gone = ok(c.show(d))
	}
	region := c.regionOf(d.ID)
	if err := c.remove(d); err != nil {
		return answer{}, err
	}
	if (k.slow() || k.name == azure.TypeResourceGroup) && c.delay() > 0 {
		o := c.start(k.action("delete"), d.ID)
		o.location = region // of what is gone
		o.settle(c.Now().Add(c.delay()), outcome{})
		return o.accepted(c, http.StatusAccepted, nil), nil
	}
	return gone, nil
}

// nothingToDelete complains only if even the group is missing, as ARM does.
func (c *call) nothingToDelete(id azure.ResourceID, k kind) (answer, error) {
	if k.name == azure.TypeResourceGroup {
		return answer{}, c.missing(id, k)
	}
	return answer{status: http.StatusNoContent}, c.checkGroup(id)
}

// remove asks each type whether its documents may go, and applies the removal.
func (c *call) remove(d *azure.Document) error {
	doomed := append(c.state.Below(d.ID.Key()), d)
	r := &removal{call: c, gone: map[string]bool{}, change: azure.Change{Delete: []string{d.ID.Key()}}}
	for _, one := range doomed {
		r.gone[one.ID.Key()] = true
	}
	for _, one := range doomed {
		if remove := c.kindOf(one.Type()).remove; remove != nil {
			if err := remove(r, one); err != nil {
				return err
			}
		}
	}
	return c.commit(r.change)
}
