package dockerfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Cache holds what instructions led to, as long as the results of the builds are not closed. The zero value is an empty cache;
// several builds may use one at once.
type Cache struct {
	mu    sync.Mutex
	steps map[string]step
}

// step is what an instruction led to: a layer, if it changed files, and when.
type step struct {
	layer   *layer
	created v1.Time
}

func (c *Cache) find(key string) (step, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, found := c.steps[key]
	return s, found
}

func (c *Cache) keep(key string, s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.steps == nil {
		c.steps = map[string]step{}
	}
	c.steps[key] = s
}

// once does what an instruction says, unless the cache knows what it leads to, and commits it. The key says all that it depends
// on beside what was before; an empty one is not looked up.
func (s *stage) once(key, comment string, do func() (*layer, error)) error {
	caches := s.Cache != nil && key != ""
	s.chain = digestOf(s.chain, key, comment)
	if caches && !s.NoCache {
		if made, found := s.Cache.find(s.chain); found {
			s.progress.cached()
			if err := s.overlay(made.layer); err != nil {
				return err
			}
			return s.append(made, comment)
		}
	}
	l, err := do()
	if err != nil {
		return err
	}
	made := step{layer: l, created: v1.Time{Time: s.Now().UTC()}}
	if caches {
		s.Cache.keep(s.chain, made)
	}
	return s.append(made, comment)
}

// overlay puts a layer that was made apart on the file system of the stage, if somebody has looked at that.
func (s *stage) overlay(l *layer) error {
	if s.fs == nil {
		return nil
	}
	if l != nil {
		if err := s.apply(s.fs, l); err != nil {
			return err
		}
	}
	s.fs.settle()
	return nil
}

// configuredKey is that of an instruction which has changed the configuration already.
func (s *stage) configuredKey() (string, error) {
	raw, err := json.Marshal([]any{s.config.Config, s.config.Author, s.declared})
	return string(raw), err
}

// key says what a copy depends on, but for the times of files.
func (y *copying) key(items []item) (string, error) {
	if y.Cache == nil {
		return "", nil
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %+v %t %t %t", y.dest, y.owner, y.link, y.pivot, y.unpack)
	if y.mode != nil {
		fmt.Fprintf(sum, " %o", *y.mode)
	}
	for _, i := range items {
		fmt.Fprintf(sum, "\n%q %q %t", i.path, i.above, i.archive)
		err := i.walk(func(rel string, n *node) error {
			if rel != "." && y.excluded(rel) {
				return nil
			}
			fmt.Fprintf(sum, "\n%q %c %o %d:%d %d %q ", rel, n.kind, n.mode, n.uid, n.gid, n.size, n.target)
			if n.open == nil {
				return nil
			}
			return n.copyTo(sum)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// runKey says what a RUN depends on. One that mounts files is carried out each time.
func (s *stage) runKey(c *instructions.RunCommand, args, env []string) string {
	for _, mount := range instructions.GetMounts(c) {
		if mount.Type == instructions.MountTypeBind {
			return ""
		}
	}
	return "RUN " + strings.Join(append(args, env...), "\x00")
}
