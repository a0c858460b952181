package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// grep finds lines. Its expressions are those of Go: what is basic in grep is turned into them.
func grep(ctx context.Context, p program.Process) int {
	a, code := arguments(p, exitMisuse, letters("ivcnqoEFlwxhHs:em")...)
	if code != 0 {
		return code
	}
	patterns := a.All("e")
	if len(patterns) == 0 {
		if len(a.Rest) == 0 {
			return p.Fail(exitMisuse, "no pattern")
		}
		patterns, a.Rest = strings.Split(a.Rest[0], "\n"), a.Rest[1:]
	}
	expression, err := expressionOf(patterns, a)
	if err != nil {
		return p.Fail(exitMisuse, "%v", err)
	}
	most, err := a.Int("m", -1)
	if err != nil {
		return p.Fail(exitMisuse, "invalid max count")
	}
	s := &search{Arguments: a, expression: expression, out: newOutput(p.Stdout), most: most}
	s.named = (len(a.Rest) > 1 || a.Bool("H")) && !a.Bool("h")
	failed := withInputs(p, a.Rest, func(name string, r io.Reader) error { return s.input(ctx, name, r) })
	switch {
	case s.found && (failed == 0 || a.Bool("q")):
		return 0
	case failed != 0:
		return exitMisuse
	}
	return 1
}

// search is one call of grep.
type search struct {
	program.Arguments
	expression *regexp.Regexp
	out        output
	most       int
	named      bool
	found      bool
}

// input searches one file.
func (s *search) input(ctx context.Context, name string, r io.Reader) error {
	matches, number := 0, 0
	for line, err := range lines(ctx, r) {
		if err != nil {
			return err
		}
		if matches == s.most {
			break
		}
		number++
		if s.expression.MatchString(line) == s.Bool("v") {
			continue
		}
		matches++
		s.found = true
		if s.Bool("q") || s.Bool("l") {
			break
		}
		if !s.Bool("c") && !s.show(name, number, line) {
			break
		}
	}
	switch {
	case s.Bool("q"):
	case s.Bool("l") && matches > 0:
		s.out.line(name)
	case s.Bool("c"):
		s.out.line(s.prefix(name, 0) + strconv.Itoa(matches))
	}
	return s.out.end()
}

func (s *search) prefix(name string, number int) string {
	text := ""
	if s.named {
		text = name + ":"
	}
	if s.Bool("n") && number > 0 {
		text += strconv.Itoa(number) + ":"
	}
	return text
}

func (s *search) show(name string, number int, line string) bool {
	if !s.Bool("o") {
		return s.out.line(s.prefix(name, number) + line)
	}
	for _, part := range s.expression.FindAllString(line, -1) {
		if part != "" && !s.out.line(s.prefix(name, number)+part) {
			return false
		}
	}
	return true
}

// expressionOf makes one expression of the patterns.
func expressionOf(patterns []string, a program.Arguments) (*regexp.Regexp, error) {
	var alternatives []string
	for _, pattern := range patterns {
		switch {
		case a.Bool("F"):
			pattern = regexp.QuoteMeta(pattern)
		case !a.Bool("E"):
			pattern = extended(pattern)
		}
		switch {
		case a.Bool("x"):
			pattern = `^(?:` + pattern + `)$`
		case a.Bool("w"):
			pattern = `\b(?:` + pattern + `)\b`
		}
		alternatives = append(alternatives, pattern)
	}
	joined := strings.Join(alternatives, "|")
	if a.Bool("i") {
		joined = "(?i)" + joined
	}
	return regexp.Compile(joined)
}

