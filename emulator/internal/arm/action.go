package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// postAny does an action of a resource.
func postAny(c *call) (answer, error) {
	t, err := c.target()
	if err != nil {
		return answer{}, err
	}
	k := c.kindOf(t.scope.Type())
	act, found := k.actions[azure.Fold(t.word)]
	if t.scope.IsZero() || !found || azure.Fold(t.kind) != azure.Fold(k.name+"/"+t.word) {
		return answer{}, errNoRoute.with(c.path)
	}
	if err := c.checkSubscription(t.scope); err != nil {
		return answer{}, err
	}
	right := k.action(act.name + "/action")
	if err := c.authorize(right, t.scope); err != nil {
		return answer{}, err
	}
	given, err := c.optionalObject()
	if err != nil {
		return answer{}, err
	}
	return c.act(act, right, t.scope, given)
}

// act does an action: one that changes something when it gets its turn, after asking for the right again.
func (c *call) act(act action, right string, id azure.ResourceID, given map[string]any) (answer, error) {
	if act.changes {
		c.Writing.Lock()
		defer c.Writing.Unlock()
		c.state = c.Backend.State()
		if err := c.authorize(right, id); err != nil {
			return answer{}, err
		}
	}
	d, found := c.state.Get(id.Key())
	if !found {
		return answer{}, c.missing(id, c.kindOf(id.Type()))
	}
	if err := c.checkLocks("write", d.ID); err != nil { // as ARM does, also of what only reads secrets
		return answer{}, err
	}
	done, err := act.serve(c, d, given)
	if err != nil || !act.accepts || done.status >= http.StatusAccepted || c.delay() == 0 {
		return done, err
	}
	o := c.start(right, d.ID)
	o.settle(c.Now().Add(c.delay()), outcome{body: done.body})
	return o.accepted(c, http.StatusAccepted, nil), nil
}
