package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// conn is one SQLite connection and its prepared statements, used by one goroutine at a time.
//
// Contexts are looked at before a statement, not during it: the driver would start a goroutine per statement to watch for
// cancellation, and no statement here runs longer than a page of a list takes.
type conn struct {
	mu         sync.Mutex
	sql        *sql.Conn
	statements map[string]*sql.Stmt
}

func newConn(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{sql: c, statements: map[string]*sql.Stmt{}}, nil
}

// read runs f with the connection to itself.
func (c *conn) read(ctx context.Context, f func(*session) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(&session{conn: c, ctx: context.WithoutCancel(ctx)})
}

// write runs f in a transaction, which is undone if f fails or panics.
func (c *conn) write(ctx context.Context, f func(*session) error) error {
	return c.read(ctx, func(s *session) (err error) {
		if err := s.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		done := false
		defer func() {
			if done {
				return
			}
			if failed := s.exec("ROLLBACK"); failed != nil {
				err = errors.Join(err, failed)
			}
		}()
		if err := f(s); err != nil {
			return err
		}
		if err := s.exec("COMMIT"); err != nil {
			return err
		}
		done = true
		return nil
	})
}

func (c *conn) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.statements {
		_ = s.Close()
	}
	return c.sql.Close()
}

// session is the time somebody has a connection to himself.
type session struct {
	*conn
	ctx context.Context
}

func (s *session) prepared(query string) (*sql.Stmt, error) {
	if st, ok := s.statements[query]; ok {
		return st, nil
	}
	st, err := s.sql.PrepareContext(s.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", query, err)
	}
	s.statements[query] = st
	return st, nil
}

func (s *session) exec(query string, args ...any) error {
	_, err := s.affected(query, args...)
	return err
}

// affected runs a statement and says how many rows it touched.
func (s *session) affected(query string, args ...any) (int64, error) {
	st, err := s.prepared(query)
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(s.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// scanner is what sql.Row and sql.Rows have in common.
type scanner interface{ Scan(dest ...any) error }

// one returns the only row of a query, or store.ErrNotFound.
func one[T any](s *session, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	var none T
	st, err := s.prepared(query)
	if err != nil {
		return none, err
	}
	v, err := scan(st.QueryRowContext(s.ctx, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return none, store.ErrNotFound
	}
	return v, err
}

// all returns the rows of a query.
func all[T any](s *session, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	st, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(s.ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// value scans rows of one column.
func value[T any](r scanner) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
