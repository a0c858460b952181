package vantage

import (
	"fmt"
	"os"
	"testing"
)

// childArgument makes this test binary an isolated child.
const childArgument = "isolated-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		fmt.Fprintln(os.Stderr, IsolatedChild(os.Args[2:]))
		os.Exit(126)
	}
	os.Exit(m.Run())
}
