package shell

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// count reads the number of -n, or of -NUMBER as it was written once.
func count(p program.Process, otherwise int) (program.Process, int, bool) {
	args := p.Args
	if len(args) > 1 && len(args[1]) > 1 && args[1][0] == '-' {
		if n, err := strconv.Atoi(args[1][1:]); err == nil {
			p.Args = append(args[:1:1], args[2:]...)
			return p, n, true
		}
	}
	return p, otherwise, false
}

func head(ctx context.Context, p program.Process) int {
	p, n, _ := count(p, 10)
	a, code := arguments(p, 1, letters("q:nc")...)
	if code != 0 {
		return code
	}
	n, err := a.Int("n", n)
	size, sizeErr := a.Int("c", -1)
	if err != nil || sizeErr != nil || n < 0 {
		return p.Fail(1, "invalid number of lines or bytes: '%s'", a.String("n")+a.String("c"))
	}
	return eachTitled(p, a.Rest, func(r io.Reader) error {
		if size >= 0 {
			_, err := io.CopyN(p.Stdout, r, int64(size))
			return ignoreEOF(err)
		}
		out, left := newOutput(p.Stdout), n
		for line, err := range lines(ctx, r) {
			if left--; err != nil || left < 0 || !out.line(line) {
				break
			}
		}
		return out.end()
	})
}

func ignoreEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // io.CopyN returns it as it is
		return nil
	}
	return err
}

func tail(ctx context.Context, p program.Process) int {
	p, n, _ := count(p, 10)
	a, code := arguments(p, 1, letters("q:n")...)
	if code != 0 {
		return code
	}
	from, isFrom := strings.CutPrefix(a.String("n"), "+")
	if given := strings.TrimPrefix(from, "-"); given != "" {
		var err error
		if n, err = strconv.Atoi(given); err != nil || n < 0 {
			return p.Fail(1, "invalid number of lines: '%s'", a.String("n"))
		}
	}
	return eachTitled(p, a.Rest, func(r io.Reader) error {
		out, number := newOutput(p.Stdout), 0
		var last []string
		for line, err := range lines(ctx, r) {
			if err != nil {
				return err
			}
			number++
			switch {
			case isFrom && number >= n:
				out.line(line)
			case !isFrom && n > 0:
				last = append(last[max(0, len(last)+1-n):], line)
			}
		}
		for _, line := range last {
			out.line(line)
		}
		return out.end()
	})
}

// eachTitled gives every input to a function, with a title each if there are several.
func eachTitled(p program.Process, names []string, do func(io.Reader) error) int {
	first := true
	return withInputs(p, names, func(name string, r io.Reader) error {
		if len(names) > 1 {
			if !first {
				fmt.Fprintln(p.Stdout)
			}
			fmt.Fprintf(p.Stdout, "==> %s <==\n", name)
		}
		first = false
		return do(r)
	})
}

func wc(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("lwcm")...)
	if code != 0 {
		return code
	}
	all := !a.Bool("l") && !a.Bool("w") && !a.Bool("c") && !a.Bool("m")
	var total [3]int
	show := func(name string, counts [3]int) {
		var fields []string
		for i, on := range [3]bool{all || a.Bool("l"), all || a.Bool("w"), all || a.Bool("c") || a.Bool("m")} {
			if on {
				fields = append(fields, strconv.Itoa(counts[i]))
			}
		}
		if name != "-" {
			fields = append(fields, name)
		}
		fmt.Fprintln(p.Stdout, strings.Join(fields, " "))
	}
	code = withInputs(p, a.Rest, func(name string, r io.Reader) error {
		counts, err := measure(r)
		show(name, counts)
		for i := range total {
			total[i] += counts[i]
		}
		return err
	})
	if len(a.Rest) > 1 {
		show("total", total)
	}
	return code
}

// measure counts lines, words and bytes.
func measure(r io.Reader) (counts [3]int, err error) {
	buffer, inWord := make([]byte, 32<<10), false
	for {
		n, err := r.Read(buffer)
		counts[2] += n
		counts[0] += bytes.Count(buffer[:n], []byte("\n"))
		for _, c := range buffer[:n] {
			space := strings.IndexByte(" \t\n\v\f\r", c) >= 0
			if inWord && space || !inWord && !space {
				inWord = !inWord
				if inWord {
					counts[1]++
				}
			}
		}
		if err != nil {
			return counts, ignoreEOF(err)
		}
	}
}

func sorted(ctx context.Context, p program.Process) int {
	a, code := arguments(p, exitMisuse, letters("rnufb:kt")...)
	if code != 0 {
		return code
	}
	field, err := a.Int("k", 0)
	if err != nil || field < 0 {
		return p.Fail(exitMisuse, "only -k with one number is known here: '%s'", a.String("k"))
	}
	var all []string
	code = withInputs(p, a.Rest, func(_ string, r io.Reader) error {
		for line, err := range lines(ctx, r) {
			if err != nil {
				return err
			}
			all = append(all, line)
		}
		return nil
	})
	o := order{field: field, separator: a.String("t"), numeric: a.Bool("n"), fold: a.Bool("f")}
	slices.SortStableFunc(all, func(x, y string) int {
		if a.Bool("r") {
			x, y = y, x
		}
		return o.compare(x, y)
	})
	if a.Bool("u") {
		all = slices.CompactFunc(all, func(x, y string) bool { return o.compare(x, y) == 0 })
	}
	out := newOutput(p.Stdout)
	for _, line := range all {
		out.line(line)
	}
	if err := out.end(); err != nil {
		return p.Fail(exitMisuse, "%v", err)
	}
	return code
}

// order is how lines are compared.
type order struct {
	field         int // the first one that counts, from 1; 0 is the whole line
	separator     string
	numeric, fold bool
}

func (o order) compare(x, y string) int {
	x, y = o.key(x), o.key(y)
	if o.numeric {
		return cmp.Compare(leadingNumber(x), leadingNumber(y))
	}
	return cmp.Compare(x, y)
}

func (o order) key(line string) string {
	if o.fold {
		line = strings.ToUpper(line)
	}
	for range o.field - 1 {
		if o.separator != "" {
			_, line, _ = strings.Cut(line, o.separator)
			continue
		}
		line = strings.TrimLeft(line, " \t")
		line = line[min(len(line), max(0, strings.IndexAny(line+" ", " \t"))):]
	}
	return line
}

// leadingNumber is the number that a text begins with; 0 if it begins with none.
func leadingNumber(text string) float64 {
	text = strings.TrimLeft(text, " \t")
	end := 0
	for end < len(text) && (strings.IndexByte("0123456789.", text[end]) >= 0 || end == 0 && text[0] == '-') {
		end++
	}
	n, _ := strconv.ParseFloat(text[:end], 64)
	return n
}

func uniq(ctx context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("cdu")...)
	if code != 0 {
		return code
	}
	out := newOutput(p.Stdout)
	last, times := "", 0
	flush := func() {
		if times == 0 || a.Bool("d") && times == 1 || a.Bool("u") && times > 1 {
			return
		}
		if a.Bool("c") {
			out.line(fmt.Sprintf("%7d %s", times, last))
		} else {
			out.line(last)
		}
	}
	return withInputs(p, a.Rest[:min(1, len(a.Rest))], func(_ string, r io.Reader) error {
		for line, err := range lines(ctx, r) {
			if err != nil {
				return err
			}
			if times > 0 && line == last {
				times++
				continue
			}
			flush()
			last, times = line, 1
		}
		flush()
		return out.end()
	})
}
