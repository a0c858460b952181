package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

func basename(_ context.Context, p program.Process) int {
	if len(p.Args) < 2 {
		return p.Fail(1, "missing operand")
	}
	name := path.Base(p.Args[1])
	if len(p.Args) > 2 && name != p.Args[2] {
		name = strings.TrimSuffix(name, p.Args[2])
	}
	fmt.Fprintln(p.Stdout, name)
	return 0
}

func dirname(_ context.Context, p program.Process) int {
	if len(p.Args) < 2 {
		return p.Fail(1, "missing operand")
	}
	for _, name := range p.Args[1:] {
		fmt.Fprintln(p.Stdout, path.Dir(strings.TrimRight(name, "/")+strings.Repeat("/", 1-min(1, len(strings.TrimRight(name, "/"))))))
	}
	return 0
}

// env prints the variables, or runs a program with others.
func env(ctx context.Context, p program.Process) int {
	a, err := program.Parse([]program.Flag{{Short: 'i', Long: "ignore-environment"}, {Short: 'u', Long: "unset", Value: true}}, p.Args[1:], true)
	if err != nil {
		return p.Fail(125, "%v", err)
	}
	variables := p.Env
	if a.Bool("ignore-environment") {
		variables = nil
	}
	for _, name := range a.All("unset") {
		variables = without(variables, name)
	}
	rest := a.Rest
	for len(rest) > 0 && strings.Contains(rest[0], "=") {
		name, _, _ := strings.Cut(rest[0], "=")
		variables = append(without(variables, name), rest[0])
		rest = rest[1:]
	}
	if len(rest) > 0 && p.Run != nil {
		p.Env, p.Args = variables, rest
		return p.Run(ctx, p)
	}
	for _, v := range variables {
		fmt.Fprintln(p.Stdout, v)
	}
	return 0
}

func without(variables []string, name string) []string {
	var rest []string
	for _, v := range variables {
		if !strings.HasPrefix(v, name+"=") {
			rest = append(rest, v)
		}
	}
	return rest
}

func sleep(ctx context.Context, p program.Process) int {
	if len(p.Args) < 2 {
		return p.Fail(1, "missing operand")
	}
	var total time.Duration
	for _, text := range p.Args[1:] {
		d, ok := interval(text)
		if !ok {
			return p.Fail(1, "invalid time interval '%s'", text)
		}
		total += d
	}
	timer := time.NewTimer(total)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0
	case <-ctx.Done():
		return 1
	}
}

// interval reads seconds, or another unit of s, m, h and d.
func interval(text string) (time.Duration, bool) {
	unit := time.Second
	if text != "" {
		if at := strings.IndexByte("smhd", text[len(text)-1]); at >= 0 {
			unit = [...]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}[at]
			text = text[:len(text)-1]
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	const year = 365 * 24 * time.Hour
	if err != nil || n < 0 || n != n {
		return 0, false
	}
	return time.Duration(min(n*float64(unit), float64(year))), true
}

// formats are what date knows after a percent sign, in the layouts of package time.
var formats = [...]struct {
	letter byte
	layout string
}{
	{'Y', "2006"},
	{'m', "01"},
	{'d', "02"},
	{'H', "15"},
	{'M', "04"},
	{'S', "05"},
	{'y', "06"},
	{'b', "Jan"},
	{'B', "January"},
	{'a', "Mon"},
	{'A', "Monday"},
	{'e', "_2"},
	{'j', "002"},
	{'Z', "MST"},
	{'z', "-0700"},
	{'F', "2006-01-02"},
	{'T', "15:04:05"},
	{'D', "01/02/06"},
	{'R', "15:04"},
	{'I', "03"},
	{'p', "PM"},
	{'N', "000000000"},
}

func date(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, program.Flag{Short: 'u', Long: "utc"}, program.Flag{Short: 'R'}, program.Flag{Short: 'I'})
	if code != 0 {
		return code
	}
	now := time.Now()
	if a.Bool("utc") {
		now = now.UTC()
	}
	layout, format := "Mon Jan _2 15:04:05 MST 2006", ""
	switch {
	case a.Bool("R"):
		layout = time.RFC1123Z
	case a.Bool("I"):
		layout = time.DateOnly
	case len(a.Rest) == 1 && strings.HasPrefix(a.Rest[0], "+"):
		format = a.Rest[0][1:]
	case len(a.Rest) > 0:
		return p.Fail(1, "cannot set the date, nor read '%s'", a.Rest[0])
	}
	if format != "" {
		fmt.Fprintln(p.Stdout, formatTime(now, format))
	} else {
		fmt.Fprintln(p.Stdout, now.Format(layout))
	}
	return 0
}

// formatTime fills in a format of date.
func formatTime(at time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch format[i] {
		case '%':
			b.WriteByte('%')
		case 's':
			fmt.Fprintf(&b, "%d", at.Unix())
		case 'N':
			fmt.Fprintf(&b, "%09d", at.Nanosecond())
		default:
			b.WriteString(part(at, format[i]))
		}
	}
	return b.String()
}

