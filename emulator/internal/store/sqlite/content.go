package sqlite

import (
	"context"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// content implements store.Content: the rows whose column registry is name.
type content struct {
	store *Store
	name  string
	now   func() time.Time
}

// Content implements store.Store.
func (s *Store) Content(name string) store.Content {
	return &content{store: s, name: store.Fold(name), now: s.now}
}

// DropContent implements store.Store.
func (s *Store) DropContent(ctx context.Context, name string) error {
	return s.writer.write(ctx, func(s *session) error {
		for _, table := range tables {
			if err := s.exec("DELETE FROM "+table+" WHERE registry = ?", store.Fold(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *content) read(ctx context.Context, f func(*session) error) error {
	return c.store.reader.read(ctx, f)
}

func (c *content) write(ctx context.Context, f func(*session) error) error {
	return c.store.writer.write(ctx, f)
}

// get and list are one-query reads.
func get[T any](ctx context.Context, c *content, scan func(scanner) (T, error), query string, args ...any) (v T, err error) {
	err = c.read(ctx, func(s *session) error {
		v, err = one(s, scan, query, args...)
		return err
	})
	return v, err
}

func list[T any](ctx context.Context, c *content, scan func(scanner) (T, error), query string, args ...any) (v []T, err error) {
	err = c.read(ctx, func(s *session) error {
		v, err = all(s, scan, query, args...)
		return err
	})
	return v, err
}

// limit turns a page size into SQL's, where a negative number means all.
func limit(p store.Page) int {
	if p.N <= 0 {
		return -1
	}
	return p.N
}

// The bits of the column attributes.
const (
	mayDelete = 1 << iota
	mayWrite
	mayRead
	mayList

	mayRemove = mayDelete | mayWrite // writeEnabled=false blocks deleting too (acr-behaviour §6.2, Locks)
)

func attributes(bits int) store.Attributes {
	return store.Attributes{
		Delete: bits&mayDelete != 0, Write: bits&mayWrite != 0, Read: bits&mayRead != 0, List: bits&mayList != 0,
	}
}

func attributeBits(a store.Attributes) int {
	bits := 0
	for bit, on := range map[int]bool{mayDelete: a.Delete, mayWrite: a.Write, mayRead: a.Read, mayList: a.List} {
		if on {
			bits |= bit
		}
	}
	return bits
}

func stamp(t time.Time) int64 { return t.UnixNano() }

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }
