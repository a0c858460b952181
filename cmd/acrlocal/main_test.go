package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

// visitVariable makes the test binary a client: it gets a URL, through the proxy of its environment, and fails if it is
// refused.
const visitVariable = "ACRLOCAL_TEST_VISIT"

// stateDir holds the keys of all tests, which are made once.
var stateDir string

func TestMain(m *testing.M) {
	if url := os.Getenv(visitVariable); url != "" {
		os.Exit(visit(url))
	}
	dir, err := os.MkdirTemp("", "acrlocal-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stateDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func visit(url string) int {
	response, err := http.Get(url) //nolint:noctx // the process is the request
	if err != nil {
		fmt.Println(err)
		return 4
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	return response.StatusCode / 100 // the exit code 4 is a refusal
}

// output is what a command printed.
type output struct {
	code     int
	out, err string
}

// acrlocal runs a command line.
func acrlocal(t *testing.T, args ...string) output {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &errs})
	return output{code, out.String(), errs.String()}
}

// start starts an emulator, and returns it with its management address.
func start(t *testing.T) (*emulator.Emulator, string) {
	t.Helper()
	e, err := emulator.New(emulator.Options{Listen: "127.0.0.1:0", Manage: "127.0.0.1:0", State: stateDir, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e, strings.TrimPrefix(e.Endpoints().Manage, "http://")
}

// TestCommandLine: uses and misuses that need no emulator: the exit code, and what is said where.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		out  []string
		err  []string
	}{
		{"", 0, []string{"Usage: acrlocal <command>", "up", "demo", "from", "token", "explain", "decisions", "status", "health", "reset", "version", "completion"}, nil},
		{"--help", 0, []string{"Usage: acrlocal <command>"}, nil},
		{"version", 0, []string{"acrlocal dev"}, nil},
		{"upp", 2, nil, []string{"unexpected argument upp", "acrlocal --help"}},
		{"up --nothing", 2, nil, []string{"unknown flag --nothing"}},
		{"up --behavior tomorrow", 2, nil, []string{"--behavior", "article", "current"}},
		{"up --max-storage lots", 2, nil, []string{"--max-storage"}},
		{"from", 2, nil, []string{"<place>"}},
		{"completion", 2, nil, []string{"<shell>"}},
		{"completion powershell", 2, nil, []string{"bash", "zsh", "fish"}},
		{"decisions --last many", 2, nil, []string{"--last"}},
		{"up --attach nothing", 1, nil, []string{`--attach "nothing" is not of the form NETWORK=ADDR`}},
		{"up --config /no/such/file", 1, nil, []string{"/no/such/file"}},
		{"status --manage 127.0.0.1:1", 1, nil, []string{"no emulator answers at http://127.0.0.1:1", "acrlocal up"}},
		{"health --manage http://127.0.0.1:1/", 1, nil, []string{"no emulator answers"}},
		{"from 203.0.113.7 --manage 127.0.0.1:1 -- true", 1, nil, []string{"no emulator answers"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := acrlocal(t, strings.Fields(c.args)...)
			if got.code != c.code {
				t.Errorf("exit code %d, want %d: %s%s", got.code, c.code, got.out, got.err)
			}
			check(t, "standard output", got.out, c.out)
			check(t, "standard error", got.err, c.err)
		})
	}
}

func check(t *testing.T, where, got string, want []string) {
	t.Helper()
	if len(want) == 0 && got != "" {
		t.Errorf("%s has %q", where, got)
	}
	for _, text := range want {
		if !strings.Contains(got, text) {
			t.Errorf("%s does not say %q:\n%s", where, text, got)
		}
	}
}

