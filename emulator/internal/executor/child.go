package executor

import (
	"errors"
	"sync"
	"time"
)

// childMark is a variable that a child has: a program that does not know that it is one must not start others.
const childMark = "ACRLOCAL_CONTAINER_CHILD"

// greeting is how long a child may take to answer. One that does not is a program that did not call Child.
const greeting = 10 * time.Second

// maxTail is how many bytes of a child's complaints are kept.
const maxTail = 4 << 10

// tail keeps the beginning of what a process complains of.
type tail struct {
	mu   sync.Mutex
	said []byte
}

// Write keeps what there is room for.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, p[:min(len(p), maxTail-len(t.said))]...)
	return len(p), nil
}

func (t *tail) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.said) == 0 {
		return nil
	}
	return errors.New(string(t.said))
}
