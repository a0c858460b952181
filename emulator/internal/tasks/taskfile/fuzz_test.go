package taskfile

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// seeds are the tasks of the cases.
func seeds(f *testing.F) (texts []string) {
	f.Helper()
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if strings.HasSuffix(part.Name, ".yaml") {
				texts = append(texts, string(part.Data))
			}
		}
	}
	return texts
}

// FuzzParse wants of every task that is accepted what a runner counts on.
func FuzzParse(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text, "a: b")
	}
	f.Fuzz(func(t *testing.T, text, values string) {
		task, err := Parse(context.Background(), Input{Text: text, Values: values, Run: run, ResolveSecrets: secretValues})
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for i, s := range task.Steps {
			kinds := 0
			for _, has := range []bool{s.Cmd != nil, s.Build != nil, len(s.Push) > 0} {
				if has {
					kinds++
				}
			}
			if kinds != 1 || s.ID == "" || ids[s.ID] || s.Timeout <= 0 || s.RetryDelay <= 0 || s.Retries < 0 || s.Repeat < 0 {
				t.Errorf("step %d is not whole: %+v", i, s)
			}
			if !slices.IsSorted(s.After) || len(s.After) > 0 && s.After[len(s.After)-1] >= i {
				t.Errorf("step %d is after %v", i, s.After)
			}
			if s.Cmd != nil && s.Cmd.Image == "" && !strings.ContainsAny(s.Text, `'"`) {
				t.Errorf("step %d has no image: %q", i, s.Text)
			}
			ids[s.ID] = true
		}
	})
}

// FuzzAlias replaces aliases: what has no directive stays, and a doubled one stands for itself.
func FuzzAlias(f *testing.F) {
	for _, text := range []string{"$Registry", "$$", "$a$b", "$unknown$Registry", "a$", "é$ID€"} {
		f.Add(text)
	}
	set := &aliasSet{directive: '$', values: globalAliases()}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := set.replace(strings.ReplaceAll(text, "$", "$$")); err == nil && got != text {
			t.Errorf("%q became %q", text, got)
		}
		if _, err := set.replace(text); err != nil && len(text) < 1_000 {
			t.Error(err)
		}
		aliases, rest := splitAliases(text)
		if len(aliases)+len(rest) > len(text)+1 {
			t.Errorf("%q became %q and %q", text, aliases, rest)
		}
	})
}

// FuzzTemplate renders templates: it ends, within bounds, and knows nothing of the machine.
func FuzzTemplate(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	for _, bomb := range bombs {
		if len(bomb.text) < 1_000 {
			f.Add(bomb.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := newRenderer(Input{Run: run})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.text(context.Background(), "decoded", text); err == nil && len(got) > maxText {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// FuzzYAML reads files, and everything that is read can be made a value of.
func FuzzYAML(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := readYAML(text)
		if err != nil {
			return
		}
		left := maxValues
		_, _ = n.value(&left)
		_ = decode(n, &fileTask{})
	})
}

// FuzzWords splits command lines: a word that was quoted comes back whole, and flags read what is split.
func FuzzWords(f *testing.F) {
	for _, text := range []string{"a b", `a "b c"`, "-t a .", "--build-arg A=1 .", "-it --rm image x", "a $(b)", `a\ b`, "${a:-b}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.ContainsAny(text, "\x00\r") && utf8.ValidString(text) && len(text) < 1_000 {
			words, err := splitWords(shellQuote(text))
			if err != nil || len(words) != 1 || words[0] != text {
				t.Errorf("%q became %q (%v)", text, words, err)
			}
		}
		_, _ = parseBuild(text, nil)
		_ = parseRun(text, &Step{Cmd: &Cmd{}})
	})
}

// TestWordsAsTheShell splits random lines as /bin/sh does, wherever it splits them at all.
func TestWordsAsTheShell(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no /bin/sh")
	}
	pieces := []string{"a", "b", " ", "'", `"`, `\`, "$A", "${A}", "${A:-c}", "${A+d}", "-", "=", "\t", "x y", "{", "}", "%", "!", "*", "\\\n", "[", "]", "^", ",", "?", "@", "/"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		words, err := splitWords(b.String())
		sh := exec.CommandContext(t.Context(), "/bin/sh", "-f", "-c", `each() { for word in "$@"; do printf '%s\0' "$word"; done; }; each `+b.String())
		sh.Env = []string{}
		out, shErr := sh.Output()
		want := strings.Split(string(out), "\x00")
		want = want[:len(want)-1]
		if (err == nil) != (shErr == nil) || err == nil && !slices.Equal(words, want) {
			t.Errorf("%q became %q (%v), the shell has %q (%v)", b.String(), words, err, want, shErr)
		}
	}
}