// TestHelp: each command has a help text that names its flags, and a variable for each.
func TestHelp(t *testing.T) {
	for command, flags := range map[string][]string{
		"up": {
			"--listen", "--manage", "--config", "--data", "--state", "--registry-listen", "--attach", "--default-registry", "--behavior",
			"--trusted-proxies", "--max-storage", "--plain-answers", "--decision-log", "--endpoints-file", "$ACRLOCAL_LISTEN", "$ACRLOCAL_ENDPOINTS_FILE",
		},
		"demo":       {"--plain"},
		"from":       {"<place>", "--as", "--anonymous", "--isolated", "Examples:", "$ACRLOCAL_MANAGE"},
		"token":      {"--from", "--registry", "--audience"},
		"explain":    {"--from", "--as", "--do", "--registry", "--repository", "--json"},
		"decisions":  {"--last", "--verdict", "--registry", "--json"},
		"status":     {"--manage", "--json"},
		"health":     {"--manage"},
		"reset":      {"--manage"},
		"version":    {"Print the version"},
		"completion": {"bash, zsh or fish"},
	} {
		got := acrlocal(t, command, "--help")
		if got.code != 0 || got.err != "" {
			t.Errorf("%s --help: %d %s", command, got.code, got.err)
		}
		check(t, command+" --help", got.out, flags)
	}
}

// TestCompletion: the script of each shell knows every command and every flag.
func TestCompletion(t *testing.T) {
	for shell, form := range map[string]string{"bash": "complete -o default -F _acrlocal acrlocal", "zsh": "#compdef acrlocal", "fish": "complete -c acrlocal"} {
		got := acrlocal(t, "completion", shell)
		if got.code != 0 {
			t.Errorf("%s: %+v", shell, got)
		}
		check(t, shell, got.out, []string{form, "explain", "decisions", "--endpoints-file", "--isolated"})
		if flags, found := lineWith(got.out, "--repository"); !found || strings.Contains(flags, "--listen") {
			t.Errorf("%s: explain has the flags of another command: %s", shell, flags)
		}
		if strings.Contains(got.out, "%!") {
			t.Errorf("%s: %s", shell, got.out)
		}
	}
}

// lineWith returns the first line in which the text is.
func lineWith(lines, text string) (string, bool) {
	for line := range strings.Lines(lines) {
		if strings.Contains(line, text) {
			return line, true
		}
	}
	return "", false
}

