package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxShelved is how many things a shelf holds.
const maxShelved = 1000

// shelf keeps things under secrets for a while. It knows the secrets by their hash alone, so that looking one up takes no
// time that tells anything. The zero value is ready.
type shelf[V any] struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]*shelved[V]
}

type shelved[V any] struct {
	value V
	until time.Time
}

// put keeps a value until a moment. It reports false if the shelf is full of what is still wanted.
func (s *shelf[V]) put(secret string, value V, now, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[[sha256.Size]byte]*shelved[V]{}
	}
	if len(s.entries) >= maxShelved {
		s.clear(now)
	}
	if len(s.entries) >= maxShelved {
		return false
	}
	s.entries[sha256.Sum256([]byte(secret))] = &shelved[V]{value, until}
	return true
}

func (s *shelf[V]) clear(now time.Time) {
	for key, entry := range s.entries {
		if !now.Before(entry.until) {
			delete(s.entries, key)
		}
	}
}

// visit lets nobody else look at a value while do does; then it is changed, or gone if do does not keep it. It reports
// whether there is one.
func (s *shelf[V]) visit(secret string, now time.Time, do func(*V) (keep bool)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(secret))
	entry, ok := s.entries[key]
	if !ok || !now.Before(entry.until) {
		return false
	}
	if !do(&entry.value) {
		delete(s.entries, key)
	}
	return true
}
