//go:build bench

package bench

import (
	"fmt"
	"os"
	"testing"
)

// TestBench measures everything and prints it. It fails if a figure is over its bar.
func TestBench(t *testing.T) {
	var r report
	defer r.print(os.Stdout)
	others := buildOthers(t)
	measureStart(t, &r)
	measureMemory(t, &r)
	measureDecisions(t, &r)
	measureSeed(t, &r)
	measureWrites(t, &r)

	e := emulate(t, t.TempDir())
	measureGate(t, &r, e, others)
	all := contestants(t, e, others)
	printSpeed(os.Stdout, all, measureSpeed(t, all))
	fmt.Println()
	for _, missed := range r.missed() {
		t.Errorf("over its bar: %s", missed)
	}
}
