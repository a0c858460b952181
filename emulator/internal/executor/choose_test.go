package executor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestChoose(t *testing.T) {
	if _, err := Choose(t.Context(), Options{Kind: "podman"}); err == nil || !strings.Contains(err.Error(), "choose auto, namespaces, docker or none") {
		t.Errorf("podman: %v", err)
	}
	for _, c := range []struct{ about, kind, dir, want string }{
		{"switched off", None, "", "switched off"},
		{"a directory that cannot be", Namespaces, filepath.Join(os.DevNull, "dir"), "not a directory"},
	} {
		t.Run(c.about, func(t *testing.T) {
			e, err := Choose(t.Context(), Options{Kind: c.kind, Dir: c.dir})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			_, err = e.Network(t.Context(), NetworkOptions{})
			if _, ok := errors.AsType[*UnavailableError](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an *UnavailableError: %s", err, c.want)
			}
			if s := e.Status(); s.Kind != None || !strings.Contains(s.Detail, c.want) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A child that is started in place of a container's keeper must not start others: a program that does not call Child
// first would start itself for ever.
func TestChildStartsNoOther(t *testing.T) {
	t.Setenv("ACRLOCAL_CONTAINER_CHILD", "keeper")
	e, err := Choose(t.Context(), Options{Kind: Namespaces, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if s := e.Status(); s.Kind != None {
		t.Errorf("%+v", s)
	}
}

func TestCommand(t *testing.T) {
	config := v1.Config{Entrypoint: []string{"entry"}, Cmd: []string{"command"}}
	for _, c := range []struct {
		entrypoint, args []string
		want             string
	}{
		{nil, nil, "entry command"},
		{nil, []string{"a", "b"}, "entry a b"},
		{[]string{"other"}, nil, "other"},
		{[]string{"other"}, []string{"a"}, "other a"},
		{[]string{}, []string{"a"}, "a"},
	} {
		if got := strings.Join(Command(config, c.entrypoint, c.args), " "); got != c.want {
			t.Errorf("entry point %q, arguments %q: %q, want %q", c.entrypoint, c.args, got, c.want)
		}
	}
}
