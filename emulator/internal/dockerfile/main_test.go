package dockerfile

import (
	"fmt"
	"os"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// childArgument makes this test binary a child of the executor, as a program that embeds the emulator does.
const childArgument = "executor-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		if err := executor.Child(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(126)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newNetwork returns a network of namespaces, or skips the test where there can be none. Without root there is one account
// only, and no file can be given to another.
func newNetwork(t *testing.T) executor.Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("RUN gives files to several accounts here, which needs root")
	}
	e, err := executor.Choose(t.Context(), executor.Options{
		Kind: executor.Namespaces, ChildArguments: []string{childArgument}, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() }) //nolint:errcheck // the executor has tests of its own
	if s := e.Status(); s.Kind != executor.Namespaces {
		if os.Getenv("CI") == "true" {
			t.Fatal(s.Detail)
		}
		t.Skip(s.Detail)
	}
	n, err := e.Network(t.Context(), executor.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() }) //nolint:errcheck // the executor has tests of its own
	return n
}
