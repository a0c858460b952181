package workload

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Changes are the documents that a service has yet to look at, by their keys. Make one with NewChanges; its methods may be called
// from any number of goroutines.
type Changes struct {
	segment string
	wake    chan struct{}

	mu   sync.Mutex
	keys map[string]bool
	all  bool
}

// NewChanges makes one of the documents whose keys have a segment in them, such as that of a resource type.
func NewChanges(segment string) *Changes {
	return &Changes{segment: segment, wake: make(chan struct{}, 1), keys: map[string]bool{}}
}

// Note takes note of what changed, as an agent.Service is told of it: nil may be anything. It waits for nothing.
func (c *Changes) Note(keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = c.all || keys == nil
	for _, key := range keys {
		if strings.Contains(key, c.segment) {
			c.keys[key] = true
		}
	}
	if !c.all && len(c.keys) == 0 {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Follow calls look with each key that was noted, until the context ends. Where anything may have changed these are all that
// known returns: those of the documents that there are, and of those that there were.
func (c *Changes) Follow(ctx context.Context, known func() []string, look func(key string)) {
	for {
		select {
		case <-c.wake:
			for _, key := range c.take(known) {
				look(key)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (c *Changes) take(known func() []string) []string {
	c.mu.Lock()
	keys, all := c.keys, c.all
	c.keys, c.all = map[string]bool{}, false
	c.mu.Unlock()
	if all {
		for _, key := range known() {
			keys[key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
