// Package sqlite keeps the emulator's state in SQLite, in memory or in one file.
//
// There is one connection that writes and, for a file, one that reads beside it (WAL); in memory they are the same, since
// a memory database belongs to its connection. A commit is in the operating system's hands when it returns
// (synchronous=NORMAL): killing the process loses nothing, a power cut may lose the last commits but never tears one.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// Store implements store.Store.
type Store struct {
	db             *sql.DB
	writer, reader *conn
	now            func() time.Time
}

var _ store.Store = (*Store)(nil)

// Options says where the state lies.
type Options struct {
	// Path is the database file. Empty means in memory: gone when the store is closed.
	Path string
	// Now is the clock for the times in rows; nil is the system's.
	Now func() time.Time
}

// Open opens the database, creating the file if need be. A file that is no database, or that a later
// version made, is an error; one of an earlier version is brought up to date. The file is for its owner's eyes only.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(ctx, o.Path); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the state %s: %w", place(o.Path), err), s.Close())
	}
	return s, nil
}

func place(path string) string {
	if path == "" {
		return "in memory"
	}
	return path
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	if err := private(path); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", source(path)); err != nil {
		return err
	}
	if s.writer, err = newConn(ctx, s.db); err != nil {
		return err
	}
	if err := s.writer.prepare(ctx); err != nil {
		return err
	}
	s.reader = s.writer
	if path != "" {
		s.reader, err = newConn(ctx, s.db)
	}
	return err
}

// private creates the file before SQLite does, which would let others read it.
func private(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// source is the driver's name for the database. The page cache is kept small: what is read often is in snapshots, and the
// kernel caches the file.
func source(path string) string {
	pragmas := url.Values{"_pragma": {"busy_timeout(2000)", "cache_size(-512)", "temp_store(2)"}}
	if path == "" {
		return "file::memory:?" + pragmas.Encode()
	}
	pragmas["_pragma"] = append(pragmas["_pragma"], "journal_mode(WAL)", "synchronous(NORMAL)")
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: pragmas.Encode()}).String()
}

// prepare creates the tables of a new database, brings those of an older one up to date and refuses a newer file, all in
// one transaction.
func (c *conn) prepare(ctx context.Context) error {
	return c.write(ctx, func(s *session) error {
		have, err := one(s, value[int], "PRAGMA user_version")
		if err != nil || have == version {
			return err
		}
		if have < 0 || have > version {
			return fmt.Errorf("it has version %d, this program writes version %d: use another data directory", have, version)
		}
		steps := append([]string{schema}, migrations[:]...)
		steps = append(steps[have:], fmt.Sprintf("PRAGMA user_version = %d", version))
		_, err = c.sql.ExecContext(s.ctx, strings.Join(steps, "\n"))
		return err
	})
}

// Close implements store.Store.
func (s *Store) Close() error {
	var errs []error
	if s.reader != nil && s.reader != s.writer {
		errs = append(errs, s.reader.close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}
