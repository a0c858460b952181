package acr

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// item is a tag or manifest to delete.
type item struct {
	name       string // tag or digest
	reference  string // for people
	attributes *attributes
}

// deletion is how items are deleted and unlocked.
type deletion struct {
	remove, unlock func(name string) error
}

// delete deletes items, or in a dry run says so, and returns how many. The token is renewed now and then.
func (p *purger) delete(ctx context.Context, items []item, d deletion) (int, error) {
	if p.dryRun {
		for _, i := range items {
			p.session.printf("Would delete: %s\n", i.reference)
		}
		return len(items), nil
	}
	var deleted atomic.Int64
	for some := range slices.Chunk(items, pageSize) {
		if err := p.ready(ctx); err != nil {
			return int(deleted.Load()), err
		}
		err := each(p.concurrency, some, func(i item) error {
			gone, err := p.deleteItem(i, d)
			if gone {
				deleted.Add(1)
			}
			return err
		})
		if err != nil {
			return int(deleted.Load()), err
		}
	}
	return int(deleted.Load()), nil
}

// deleteItem deletes one, and reports whether it is gone. What is locked stays, and is no failure.
func (p *purger) deleteItem(i item, d deletion) (gone bool, err error) {
	if p.includeLocked && i.attributes.locked() {
		if err := d.unlock(i.name); err != nil {
			p.session.printf("Warning: Failed to unlock %s, error: %v. Will attempt deletion anyway.\n", i.reference, err)
		} else {
			p.session.printf("Unlocked %s\n", i.reference)
		}
	}
	err = d.remove(i.name)
	switch {
	case err == nil:
		p.session.printf("Deleted %s\n", i.reference)
		return true, nil
	case hasStatus(err, http.StatusNotFound):
		p.session.printf("Skipped %s, HTTP status: %d\n", i.reference, http.StatusNotFound)
		return true, nil
	case hasStatus(err, http.StatusMethodNotAllowed):
		p.session.printf("Skipped %s, operation not allowed, HTTP status: %d\n", i.reference, http.StatusMethodNotAllowed)
		return false, nil
	}
	p.session.printf("Failed to delete %s, error: %v\n", i.reference, err)
	return false, err
}

// each does something for every item, some at a time. After an error no further one is begun; the first is returned.
func each[T any](limit int, items []T, do func(T) error) error {
	var (
		work   = make(chan T)
		failed atomic.Pointer[error]
		wg     sync.WaitGroup
	)
	for range min(limit, len(items)) {
		wg.Go(func() {
			for one := range work {
				if err := do(one); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	for _, one := range items {
		if failed.Load() != nil {
			break
		}
		work <- one
	}
	close(work)
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
