package bench

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one measured value, and the most it may be.
type figure struct {
	name  string
	value float64
	unit  string
	bar   float64 // infinite if the figure is only for people
}

func (f figure) met() bool { return f.value <= f.bar }

func (f figure) verdict() string {
	switch {
	case math.IsInf(f.bar, 1):
		return ""
	case f.met():
		return "✓"
	}
	return "✗"
}

// report collects figures in the order in which they are measured.
type report struct{ figures []figure }

// atMost adds a figure that must not be larger than its bar.
func (r *report) atMost(bar float64, name string, value float64, unit string) {
	r.figures = append(r.figures, figure{name, value, unit, bar})
}

// note adds a figure without a bar.
func (r *report) note(name string, value float64, unit string) {
	r.atMost(math.Inf(1), name, value, unit)
}

// missed names the figures over their bars.
func (r *report) missed() []string {
	var names []string
	for _, f := range r.figures {
		if !f.met() {
			names = append(names, f.name)
		}
	}
	return names
}

// print writes the table of figures.
func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tMEASURED\tBAR\t")
	for _, f := range r.figures {
		bar := ""
		if !math.IsInf(f.bar, 1) {
			bar = "≤ " + number(f.bar) + " " + f.unit
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\n", f.name, number(f.value), f.unit, bar, f.verdict())
	}
	_ = w.Flush()
}

// number prints three digits, or all of those before the point.
func number(v float64) string {
	if math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// percentile returns the value that p percent of the values do not exceed (nearest rank).
func percentile[T cmp.Ordered](values []T, p int) T {
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// benchmarks are the results of `go test -bench`: by benchmark, without the number of processors, and by unit, all runs.
type benchmarks map[string]map[string][]float64

// parseBenchmarks reads the lines of results; it passes over all others.
func parseBenchmarks(r io.Reader) (benchmarks, error) {
	found := benchmarks{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if at := strings.LastIndexByte(name, '-'); at > 0 {
			name = name[:at]
		}
		if found[name] == nil {
			found[name] = map[string][]float64{}
		}
		for pair := range slices.Chunk(fields[2:], 2) {
			value, err := strconv.ParseFloat(pair[0], 64)
			if err != nil || len(pair) < 2 {
				return nil, fmt.Errorf("not a result of a benchmark: %q", lines.Text())
			}
			found[name][pair[1]] = append(found[name][pair[1]], value)
		}
	}
	return found, lines.Err()
}

// fastest returns the least result of each benchmark whose name begins so, in some order: what else runs on the machine
// only ever adds.
func (b benchmarks) fastest(prefix, unit string) []float64 {
	var all []float64
	for name, units := range b {
		if runs := units[unit]; strings.HasPrefix(name, prefix) && len(runs) > 0 {
			all = append(all, slices.Min(runs))
		}
	}
	return all
}

// all returns the results of all runs of the benchmarks whose name begins so, in some order.
func (b benchmarks) all(prefix, unit string) []float64 {
	var all []float64
	for name, units := range b {
		if strings.HasPrefix(name, prefix) {
			all = append(all, units[unit]...)
		}
	}
	return all
}
