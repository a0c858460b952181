//go:build linux

package executor

import (
	"strings"
	"testing"
)

func TestProcess(t *testing.T) {
	n := newNetwork(t, NetworkOptions{Env: []string{"FROM_NETWORK=network", "FROM_IMAGE=network"}})
	i := image(t)
	for _, c := range []struct {
		about string
		spec  func(*Spec)
		args  []string
		code  int
		want  string
	}{
		{"output", nil, []string{"echo", "a", "b"}, 0, "a b\n"},
		{"exit code", nil, []string{"cat", "/nothing"}, 1, "error: open /nothing: no such file or directory\n"},
		{"a variable of the image", nil, []string{"env", "FROM_IMAGE"}, 0, "image\n"},
		{"a variable of the network", nil, []string{"env", "FROM_NETWORK"}, 0, "network\n"},
		{"input", func(s *Spec) { s.Stdin = strings.NewReader("typed") }, []string{"stdin"}, 0, "typed"},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := spec(i, nil, c.args...)
			if c.spec != nil {
				c.spec(&s)
			}
			code, err, out := run(t, n, s)
			if code != c.code || err != nil || out != c.want {
				t.Errorf("%v: %d %q %v, want %d %q", c.args, code, out, err, c.code, c.want)
			}
		})
	}
}
