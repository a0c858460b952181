package shell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// process is a shell in an empty directory, with no PATH: what runs is what is built in.
func process(t *testing.T, out *bytes.Buffer, args ...string) program.Process {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("b 2\na 10\nc 1\na 10\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return program.Process{Args: args, Dir: dir, Env: []string{"HOME=" + dir}, Stdin: strings.NewReader("one two\nthree\n"), Stdout: out, Stderr: out}
}

// TestScripts: what bash -c does, output and messages together, and the exit code.
func TestScripts(t *testing.T) {
	for _, row := range []struct {
		script, want string
		code         int
	}{
		{script: "echo hi", want: "hi\n"},
		{script: "echo $0 $1 $#", want: "name x 2\n"},
		{script: "nosuch a", want: "name: line 1: nosuch: command not found\n", code: 127},
		{script: "true\n./f", want: "name: line 2: ./f: Permission denied\n", code: 126},
		{script: "./none", want: "name: line 1: ./none: No such file or directory\n", code: 127},
		{script: "./", want: "name: line 1: ./: Is a directory\n", code: 126},
		{script: "exit 7", code: 7},
		{script: "if", want: "bash: -c: line 1: syntax error: `if` must be followed by a statement list\n", code: 2},
		{script: "for i in $(seq 3); do echo $i; done | sort -r | head -n 2", want: "3\n2\n"},
		{script: "f() { local x=$1; echo $((x*2)); }; f 21", want: "42\n"},
		{script: "[[ abc == a* ]] && test -f f && [ 1 -lt 2 ] && echo yes", want: "yes\n"},
		{script: "a=(x y z); echo ${a[1]} ${#a[@]} ${HOME:+set}", want: "y 3 set\n"},
		{script: "cat <<X\n$1\nX", want: "x\n"},
		{script: "cat f | wc -l; wc f", want: "4\n4 8 18 f\n"},
		{script: "cat nosuch f | head -1", want: "cat: nosuch: No such file or directory\nb 2\n"},
		{script: "cat", want: "one two\nthree\n"},
		{script: "sort f | uniq -c", want: "      2 a 10\n      1 b 2\n      1 c 1\n"},
		{script: "sort -u f; sort -k2 -n f | head -1; sort -rn -k 2 f | head -1", want: "a 10\nb 2\nc 1\nc 1\na 10\n"},
		{script: "uniq -d f; sort f | uniq -d", want: "a 10\n"},
		{script: "tail -1 f; tail -n +4 f; tail -n 2 f; head -c 3 f", want: "a 10\na 10\nc 1\na 10\nb 2"},
		{script: "head -n1 f f", want: "==> f <==\nb 2\n\n==> f <==\nb 2\n"},
		{script: "grep a f; grep -c a f; grep -n 1 f; grep -v a f; grep -o '1.' f; grep -q a f && echo found", want: "a 10\na 10\n2\n2:a 10\n3:c 1\n4:a 10\nb 2\nc 1\n10\n10\nfound\n"},
		{script: "grep zzz f", code: 1},
		{script: "grep x nosuch", want: "grep: nosuch: No such file or directory\n", code: 2},
		{script: `printf 'a+b\nab\naab\n' | grep 'a\+b'; printf 'a+b\nab\n' | grep 'a+b'; printf 'a+b\naab\n' | grep -E 'a+b'; printf 'a.b\naxb\n' | grep -F a.b`, want: "ab\naab\na+b\naab\na.b\n"},
		{script: "grep '(' f; grep -E '(' f", want: "grep: error parsing regexp: missing closing ): `(`\n", code: 2},
		{script: "echo a:b:c | cut -d: -f1,3; echo a:b:c | cut -d : -f 2-; echo abcdef | cut -c2-3; echo x | cut -d: -f2", want: "a:c\nb:c\nbc\nx\n"},
		{script: "echo x | cut -f0", want: "cut: invalid byte, character or field list\n", code: 1},
		{script: "echo Hello | tr a-z A-Z; echo hello | tr -d l; echo aabb | tr -s a; echo 'a b' | tr ' ' '\\n'; echo a1b2 | tr -cd '[:digit:]\\n'; echo hello | tr '[:lower:]' '[:upper:]'", want: "HELLO\nheo\nabb\na\nb\n12\nHELLO\n"},
		{script: "echo x | tr z-a b", want: "tr: range-endpoints of 'z-a' are in reverse collating sequence order\n", code: 1},
		{script: "mkdir -p d/e && touch d/e/x && ls -R d", want: "d:\ne\n\nd/e:\nx\n"},
		{script: "ls nosuch", want: "ls: cannot access 'nosuch': No such file or directory\n", code: 2},
		{script: "mkdir d; mkdir d", want: "mkdir: cannot create directory 'd': File exists\n", code: 1},
		{script: "mkdir d; rmdir d; rmdir f; ls", want: "rmdir: failed to remove 'f': Not a directory\nf\n"},
		{script: "cp f g; mv g h; cat h | head -1; ls; rm h; rm -f h; rm h", want: "b 2\nf\nh\nrm: cannot remove 'h': No such file or directory\n", code: 1},
		{script: "mkdir d; rm d", want: "rm: cannot remove 'd': Is a directory\n", code: 1},
		{script: "mkdir d; cp f d; cp -r d e; cat e/f | tail -1; cp d x", want: "a 10\ncp: cannot copy 'd': Omitting directory, -r not specified\n", code: 1},
		{script: "cp f f; wc -l f", want: "cp: cannot copy 'f': Source and target are the same file\n4 f\n"},
		{script: "mkdir d; cp -r d d/e", want: "cp: cannot copy 'd': Cannot copy a directory into itself\n", code: 1},
		{script: "cp a b f", want: "cp: target 'f' is not a directory\n", code: 1},
		{script: "rm -rf /", want: "rm: cannot remove '/': It is dangerous to operate recursively on '/'\n", code: 1},
		{script: "echo x | tee a b | cat; cat a b; echo y | tee -a a >f; cat a", want: "x\nx\nx\nx\ny\n"},
		{script: "printf '#!/nosuch\\n' > s; chmod +x s; ls -l s | cut -c1-10; chmod 640 s; ls -l s | cut -c1-10; chmod u=x s", want: "-rwxr-xr-x\n-rw-r-----\nchmod: invalid mode: 'u=x'\n", code: 1},
		{script: "echo 'echo script $1' > s; chmod 755 s; ./s arg", want: "script arg\n"},
		{script: "basename /a/b.txt .txt; dirname /a/b; dirname a; dirname /; basename a/", want: "b\n/a\n.\n/\na\n"},
		{script: "env -i A=1 env; A=2 env -u HOME | grep A=; env A=3 sh", want: "A=1\nA=2\nname: line 1: sh: command not found\n", code: 127},
		{script: "echo a b c | xargs -n2 echo x; printf '1\\n2\\n' | xargs -I{} echo [{}]; true | xargs -r echo no", want: "x a b\nx c\n[1]\n[2]\n"},
		{script: "seq 3 -1 1 | tr '\\n' ' '; seq 1 0; seq x", want: "3 2 1 seq: invalid integer argument: 'x'\n", code: 1},
		{script: "seq 1000000000 | head -1", want: "1\n"},
		{script: "sleep x", want: "sleep: invalid time interval 'x'\n", code: 1},
		{script: "ls -Z", want: "ls: invalid option -- 'Z'\n", code: 2},
		{script: "head -n", want: "head: option requires an argument -- 'n'\n", code: 1},
		{script: "pwd | grep -c /; id -u | grep -c .; uname | wc -l; date +%Y | grep -c 20; date +%%x", want: "1\n1\n1\n1\n%x\n"},
	} {
		t.Run(row.script, func(t *testing.T) {
			var out bytes.Buffer
			code := Main(t.Context(), process(t, &out, "bash", "-c", row.script, "name", "x", "y"))
			if out.String() != row.want || code != row.code {
				t.Errorf("%d\n%s\nwant %d\n%s", code, out.String(), row.code, row.want)
			}
		})
	}
}

// TestArguments: how a shell is called.
func TestArguments(t *testing.T) {
	for _, row := range []struct {
		args, want string
		code       int
	}{
		{args: "-c", want: "bash: -c: option requires an argument\n", code: 2},
		{args: "-Z", want: "bash: -Z: invalid option\n", code: 2},
		{args: "--nosuch", want: "bash: --nosuch: invalid option\n", code: 2},
		{args: "-o", want: "bash: -o: option requires an argument\n", code: 2},
		{args: "-o nosuch -c true", want: "bash: invalid option: \"nosuch\"\n", code: 2},
		{args: "nosuch", want: "bash: nosuch: No such file or directory\n", code: 127},
		{args: ".", want: "bash: .: Is a directory\n", code: 126},
		{args: "-lc pwd|wc", want: "1 1"},
		{args: "-euo pipefail -c false|true;echo_no", code: 1},
		{args: "-xc :", want: "+ :\n"},
		{args: "--login --norc -c true"},
		{args: "", want: "bash: line 1: one: command not found\nbash: line 2: three: command not found\n", code: 127},
		{args: "--version", want: "bash: the shell of acrlocal, a subset of bash with a few of coreutils\n"},
	} {
		var out bytes.Buffer
		args := append([]string{"bash"}, strings.Fields(row.args)...)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		code := Main(t.Context(), process(t, &out, args...))
		if !strings.HasPrefix(out.String(), row.want) || row.want == "" && out.Len() > 0 || code != row.code {
			t.Errorf("%s: %d %q, want %d %q", row.args, code, out.String(), row.code, row.want)
		}
	}
}

// TestEntrypoint: what the entry point of the images named bash takes for a program.
func TestEntrypoint(t *testing.T) {
	for _, row := range []struct {
		args, want string
		code       int
	}{
		{"echo hi", "hi\n", 0},
		{"-c ls", "f\n", 0},
		{"cat f", "b 2\na 10\nc 1\na 10\n", 0},
		{"nosuch", "exec: nosuch: command not found\n", 127},
		{"false", "", 1},
	} {
		var out bytes.Buffer
		code := Entrypoint(t.Context(), process(t, &out, append([]string{"docker-entrypoint.sh"}, strings.Fields(row.args)...)...))
		if out.String() != row.want || code != row.code {
			t.Errorf("%s: %d %q", row.args, code, out.String())
		}
	}
}

// TestEnd: what runs ends when the context does.
func TestEnd(t *testing.T) {
	for _, script := range []string{"sleep 1000", "while true; do :; done", "seq 1000000000000 >/dev/null", "xargs sleep 1000"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		var out bytes.Buffer
		if code := Main(ctx, process(t, &out, "bash", "-c", script)); code == 0 {
			t.Errorf("%s: ended well: %s", script, out.String())
		}
		cancel()
	}
}

// TestMode: how ls writes modes.
func TestMode(t *testing.T) {
	for m, want := range map[os.FileMode]string{
		0o644: "-rw-r--r--", os.ModeDir | 0o755: "drwxr-xr-x", os.ModeSymlink | 0o777: "lrwxrwxrwx", os.ModeNamedPipe: "p---------",
		os.ModeDevice | os.ModeCharDevice: "c---------", os.ModeDevice: "b---------", os.ModeSocket: "s---------",
	} {
		if got := mode(m); got != want {
			t.Errorf("%v: %s, want %s", m, got, want)
		}
	}
}

// FuzzParse: how a shell is called never breaks it, and the operands stay as they are.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"-c\x00echo", "-euo\x00pipefail\x00-c\x00x", "--", "+x\x00f", "-o"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\x00")
		i, err := parse(args)
		if err == nil && len(i.rest) > len(args) {
			t.Errorf("%q: %q", args, i.rest)
		}
	})
}

// FuzzTexts: expressions, sets and ranges are read or refused.
func FuzzTexts(f *testing.F) {
	for _, seed := range []string{"a-z", "[:upper:]", "\\n-x", "1,3-", "a\\+[^]b]", "%Y%%%s%", "u+x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if set, err := byteSet(text); err == nil && len(set) > 256*len(text) {
			t.Errorf("%q is a set of %d", text, len(set))
		}
		if r, err := parseRanges(text); err == nil && len(r.of([]string{"a", "b"})) > 2 {
			t.Errorf("%q means %v", text, r)
		}
		if d, ok := interval(text); ok && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
		_, _ = parseMode(text)
		_ = extended(text)
		_ = formatTime(time.Unix(0, 0), text)
		_ = leadingNumber(text)
		_ = fmt.Sprint(order{field: 2}.key(text))
	})
}
