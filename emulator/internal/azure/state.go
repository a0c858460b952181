package azure

import (
	"errors"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// State is an immutable set of documents. Any number of goroutines may read it. The zero State and the nil one are
// empty.
type State struct {
	byType map[string][]*Document // by folded type, each list sorted by key
	len    int
	// mentions are what State.mentioned found out, by row.
	mentions sync.Map
	// shown is what State.showing found out.
	shown     map[netip.Addr][]*Document
	shownOnce sync.Once
}

// Load makes a state of documents that were valid when they were written. What they refer to may be gone since, so that
// references are not checked again.
func Load(documents []Document) (*State, error) {
	return (*State)(nil).apply(Change{Put: documents})
}

// With returns the state after a change. It checks every document that the change puts (see Validate); if one is
// refused, there is no next state. The cost is about that of what the change touches, plus a copy of the lists of
// pointers of the touched types.
func (s *State) With(c Change) (*State, error) {
	next, err := s.apply(c)
	if err != nil {
		return nil, err
	}
	for i := range c.Put {
		if err := Validate(next, c.Put[i]); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func (s *State) apply(c Change) (*State, error) {
	next := &State{byType: map[string][]*Document{}}
	if s != nil && s.byType != nil {
		next.byType, next.len = maps.Clone(s.byType), s.len
	}
	for kind, edits := range c.byType() {
		if kind == "" {
			return nil, errors.New("a document without an ID cannot be kept")
		}
		before := next.byType[kind]
		after := edits.apply(before)
		next.byType[kind] = after
		next.len += len(after) - len(before)
		if len(after) == 0 {
			delete(next.byType, kind)
		}
	}
	return next, nil
}

// edits is the part of a Change that concerns one type: what is to stand under each key, nil for nothing.
type edits map[string]*Document

func (c Change) byType() map[string]edits {
	byType := map[string]edits{}
	set := func(key string, d *Document) {
		kind := keyType(key)
		if byType[kind] == nil {
			byType[kind] = edits{}
		}
		byType[kind][key] = d
	}
	for _, key := range c.Delete {
		set(Fold(key), nil)
	}
	for i := range c.Put {
		d := c.Put[i]
		set(d.ID.Key(), &d)
	}
	return byType
}

// keyType is the folded type of a key, or "" for no key at all.
func keyType(key string) string {
	if key == "" {
		return ""
	}
	return Fold(typeOf(key))
}

// apply merges the edits into a sorted list and returns a new one. What lies between two edits is copied at once.
func (e edits) apply(before []*Document) []*Document {
	after := make([]*Document, 0, len(before)+len(e))
	for _, key := range slices.Sorted(maps.Keys(e)) {
		at, replaces := find(before, key)
		after = append(after, before[:at]...)
		before = before[at:]
		if replaces {
			before = before[1:]
		}
		if d := e[key]; d != nil {
			after = append(after, d)
		}
	}
	return append(after, before...)
}

// Len returns how many documents there are.
func (s *State) Len() int {
	if s == nil {
		return 0
	}
	return s.len
}

// Get returns the document with that ID, in any case. The document must not be changed.
func (s *State) Get(key string) (*Document, bool) {
	key = Fold(key)
	documents := s.OfType(keyType(key))
	at, found := find(documents, key)
	if !found {
		return nil, false
	}
	return documents[at], true
}

func find(documents []*Document, key string) (int, bool) {
	return slices.BinarySearchFunc(documents, key, func(d *Document, key string) int {
		return strings.Compare(d.ID.key, key)
	})
}

// OfType returns all documents of a type, in any case, sorted by key. The list must not be changed.
func (s *State) OfType(resourceType string) []*Document {
	if s == nil {
		return nil
	}
	return s.byType[Fold(resourceType)]
}

// Types returns the folded types of which there are documents, sorted.
func (s *State) Types() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.byType))
}

// All returns all documents, sorted by type and key.
func (s *State) All() []*Document {
	all := make([]*Document, 0, s.Len())
	for _, kind := range s.Types() {
		all = append(all, s.byType[kind]...)
	}
	return all
}

// Children returns the documents of a type below the one with that key, at any depth, sorted by key: the scope maps of a
// registry, or all registries of a subscription.
func (s *State) Children(key, resourceType string) []*Document {
	key = Fold(key)
	if key == "/" {
		return s.OfType(resourceType)
	}
	documents := s.OfType(resourceType)
	from, _ := find(documents, key+"/")
	to, _ := find(documents, key+"0") // "0" is the character after "/"
	return documents[from:to]
}

// Below returns all documents below the one with that key, of any type, sorted by type and key. The tenant's are all
// but itself, Graph's and the settings.
func (s *State) Below(key string) []*Document { return slices.Collect(s.Walk(key, "")) }

// Walk goes through what Below returns, from after the document with the key last, or from the start if that is empty.
// What comes before costs next to nothing.
func (s *State) Walk(key, last string) iter.Seq[*Document] {
	key, last = Fold(key), Fold(last)
	from := keyType(last)
	return func(yield func(*Document) bool) {
		for _, kind := range s.Types() {
			if kind < from {
				continue
			}
			documents := s.Children(key, kind)
			if kind == from {
				documents = After(documents, last)
			}
			for _, d := range documents {
				if below(key, d.ID.key) && !d.ID.IsGraph() && !d.ID.IsSettings() && !yield(d) {
					return
				}
			}
		}
	}
}

// After returns the part of a list, sorted by key, that comes after a key.
func After(documents []*Document, key string) []*Document {
	at, found := find(documents, Fold(key))
	if found {
		at++
	}
	return documents[at:]
}
