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
	measureMachine(t, &r)
	measureStart(t, &r)
	measureMemory(t, &r)
	measureDecisions(t, &r)
	measureSeed(t, &r)
	measureWrites(t, &r)
	measureLists(t, &r)
	measureWork(t, &r)
	measureAz(t, &r, others)

	e := emulate(t, t.TempDir())
	measureGate(t, &r, e, others)
	all := contestants(t, e, others)
	printSpeed(os.Stdout, all, measureSpeed(t, all))
	fmt.Println()
	for _, missed := range r.missed() {
		t.Errorf("over its bar: %s", missed)
	}
}

// measureMachine notes how busy the machine is with something else, which makes everything slower.
func measureMachine(t testing.TB, r *report) {
	t.Helper()
	file, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatalf("the benchmark takes Linux: %v", err)
	}
	var load float64
	if _, err := fmt.Sscan(string(file), &load); err != nil {
		t.Fatal(err)
	}
	r.note("processes that wanted a processor, last minute", load, "")
}
