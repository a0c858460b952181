//go:build bench

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	gateRequests = 20_000
	gateRuns     = 5
	decideRuns   = 5

	gateBar   = 15  // µs of CPU for a request with a token known already
	decideBar = 400 // ns
	spreadBar = 80  // ns, between the smallest policy and the largest
	writeBar  = 2   // ms
)

// measureGate compares GET /v2/ with a token known already to a server that gives the same body and does nothing else.
// There is no content behind this path, so that the difference is what stands in front of it: the listener, the router,
// authentication, the decision, its log and its headers. The other server collects garbage as rarely as the emulator, so
// that this is not taken for a virtue of the gate.
func measureGate(t testing.TB, r *report, e *emulator, others string) {
	t.Helper()
	bare := other(t, others, bareHTTP, "GOGC=400")
	guarded, open := e.login(t, benchRepository), newClient(bare.url, e.login(t, benchRepository).token)
	var cost []float64
	for range gateRuns {
		with := cpuPerRequest(t, e.process, guarded)
		without := cpuPerRequest(t, bare, open)
		cost = append(cost, microseconds(with-without))
	}
	r.atMost(gateBar, "CPU that the gate adds to a request, median", percentile(cost, 50), "µs")
	r.note("CPU that the gate adds, least of 5 runs of 20,000", slices.Min(cost), "µs")
	r.note("CPU that the gate adds, most", slices.Max(cost), "µs")
}

func cpuPerRequest(t testing.TB, p *process, c *client) time.Duration {
	t.Helper()
	before := p.cpu(t)
	load(t, times(gateRequests), func(int64) error { return c.get("/v2/") })
	return (p.cpu(t) - before) / gateRequests
}

// measureDecisions runs the benchmarks of gate, again and again, so that each has its turn when the machine is quiet.
func measureDecisions(t testing.TB, r *report) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gate.test")
	run(t, "go", "test", "-C", filepath.Join("..", ".."), "-c", "-o", binary, "./gate")
	var out []byte
	for range decideRuns {
		out = append(out, run(t, binary, "-test.run", "^$", "-test.bench", "Benchmark(Decide|Write|Compile)$",
			"-test.benchmem", "-test.benchtime", "200ms")...)
	}
	found, err := parseBenchmarks(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	fastest := func(benchmark, unit string) []float64 {
		results := found.fastest(benchmark, unit)
		if len(results) == 0 {
			t.Fatalf("%s was not measured in %s:\n%s", benchmark, unit, out)
		}
		return results
	}
	took := fastest("BenchmarkDecide/", "ns/op")
	r.atMost(decideBar, "decision, slowest of 10 and 10,000 rules × assignments", slices.Max(took), "ns")
	r.atMost(spreadBar, "decision, slowest less fastest", slices.Max(took)-slices.Min(took), "ns")
	r.atMost(0, "decision, allocations", slices.Max(found.all("BenchmarkDecide/", "allocs/op")), "")
	r.atMost(writeBar, "gate: one assignment added to 10,000", fastest("BenchmarkWrite", "ns/op")[0]/1e6, "ms")
	r.note("gate: 10,000 assignments compiled", fastest("BenchmarkCompile", "ns/op")[0]/1e6, "ms")
}

// run runs a program to its end and returns what it printed.
func run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return out
}
