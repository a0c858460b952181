package executor

import (
	"fmt"
	"os"
	"testing"
)

// childArgument makes this test binary a child of the executor, as a program that embeds the emulator does.
const childArgument = "executor-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		if err := Child(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(126)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
