package taskfile

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bombs are tasks that were made to exhaust time or memory, each with a part of what refuses it.
var bombs = map[string]struct{ text, want string }{
	"text of 10 MB":            {"steps: []\n#" + strings.Repeat("x", 10<<20), "more than the 1048576"},
	"marks":                    {"steps: [" + strings.Repeat("a,", maxText/2-10), "lines and marks"},
	"depth":                    {strings.Repeat("[", 10_000), "nested more than 64 deep"},
	"depth in blocks":          {strings.Repeat("- ", 10_000) + "a", "nested more than 64 deep"},
	"keys":                     {numbered("k", 6_000), "more than 5000 entries"},
	"documents":                {strings.Repeat("---\na: b\n", 200), "more than 100 documents"},
	"billion laughs":           {laughs("  - &l0 [a]", 40) + "steps: *l39", "cannot unmarshal !!seq into graph.Step"},
	"laughs that fit":          {"x: &e [" + strings.Repeat("a=b,", 5_000) + "]\ny: &s {cmd: a, env: *e}\nsteps: [" + strings.Repeat("*s,", 900) + "]", "excessive aliasing"},
	"laughs as env":            {laughs("  - &l0 a", 40) + "env: *l39", "cannot unmarshal !!seq into string"},
	"laughs in merges":         {mergeLaughs(40), "merge keys copy more than"},
	"steps":                    {"x: &s {cmd: a}\nsteps: [" + strings.Repeat("*s,", 2_000) + "]", "more than the 1000"},
	"alias that grows":         {"version: v1.1.0\nalias:\n  values:\n    a: " + strings.Repeat("x", 2_000) + "\nsteps:\n" + strings.Repeat("- $a\n", 2_000), "once its aliases are replaced"},
	"range over a number":      {"{{range 1000000000}}{{end}}", "too much work"},
	"nested ranges":            {"{{range 100000}}{{range 100000}}{{end}}{{end}}", "too much work"},
	"range that prints":        {"{{range 1000000000}}xxxxxxxx{{end}}", "renders to more than"},
	"until":                    {"{{range until 1000000000}}{{end}}", "too much work"},
	"until below zero":         {"{{until -9223372036854775808}}", "too much work"},
	"untilStep":                {"{{untilStep 0 9223372036854775807 1}}", "too much work"},
	"untilStep that overflows": {"{{untilStep 0 9223372036854775807 9223372036854775806}}", "too much work"},
	"seq":                      {"{{seq 1 1 1000000000}}", "too much work"},
	"repeat":                   {`{{repeat 1000000000 "x"}}`, "too much work"},
	"repeat of repeat":         {`{{repeat 1000 (repeat 100 (repeat 100 "x"))}}`, "larger than"},
	"random":                   {"{{randAlphaNum 1000000000}}", "too much work"},
	"random bytes":             {"{{randBytes 1000000000}}", "too much work"},
	"indent":                   {`{{indent 1000000000 "a\nb"}}`, "too much work"},
	"printf":                   {`{{printf "%0999999d%0999999d%0999999d" 1 2 3}}`, "larger than"},
	"many widths":              {`{{printf "` + strings.Repeat("%999999d", 10_000) + `" 1}}`, "too much work"},
	"width from outside":       {`{{printf "` + strings.Repeat("%*d", 10_000) + `" 1}}`, "too much work"},
	"replace that multiplies":  {`{{$x := repeat 20000 "a"}}{{$x | replace "a" $x}}`, "too much work"},
	"join that multiplies":     {`{{join (repeat 100000 "a") (until 10000)}}`, "too much work"},
	"wrap that multiplies":     {`{{wrapWith 1 (repeat 100000 "a") (repeat 50000 "a b")}}`, "too much work"},
	"doubled text":             {`{{$x := "aa"}}{{range until 60}}{{$x = print $x $x}}{{end}}{{$x}}`, "larger than"},
	"doubled list":             {`{{$x := list 1}}{{range until 60}}{{$x = list $x $x}}{{end}}{{$x}}`, "larger than"},
	"itself":                   {`{{$d := dict}}{{$_ := set $d "a" $d}}{{$d}}`, "holds itself"},
	"itself, by merging":       {`{{$d := dict}}{{$_ := merge $d (dict "a" $d)}}{{$d}}`, "holds itself"},
	"itself, copied":           {`{{$d := dict}}{{$_ := set $d "a" (list $d)}}{{deepCopy $d}}`, "holds itself"},
	"what is below grows":      {`{{$i := dict}}{{$o := list}}{{range 1000}}{{$o = append $o $i}}{{end}}{{$_ := set $i "a" (repeat 200000 "x")}}{{$o}}`, "larger than"},
	"what is below, by html":   {`{{$i := dict}}{{$o := list}}{{range 1000}}{{$o = append $o $i}}{{end}}{{$_ := set $i "a" (repeat 200000 "x")}}{{html $o}}`, "larger than"},
	"uniq":                     {"{{range 100}}{{$_ := uniq (until 10000)}}{{end}}", "too much work"},
	"recursion":                {`{{define "f"}}{{template "f"}}{{end}}{{template "f"}}`, "more than 500 deep"},
	"recursion of the file":    {`{{template "decoded"}}`, "more than 500 deep"},
	"recursion in a block":     {`{{block "f" .}}{{with 1}}{{template "f"}}{{end}}{{end}}`, "more than 500 deep"},
	"a turn that breaks":       {`{{range 1000000}}{{range 10}}{{continue}}{{end}}{{end}}`, "too much work"},
	"values that hold all":     {`{{$_ := set .Values "a" .}}{{.}}`, "holds itself"},
	"recursion in two":         {`{{define "f"}}{{if lt (int .) 60}}{{template "f" (add1 .)}}{{template "f" (add1 .)}}{{end}}{{end}}{{template "f" 0}}`, "too much work"},
	"expression":               {`{{$s := repeat 200000 "a"}}{{range 1000}}{{$_ := regexMatch "(a*)*(a*)*b{500}" $s}}{{end}}`, "too much work"},
	"expression that is long":  {`{{regexMatch (repeat 2000 "a") "a"}}`, "too much work"},
	"expression that grows":    {`{{$s := repeat 20000 "a"}}{{regexReplaceAll "a" $s $s}}`, "too much work"},
	"keys of certificates":     {`{{range 100}}{{$_ := genPrivateKey "ed25519"}}{{end}}`, "too much work"},
	"passwords":                {`{{range 100}}{{$_ := bcrypt "a"}}{{end}}`, "too much work"},
	"deep JSON":                {`{{$_ := fromJson (repeat 5000 "[")}}{{$j := print (repeat 5000 "[") (repeat 5000 "]")}}{{fromJson $j}}`, "holds itself"},
	"deep parentheses":         {"{{" + strings.Repeat("(", 100_000) + "1", "failed to parse"},
	"deep conditions":          {strings.Repeat("{{if true}}", 90_000), "failed to parse"},
	"many words":               {"steps: [{cmd: 'a " + strings.Repeat("b ", maxCommand/2) + "'}]", "more than the 131072"},
	"many expansions":          {"steps: [{cmd: 'a " + strings.Repeat("${a:-", 10_000) + "'}]", "expansions"},
	"panic":                    {"{{chunk 0 (list 1)}}", "out of range"},
}

