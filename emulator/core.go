package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/gate"
)

// core is the state and everything compiled from it. There is one way to change it, Apply; readers take a whole world
// and never see half a change.
type core struct {
	projection projection
	store      store.Store

	// writing is held by whoever reads documents in order to write them: the control plane, Graph and the services take turns,
	// so that nobody writes over what they have not seen.
	writing sync.Mutex

	mu    sync.Mutex // one writer at a time
	world atomic.Pointer[world]
	// swapped is told of each new snapshot.
	swapped func(*gate.Snapshot)
	// removed is told of registries that a change took away, after it took effect.
	removed func(id azure.ResourceID)
	// changed is told of the keys of each change after it took effect; nil means all of them.
	changed func(keys []string)
}

// world is one revision of everything.
type world struct {
	state    *azure.State
	snapshot *gate.Snapshot
	people   *directory
	revision int64
}

// load reads what the store holds. It reports false if there is nothing yet.
func (c *core) load(ctx context.Context) (bool, error) {
	rows, revision, err := c.store.All(ctx)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	documents := make([]azure.Document, 0, len(rows))
	for _, row := range rows {
		d, err := azure.ParseDocument(row.Body)
		if err != nil {
			return false, fmt.Errorf("stored document %s: %w", row.ID, err)
		}
		documents = append(documents, d)
	}
	w, err := c.compile(documents, revision)
	if err != nil {
		return false, err
	}
	c.enter(w)
	return true, nil
}

// replace makes documents the whole state.
func (c *core) replace(ctx context.Context, documents []azure.Document) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, err := c.compile(documents, 0)
	if err != nil {
		return err
	}
	rows, err := rowsOf(w.state.All())
	if err != nil {
		return err
	}
	revision, err := c.store.Reset(ctx, rows)
	if err != nil {
		return err
	}
	if w.snapshot, err = w.snapshot.With(gate.Change{Revision: revision}); err != nil {
		return err
	}
	w.revision = revision
	c.enter(w)
	c.changed(nil)
	return nil
}

// enter puts a world into force.
func (c *core) enter(w *world) {
	c.world.Store(w)
	c.swapped(w.snapshot)
}

func (c *core) compile(documents []azure.Document, revision int64) (*world, error) {
	state, err := azure.Load(documents)
	if err != nil {
		return nil, err
	}
	people, err := newDirectory(state)
	if err != nil {
		return nil, err
	}
	policy, err := c.projection.all(state, people)
	if err != nil {
		return nil, err
	}
	snapshot, err := (&gate.Snapshot{}).With(gate.Change{Put: policy, Revision: revision})
	if err != nil {
		return nil, err
	}
	return &world{state: state, snapshot: snapshot, people: people, revision: revision}, nil
}

// Apply makes a change: validated, stored, projected, compiled, swapped; in that order, and all or nothing. It returns
// the revision at which the change holds. The next request is judged by it.
func (c *core) Apply(ctx context.Context, change azure.Change) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.world.Load()
	next, err := c.next(old, change)
	if err != nil {
		return 0, err
	}
	rows, err := changesOf(change)
	if err != nil {
		return 0, err
	}
	stored, err := c.store.Apply(ctx, rows)
	if err != nil {
		return 0, err
	}
	if stored != next.revision {
		return 0, fmt.Errorf("the store is at revision %d, not %d: another process writes to it", stored, next.revision)
	}
	c.enter(next)
	c.sweep(old, next, change)
	c.changed(change.Keys())
	return stored, nil
}

// Update makes a change of documents that it has seen, in turn with everybody else who does.
func (c *core) Update(ctx context.Context, change func(*azure.State) (azure.Change, error)) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	made, err := change(c.State())
	if err != nil || len(made.Put)+len(made.Delete) == 0 {
		return err
	}
	_, err = c.Apply(ctx, made)
	return err
}

// next compiles the world after a change, without putting it into force.
func (c *core) next(old *world, change azure.Change) (*world, error) {
	state, err := old.state.With(change)
	if err != nil {
		return nil, err
	}
	t := noteTouched(old.state, state, change.Keys())
	people, err := old.people.with(state, t.sources)
	if err != nil {
		return nil, err
	}
	next := &world{state: state, people: people, revision: old.revision + 1}
	delta, err := c.projection.change(old, next, t)
	if err != nil {
		return nil, err
	}
	delta.Revision = next.revision
	if next.snapshot, err = old.snapshot.With(delta); err != nil {
		return nil, &azure.Error{Code: azure.CodeBadRequest, Message: err.Error()}
	}
	return next, nil
}

// sweep drops the content of registries that a change took away.
func (c *core) sweep(old, next *world, change azure.Change) {
	for _, key := range change.Delete {
		before, was := old.state.Get(key)
		_, still := next.state.Get(key)
		if was && !still && before.Is(registryType) {
			c.removed(before.ID)
		}
	}
}

// State returns the documents as they are now.
func (c *core) State() *azure.State { return c.world.Load().state }

// Authorize judges an action of the control plane by the assignments as they are now.
func (c *core) Authorize(principalID, action, scope string) gate.Authorization {
	at, err := gate.ParseScope(scope)
	if err != nil {
		return gate.Authorization{Reason: gate.NoRole, Rule: scope}
	}
	return c.world.Load().snapshot.Authorize(principalID, action, at)
}

const registryType = azure.TypeRegistry

func rowsOf(documents []*azure.Document) ([]store.Document, error) {
	rows := make([]store.Document, 0, len(documents))
	for _, d := range documents {
		row, err := rowOf(*d)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func rowOf(d azure.Document) (store.Document, error) {
	body, err := json.Marshal(d.Body)
	return store.Document{ID: d.ID.String(), Kind: "arm", Type: d.Type(), Body: body}, err
}

func changesOf(change azure.Change) ([]store.Change, error) {
	var rows []store.Change
	for _, key := range change.Delete {
		rows = append(rows, store.Change{Delete: key})
	}
	for _, d := range change.Put {
		row, err := rowOf(d)
		if err != nil {
			return nil, err
		}
		rows = append(rows, store.Change{Put: &row})
	}
	return rows, nil
}
