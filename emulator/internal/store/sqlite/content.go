package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// ordered is the end of a list's query: the rows after the last one shown, in order, as many as fit the page. It is one seek
// in an index, whatever the order: key is the column of names, table the one that they and their times are in.
func (c *content) ordered(s *session, table, key, repository string, p store.Page) (clause string, args []any, err error) {
	if p.Order == store.ByName {
		return fmt.Sprintf(" AND %[1]s > ? ORDER BY %[1]s LIMIT ?", key), []any{p.Last, limit(p)}, nil
	}
	where := fmt.Sprintf("SELECT updated FROM %s WHERE registry = ? AND repository = ? AND %s = ?", table, key)
	from, err := one(s, value[int64], where, c.name, repository, p.Last)
	if errors.Is(err, store.ErrNotFound) {
		from, p.Last, err = beginnings[p.Order], "", nil
	}
	clause = fmt.Sprintf(sequences[p.Order], key)
	return clause, []any{from, p.Last, limit(p)}, err
}

// sequences are the clauses that go on by time, and beginnings the times that come before all.
var (
	sequences = map[store.Order]string{
		store.OldestFirst: " AND (updated, %[1]s) > (?, ?) ORDER BY updated, %[1]s LIMIT ?",
		store.NewestFirst: " AND (updated, %[1]s) < (?, ?) ORDER BY updated DESC, %[1]s DESC LIMIT ?",
	}
	beginnings = map[store.Order]int64{store.OldestFirst: math.MinInt64, store.NewestFirst: math.MaxInt64}
)

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