// TestUpOptions: what flags and variables become.
func TestUpOptions(t *testing.T) {
	seed := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(seed, []byte("resources: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACRLOCAL_DATA", "/data")
	t.Setenv("ACRLOCAL_PLAIN_ANSWERS", "true")
	var c cli
	parser, err := newParser(&c, streams{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse([]string{
		"up", "--listen", "0.0.0.0:1", "--listen", "127.0.0.2:1,127.0.0.3:1", "--manage=127.0.0.1:2", "-c", seed, "--config", "-", "--state", "/state", "--registry-listen", "a=:3",
		"--registry-listen", "b=:4", "--attach", "/subscriptions/x/a=b=127.0.2.1:5", "--default-registry", "a", "--behavior", "current",
		"--trusted-proxies", "10.0.0.0/8,192.0.2.1", "--max-storage", "1024", "--decision-log", "/log",
		"--executor", "none", "--mirror", "docker.io=oci:/images", "--mirror", "quay.io=playground.azurecr.io/quay", "--advisories", "/osv",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Up.options(streams{in: strings.NewReader("quirks: {}")})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := emulator.Options{
		Executor: "none", Executable: program, Mirrors: []string{"docker.io=oci:/images", "quay.io=playground.azurecr.io/quay"}, Advisories: "/osv",
		Listen: "0.0.0.0:1", ListenAlso: []string{"127.0.0.2:1", "127.0.0.3:1"}, Manage: "127.0.0.1:2",
		Data: "/data", State: "/state", RegistryListen: map[string]string{"a": ":3", "b": ":4"},
		Attach: []emulator.Attachment{{Network: "/subscriptions/x/a=b", Address: "127.0.2.1:5"}}, DefaultRegistry: "a", Behavior: gate.Current,
		TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1"}, MaxStorage: 1024, PlainAnswers: true, DecisionLog: "/log", Version: version,
		Seeds: []emulator.Seed{{Name: seed, Data: []byte("resources: []")}, {Name: "standard input", Data: []byte("quirks: {}")}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("options\n%+v\nwant\n%+v", got, want)
	}
}

// syncBuffer is a buffer that a command writes while the test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestUp: the emulator starts, says where it is, announces itself in the file, and ends when it is told to.
func TestUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "endpoints.json")
	ctx, stop := context.WithCancel(t.Context())
	var out, errs syncBuffer
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{
			"up", "--listen", "127.0.0.1:0", "--manage", "127.0.0.1:0", "--state", stateDir, "--endpoints-file", file, "--default-registry", "missing",
		}, streams{out: &out, err: &errs})
	}()
	var at emulator.Endpoints
	for range 2000 {
		if data, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(data, &at); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got := acrlocal(t, "health", "--manage", at.Manage); got.code != 0 || got.out != "ok\n" {
		t.Errorf("health: %+v", got)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("up ended with %d", code)
	}
	check(t, "up", out.String(), []string{at.Service, at.Manage, "myregistry", "selected networks", at.ClientID, at.ClientSecret, "docker login"})
	check(t, "up", errs.String(), []string{`there is no registry "missing"`})
	if got := acrlocal(t, "health", "--manage", at.Manage); got.code != 1 {
		t.Errorf("health after the end: %+v", got)
	}
}

// TestAsking: the commands that ask a running emulator.
func TestAsking(t *testing.T) {
	e, manage := start(t)
	session, err := e.Session("sites/shop", "")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Pull(t.Context(), "myregistry.azurecr.io/hello:v1"); err == nil {
		t.Fatal("App Service was let in")
	}
	denied, _ := session.Refused()
	for _, c := range []struct {
		args string
		code int
		out  []string
		err  []string
	}{
		{"health", 0, []string{"ok\n"}, nil},
		{"status", 0, []string{"1.2.3", e.Endpoints().Service, "myregistry", "selected networks", "trusted services pass", "containerGroups/worker"}, nil},
		{"status --json", 0, []string{`"version": "1.2.3"`, `"policies": [`}, nil},
		{"decisions", 0, []string{denied.ID, "sites/shop", "myregistry", "login", "deny", "network", "not-a-trusted-service"}, nil},
		{"decisions --verdict allow --registry playground", 0, nil, nil},
		{"decisions --verdict never", 1, nil, []string{"none of allow, deny and challenge"}},
		{"decisions -n 1 --json", 0, []string{`"id":"`, `"reason":`}, nil},
		{"explain " + denied.ID, 0, []string{denied.ID + "  login on myregistry.azurecr.io from sites/shop", "=> deny", "what would turn it round", "az acr network-rule add --name myregistry"}, nil},
		{"explain " + denied.ID + " --json", 0, []string{`"remedy": [`}, nil},
		{"explain", 1, []string{"pull hello on playground, from 127.0.0.1, as nobody\n", "credential-missing\n"}, nil},
		{"explain --from 203.0.113.7 --do push", 1, []string{"push hello on playground, from 203.0.113.7, as nobody\n", "behaviour current: the same\n"}, nil},
		{"explain none", 1, nil, []string{`there is no decision "none"`}},
		{
			"explain --from containerGroups/worker --registry myregistry", 0,
			[]string{"pull hello on myregistry, from containerGroups/worker (198.1", "behaviour article:", "behaviour current:", "=> allow"},
			nil,
		},
		{
			"explain --from virtualMachines/jumpbox --registry myregistry", 0,
			[]string{"through the private endpoint myregistry-endpoint", "private-endpoint"},
			nil,
		},
		{
			"explain --from tasks/nightly --registry myregistry --do push", 0,
			[]string{"=> allow", "=> deny", "networkRuleBypassAllowedForTasks=true"},
			nil,
		},
		{"explain --from sites/shop --registry myregistry", 1, []string{"=> deny", "az acr network-rule add"}, nil},
		{"explain --from sites/shop --registry myregistry --json", 1, []string{`"behavior": "article"`}, nil},
		{"explain --from 203.0.113.7 --as anonymous --registry myregistry", 1, []string{"as nobody", "=> challenge"}, nil},
		{"explain --registry myregstry", 1, nil, []string{"did you mean myregistry?"}},
		{"token", 0, []string{"eyJ"}, nil},
		{"token containerGroups/worker --registry myregistry", 0, []string{"eyJ"}, nil},
		{"token containerGroups/wroker", 1, nil, []string{"did you mean containerGroups/worker"}},
		{"token --from 203.0.113.7", 1, nil, []string{"has no identity"}},
		{"reset", 0, []string{"back to the start-up state"}, nil},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := acrlocal(t, append(strings.Fields(c.args), "--manage", manage)...)
			if got.code != c.code {
				t.Errorf("exit code %d, want %d: %s%s", got.code, c.code, got.out, got.err)
			}
			check(t, "standard output", got.out, c.out)
			check(t, "standard error", got.err, c.err)
		})
	}
}

// TestDecisionsJSON: one JSON object a line, the oldest first.
func TestDecisionsJSON(t *testing.T) {
	e, manage := start(t)
	session, err := e.Session("containerGroups/worker", "")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Pull(t.Context(), "myregistry.azurecr.io/hello:v1"); err != nil {
		t.Fatal(err)
	}
	var times []time.Time
	for line := range strings.Lines(acrlocal(t, "decisions", "--json", "--manage", manage).out) {
		var entry emulator.DecisionEntry
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		times = append(times, entry.TimeGenerated)
	}
	if len(times) < 3 || !slices.IsSortedFunc(times, time.Time.Compare) {
		t.Errorf("decisions at %v", times)
	}
}

// TestFrom: a program runs at a place with an environment of its own, its exit code is the command's, and if it was
// refused, one line says why.
func TestFrom(t *testing.T) {
	_, manage := start(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	const anonymousToken = "http://myregistry.azurecr.io/oauth2/token?service=myregistry.azurecr.io&scope=repository:hello:pull"
	for _, c := range []struct {
		name string
		url  string
		args []string
		code int
		out  []string
		err  []string
	}{
		{name: "its output", args: []string{"203.0.113.7", "--", "echo", "hello"}, out: []string{"hello\n"}},
		{name: "its exit code", args: []string{"203.0.113.7", "--", "sh", "-c", "exit 7"}, code: 7},
		{
			name: "its environment", args: []string{"containerGroups/worker", "--", "env"},
			out: []string{"HTTPS_PROXY=http://127.0.0.1:", "https_proxy=", "SSL_CERT_FILE=", "DOCKER_CONFIG=", "REGISTRY_AUTH_FILE=", "AZURE_CONFIG_DIR="},
		},
		{
			name: "its logins", args: []string{"containerGroups/worker", "--", "sh", "-c", "cat $DOCKER_CONFIG/config.json"},
			out: []string{`"myregistry.azurecr.io":{"auth":"`},
		},
		{name: "nobody has none", args: []string{"containerGroups/worker", "--anonymous", "--", "sh", "-c", "cat $DOCKER_CONFIG/config.json"}, out: []string{`{"auths":{}}`}},
		{
			name: "what was refused", url: anonymousToken, args: []string{"192.0.2.7", "--", self}, code: 4, out: []string{"403 Forbidden"},
			err: []string{"ip-not-allowed", "192.0.2.7 is in none of myregistry's IP rules", "to turn it round: az acr network-rule add --name myregistry --ip-address 192.0.2.7"},
		},
		{name: "what is not emulated", url: "http://example.com/", args: []string{"192.0.2.7", "--", self}, code: 4, out: []string{"403"}},
		{name: "a program that does not exist", args: []string{"192.0.2.7", "--", "/no/such/program"}, code: 1, err: []string{"/no/such/program"}},
		{name: "a place that does not exist", args: []string{"containerGroups/wroker", "--", "true"}, code: 1, err: []string{"containerGroups/worker"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(visitVariable, c.url)
			got := acrlocal(t, append([]string{"from", "--manage", manage, "--state", scratch}, c.args...)...)
			if got.code != c.code {
				t.Errorf("exit code %d, want %d: %s%s", got.code, c.code, got.out, got.err)
			}
			check(t, "standard output", got.out, c.out)
			check(t, "standard error", got.err, c.err)
		})
	}
}