// extended turns a basic expression into an extended one: what is special with a backslash in one is so without it in
// the other.
func extended(basic string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(basic); i++ {
		c := basic[i]
		switch {
		case class:
			class = c != ']' || basic[i-1] == '[' || strings.HasSuffix(basic[:i], "[^")
			b.WriteByte(c)
		case c == '[':
			class = true
			b.WriteByte(c)
		case c == '\\' && i+1 < len(basic) && strings.IndexByte("+?(){}|", basic[i+1]) >= 0:
			i++
			b.WriteByte(basic[i])
		case c == '\\' && i+1 < len(basic):
			i++
			b.WriteString(basic[i-1 : i+1])
		case strings.IndexByte("+?(){}|", c) >= 0, c == '*' && i == 0:
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func cut(ctx context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("s:dfcb")...)
	if code != 0 {
		return code
	}
	separator := orElse(a.String("d"), "\t")
	bytewise := !a.Has("f")
	wanted, err := parseRanges(a.String("f") + a.String("c") + a.String("b"))
	if err != nil {
		return p.Fail(1, "%v", err)
	}
	out := newOutput(p.Stdout)
	return withInputs(p, a.Rest, func(_ string, r io.Reader) error {
		for line, err := range lines(ctx, r) {
			if err != nil {
				return err
			}
			text := ""
			switch {
			case bytewise:
				text = strings.Join(wanted.of(strings.Split(line, "")), "")
			case !strings.Contains(line, separator):
				if a.Bool("s") {
					continue
				}
				text = line
			default:
				text = strings.Join(wanted.of(strings.Split(line, separator)), separator)
			}
			if !out.line(text) {
				break
			}
		}
		return out.end()
	})
}

// ranges are which fields count, from 1, both ends included.
type ranges [][2]int

func parseRanges(list string) (ranges, error) {
	var all ranges
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(orElse(first, "1"))
		to, toErr := strconv.Atoi(orElse(last, strconv.Itoa(1<<30)))
		if err != nil || toErr != nil || from < 1 || to < from || part == "" || part == "-" {
			return nil, errors.New("invalid byte, character or field list")
		}
		all = append(all, [2]int{from, to})
	}
	return all, nil
}

// of returns the fields that count, in their own order.
func (r ranges) of(fields []string) []string {
	var found []string
	for i, field := range fields {
		for _, one := range r {
			if i+1 >= one[0] && i+1 <= one[1] {
				found = append(found, field)
				break
			}
		}
	}
	return found
}

func tr(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("dscC")...)
	if code != 0 {
		return code
	}
	if len(a.Rest) == 0 || len(a.Rest) < 2 && !a.Bool("d") && !a.Bool("s") {
		return p.Fail(1, "missing operand")
	}
	t, err := newTranslation(a)
	if err != nil {
		return p.Fail(1, "%v", err)
	}
	in, out := bufio.NewReader(p.Stdin), bufio.NewWriter(p.Stdout)
	last := -1
	for {
		c, err := in.ReadByte()
		if err != nil {
			break
		}
		to := t.to[c]
		if to < 0 || t.squeezed[byte(to)] && to == last {
			continue
		}
		last = to
		if out.WriteByte(byte(to)) != nil {
			break
		}
	}
	if out.Flush() != nil {
		return p.Fail(1, "%v", errOutput)
	}
	return 0
}

// translation says what becomes of each byte: another one, or nothing (-1).
type translation struct {
	to       [256]int
	squeezed [256]bool
}

func newTranslation(a program.Arguments) (*translation, error) {
	var sets [2][]byte
	for i, text := range a.Rest[:min(2, len(a.Rest))] {
		set, err := byteSet(text)
		if err != nil {
			return nil, err
		}
		sets[i] = set
	}
	from, to := sets[0], sets[1]
	if a.Bool("c") || a.Bool("C") {
		from = complement(from)
	}
	t := &translation{}
	for i := range t.to {
		t.to[i] = i
	}
	for i, c := range from {
		switch {
		case a.Bool("d"):
			t.to[c] = -1
		case len(to) > 0:
			t.to[c] = int(to[min(i, len(to)-1)])
		}
	}
	if a.Bool("s") {
		if len(to) == 0 {
			to = from
		}
		for _, c := range to {
			t.squeezed[c] = true
		}
	}
	return t, nil
}

func complement(set []byte) []byte {
	var rest []byte
	for i := range 256 {
		if !strings.ContainsRune(string(set), rune(i)) || i > 127 {
			rest = append(rest, byte(i))
		}
	}
	return rest
}

// byteSet reads a set of tr: bytes, ranges, classes such as [:upper:], and escapes.
func byteSet(text string) ([]byte, error) {
	var set []byte
	for i := 0; i < len(text); i++ {
		if rest, ok := strings.CutPrefix(text[i:], "[:"); ok {
			if name, _, closed := strings.Cut(rest, ":]"); closed {
				class, ok := byteClass(name)
				if !ok {
					return nil, fmt.Errorf("invalid character class '%s'", name)
				}
				set = append(set, class...)
				i += len("[:") + len(name) + len(":]") - 1
				continue
			}
		}
		c, size := unescape(text[i:])
		i += size - 1
		if i+2 < len(text) && text[i+1] == '-' {
			last, size := unescape(text[i+2:])
			if last < c {
				return nil, fmt.Errorf("range-endpoints of '%c-%c' are in reverse collating sequence order", c, last)
			}
			for b := int(c); b <= int(last); b++ {
				set = append(set, byte(b))
			}
			i += 1 + size
			continue
		}
		set = append(set, c)
	}
	return set, nil
}

// unescape reads a byte, perhaps escaped, and returns how long it was.
func unescape(text string) (c byte, size int) {
	if len(text) > 1 && text[0] == '\\' {
		if at := strings.IndexByte("ntr0\\", text[1]); at >= 0 {
			return "\n\t\r\x00\\"[at], 2
		}
		return text[1], 2
	}
	return text[0], 1
}

// byteClass is a class of POSIX.
func byteClass(name string) ([]byte, bool) {
	expression, err := regexp.Compile("[[:" + name + ":]]")
	if err != nil || strings.ContainsAny(name, "[]^:") {
		return nil, false
	}
	var set []byte
	for c := range 128 {
		if expression.Match([]byte{byte(c)}) {
			set = append(set, byte(c))
		}
	}
	return set, true
}
