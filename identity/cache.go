package identity

import (
	"strings"
	"sync"
	"time"
)

// DefaultCacheLimit is how many tokens a Cache holds unless told otherwise.
const DefaultCacheLimit = 4096

// evictionSample is how many entries a full cache looks at for expired ones before it drops any one.
const evictionSample = 16

// Window is the time in which something is good: from NotBefore on, until just before Expires.
type Window struct {
	NotBefore, Expires time.Time
}

// Contains reports whether t is in the window.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.NotBefore) && !w.over(t)
}

// over reports whether t is past the window.
func (w Window) over(t time.Time) bool { return !t.Before(w.Expires) }

// Cache remembers what verified tokens turned out to be, V, for as long as they are good. Only good tokens get in, so
// nobody can fill it with rubbish.
//
// A hit says that the token passed the rules it was verified by. One Cache therefore serves one set of rules: with
// another audience per registry, each registry needs its own. Clear it when the rules or the keys change.
//
// The zero value is ready; it is safe for concurrent use.
type Cache[V any] struct {
	// Limit is how many tokens are held; 0 means [DefaultCacheLimit].
	Limit int
	// Now is the clock; nil means the wall clock.
	Now func() time.Time

	mu      sync.RWMutex
	entries map[string]*cached[V]
	cleared uint64 // counts Clear
}

type cached[V any] struct {
	value  V
	window Window
}

// Get returns what token is known to be. For a token outside its window it knows nothing, and the caller must verify
// anew to learn why it is refused; one past its window is dropped.
func (c *Cache[V]) Get(token string) (V, bool) {
	c.mu.RLock()
	found := c.entries[token]
	c.mu.RUnlock()
	var none V
	if found == nil {
		return none, false
	}
	now := clock(c.Now)
	if found.window.Contains(now) {
		return found.value, true
	}
	if found.window.over(now) {
		c.forget(token)
	}
	return none, false
}

// Do returns what token is known to be, or asks verify and remembers its answer for the window it gives. An answer
// that verify began to work on before a Clear is returned but not remembered.
func (c *Cache[V]) Do(token string, verify func(token string) (V, Window, error)) (V, error) {
	if value, ok := c.Get(token); ok {
		return value, nil
	}
	began := c.generation()
	value, window, err := verify(token)
	if err != nil {
		var none V
		return none, err
	}
	c.put(token, &cached[V]{value, window}, began)
	return value, nil
}

// Clear forgets all tokens.
func (c *Cache[V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
	c.cleared++
}

// Len is the number of tokens held.
func (c *Cache[V]) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

func (c *Cache[V]) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.cleared
}

func (c *Cache[V]) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, token)
}

func (c *Cache[V]) put(token string, entry *cached[V], began uint64) {
	now := clock(c.Now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cleared != began || !entry.window.Contains(now) {
		return
	}
	if c.entries == nil {
		c.entries = map[string]*cached[V]{}
	}
	if len(c.entries) >= c.limit() {
		c.evict(now)
	}
	c.entries[strings.Clone(token)] = entry // the token may be part of a much larger request
}

func (c *Cache[V]) limit() int {
	if c.Limit == 0 {
		return DefaultCacheLimit
	}
	return c.Limit
}

// evict drops the expired ones of a few entries (a map starts each walk somewhere else), and if none is, one of them.
func (c *Cache[V]) evict(now time.Time) {
	seen, full := 0, len(c.entries)
	last := ""
	for token, entry := range c.entries {
		last = token
		if entry.window.over(now) {
			delete(c.entries, token)
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	if len(c.entries) == full {
		delete(c.entries, last)
	}
}