func numbered(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(prefix + strconv.Itoa(i) + ": 1\n")
	}
	return b.String()
}

// laughs is a list of anchors, each with twice what the one before it has.
func laughs(first string, n int) string {
	var b strings.Builder
	b.WriteString("x:\n" + first + "\n")
	for i := 1; i < n; i++ {
		before := "*l" + strconv.Itoa(i-1)
		b.WriteString("  - &l" + strconv.Itoa(i) + " [" + before + ", " + before + "]\n")
	}
	return b.String()
}

// mergeLaughs is a chain of mappings, each with a key more than the one that it merges.
func mergeLaughs(n int) string {
	var b strings.Builder
	b.WriteString("m0: &m0\n")
	for i := range 4_000 {
		b.WriteString("  k" + strconv.Itoa(i) + ": 1\n")
	}
	for i := 1; i < n; i++ {
		b.WriteString("m" + strconv.Itoa(i) + ": &m" + strconv.Itoa(i) + "\n  <<: *m" + strconv.Itoa(i-1) + "\n")
	}
	return b.String()
}

// TestBombs holds each to a time and an amount of memory, and to being refused with the reason.
func TestBombs(t *testing.T) {
	const longest, most = 20 * time.Second, 1 << 30
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := Parse(context.Background(), Input{Text: bomb.text, Run: run})
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), bomb.want) {
				t.Errorf("got %.300v, want an error with %q", err, bomb.want)
			}
			if took > longest || after.TotalAlloc-before.TotalAlloc > most {
				t.Errorf("it took %v and %d MB", took, (after.TotalAlloc-before.TotalAlloc)>>20)
			}
			t.Logf("%v, %d MB", took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20)
		})
	}
}

// TestBombsInValues are those of a values file and of alias files.
func TestBombsInValues(t *testing.T) {
	large := strings.Repeat("x", maxText+1)
	for name, in := range map[string]Input{
		"large":   {Values: "a: " + large},
		"aliases": {Values: laughs("  - &l0 a", 40)},
		"alias file": {Text: "version: v1.1.0\nalias:\n  src: [a]\n", AliasFile: func(context.Context, string) (string, error) {
			return "a: " + large, nil
		}},
	} {
		in.Text += "steps: []"
		if _, err := Parse(context.Background(), in); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: got %.200v", name, err)
		}
	}
}

// TestCanceled ends a rendering with its context.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Parse(ctx, Input{Text: "{{range 10}}x{{end}}"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestNothingOutside refuses what would need what the caller does not give.
func TestNothingOutside(t *testing.T) {
	for text, want := range map[string]string{
		"version: v1.1.0\nalias:\n  src: [a.yaml]\n":                   "the aliases of a.yaml cannot be read here",
		"secrets: [{id: a, keyvault: 'https://a'}]\nsteps: [{cmd: a}]": "secrets cannot be resolved here",
	} {
		if _, err := Parse(context.Background(), Input{Text: text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
