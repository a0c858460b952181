package bench

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	twenty := make([]int, 20)
	for i := range twenty {
		twenty[i] = 20 - i
	}
	for p, want := range map[int]int{0: 1, 50: 10, 95: 19, 100: 20} {
		if got := percentile(twenty, p); got != want {
			t.Errorf("percentile %d of 1 to 20 is %d, want %d", p, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	var r report
	r.atMost(40, "start", milliseconds(12340*time.Microsecond), "ms")
	r.atMost(15, "gate", microseconds(15100*time.Nanosecond), "µs")
	r.atMost(0, "allocations", 0, "")
	r.atMost(2, "never measured", math.NaN(), "ms")
	r.note("memory at the peak", 1234.5, "MB")
	if got := r.missed(); !slices.Equal(got, []string{"gate", "never measured"}) {
		t.Errorf("missed: %q", got)
	}
	var out strings.Builder
	r.print(&out)
	for _, want := range []string{"12.3 ms", "≤ 40 ms", "15.1 µs", "1234 MB"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	if got := strings.Count(out.String(), "✗"); got != 2 {
		t.Errorf("%d figures are marked as missed, want 2:\n%s", got, out.String())
	}
}

func TestParseBenchmarks(t *testing.T) {
	found, err := parseBenchmarks(strings.NewReader(`goos: linux
BenchmarkDecide/rules=10-2    1880203  187.6 ns/op  0 B/op  0 allocs/op
BenchmarkDecide/rules=10-2    1880203  191.0 ns/op  0 B/op  1 allocs/op
BenchmarkDecide/rules=10-2    1880203  189.0 ns/op  0 B/op  1 allocs/op
BenchmarkDecide/rules=90-2    1880203  200.0 ns/op  0 B/op  0 allocs/op
BenchmarkWrite-2              786      513817 ns/op
PASS
ok  	github.com/acrlocal/acrlocal/gate	2.358s
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(slices.Values(found.fastest("BenchmarkDecide/", "ns/op"))); !slices.Equal(got, []float64{187.6, 200}) {
		t.Errorf("fastest of Decide: %v", got)
	}
	if got := slices.Sorted(slices.Values(found.all("BenchmarkDecide/", "allocs/op"))); !slices.Equal(got, []float64{0, 0, 1, 1}) {
		t.Errorf("allocations of Decide: %v", got)
	}
	if got := found.fastest("BenchmarkWrite", "allocs/op"); got != nil {
		t.Errorf("allocations of Write were not measured, but are %v", got)
	}
	if _, err := parseBenchmarks(strings.NewReader("BenchmarkX-2 1 x ns/op")); err == nil {
		t.Error("a result without a number was read")
	}
}