func part(at time.Time, letter byte) string {
	for _, f := range &formats {
		if f.letter == letter {
			return at.Format(f.layout)
		}
	}
	return "%" + string(letter)
}

func hostname(_ context.Context, p program.Process) int {
	name, err := os.Hostname()
	if err != nil {
		return p.Fail(1, "%s", reason(err))
	}
	fmt.Fprintln(p.Stdout, name)
	return 0
}

func id(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("ugn")...)
	if code != 0 {
		return code
	}
	user, group := os.Getuid(), os.Getgid()
	switch {
	case a.Bool("u") && a.Bool("n"):
		return whoami(context.Background(), p)
	case a.Bool("u"):
		fmt.Fprintln(p.Stdout, user)
	case a.Bool("g"):
		fmt.Fprintln(p.Stdout, group)
	default:
		fmt.Fprintf(p.Stdout, "uid=%d gid=%d\n", user, group)
	}
	return 0
}

func whoami(_ context.Context, p program.Process) int {
	if os.Getuid() == 0 {
		fmt.Fprintln(p.Stdout, "root")
		return 0
	}
	return p.Fail(1, "cannot find name for user ID %d", os.Getuid())
}

// machines are the names of architectures that uname has.
func machine() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return runtime.GOARCH
}

func uname(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("asmnrp")...)
	if code != 0 {
		return code
	}
	host, _ := os.Hostname()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		release = []byte("unknown")
	}
	var parts []string
	for _, field := range [...]struct{ letter, text string }{
		{"s", strings.ToUpper(runtime.GOOS[:1]) + runtime.GOOS[1:]}, {"n", host}, {"r", strings.TrimSpace(string(release))}, {"m", machine()},
	} {
		if a.Bool("a") || a.Bool(field.letter) {
			parts = append(parts, field.text)
		}
	}
	if len(parts) == 0 {
		parts = []string{strings.ToUpper(runtime.GOOS[:1]) + runtime.GOOS[1:]}
	}
	fmt.Fprintln(p.Stdout, strings.Join(parts, " "))
	return 0
}

func seq(ctx context.Context, p program.Process) int {
	var n []int
	for _, text := range p.Args[1:] {
		one, err := strconv.Atoi(text)
		if err != nil {
			return p.Fail(1, "invalid integer argument: '%s'", text)
		}
		n = append(n, one)
	}
	first, step, last := 1, 1, 0
	switch len(n) {
	case 1:
		last = n[0]
	case 2:
		first, last = n[0], n[1]
	case 3:
		first, step, last = n[0], n[1], n[2]
	default:
		return p.Fail(1, "one to three operands are necessary")
	}
	if step == 0 {
		return p.Fail(1, "invalid Zero increment value: '0'")
	}
	out := newOutput(p.Stdout)
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if !out.line(strconv.Itoa(i)) || ctx.Err() != nil {
			break
		}
	}
	if out.end() != nil {
		return 1
	}
	return 0
}

// xargs runs a program with the words of the input as arguments: all at once, or some at a time (-n), or one line in place of
// a mark (-I).
func xargs(ctx context.Context, p program.Process) int {
	a, err := program.Parse(letters("r0t:nI"), p.Args[1:], true)
	if err != nil {
		return p.Fail(1, "%v", err)
	}
	size, err := a.Int("n", 0)
	if err != nil || size < 0 {
		return p.Fail(1, "invalid number '%s'", a.String("n"))
	}
	data, err := io.ReadAll(io.LimitReader(p.Stdin, maxScript))
	if err != nil {
		return p.Fail(1, "%s", reason(err))
	}
	command := a.Rest
	if len(command) == 0 {
		command = []string{"echo"}
	}
	mark := a.String("I")
	words := strings.Fields(string(data))
	switch {
	case a.Bool("0"):
		words = strings.FieldsFunc(string(data), func(c rune) bool { return c == 0 })
	case mark != "":
		words, size = strings.FieldsFunc(string(data), func(c rune) bool { return c == '\n' }), 1
	}
	if len(words) == 0 && (a.Bool("r") || mark != "") {
		return 0
	}
	return runBatches(ctx, p, batches{command, words, size, mark})
}

// batches are the calls that xargs makes.
type batches struct {
	command, words []string
	size           int // words a call; 0 is all
	mark           string
}

func runBatches(ctx context.Context, p program.Process, b batches) int {
	code := 0
	for first := true; first || len(b.words) > 0; first = false {
		n := len(b.words)
		if b.size > 0 {
			n = min(n, b.size)
		}
		args := append(append([]string(nil), b.command...), b.words[:n]...)
		if b.mark != "" {
			args = args[:len(b.command)]
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], b.mark, b.words[0])
			}
		}
		b.words = b.words[n:]
		one := p
		one.Args, one.Stdin = args, strings.NewReader("")
		if p.Run(ctx, one) != 0 {
			code = 123
		}
		if ctx.Err() != nil {
			return 1
		}
	}
	return code
}
