package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"

	"github.com/acrlocal/acrlocal/emulator"
)

// promised says for each command of the README what must come of it: a pattern in what it prints, and whether it
// succeeds. A command of the README that is not here fails the test.
var promised = []struct {
	command  string // begins so
	succeeds bool
	prints   string
	needs    string
}{
	{"make ", true, "", "-"}, // other tests run what make runs
	{"export PATH", true, "", ""},
	{"crane auth login", true, "logged in", ""},
	{"crane copy", true, "digest: sha256:", ""},
	{"acrlocal from containerGroups/worker -- crane", true, `"layers"`, ""},
	{"acrlocal from sites/shop", false, `not allowed access(?s:.*)not-a-trusted-service`, ""},
	{"acrlocal from 198.51.100.77 -- skopeo", false, `(?i)403|401|not allowed|authentication required`, "skopeo"},
	{"acrlocal from 203.0.113.7 -- curl", true, `"networkRuleBypassOptions": ?"None"`, "curl"},
	{"acrlocal from 203.0.113.7 --as", true, "v1", ""},
	{"acrlocal from 203.0.113.7 -- az login", true, `"tenantId"`, "az"},
	{"acrlocal from 203.0.113.7 -- az acr update", true, `"networkRuleBypassOptions": "None"`, "az"},
	{"acrlocal from 203.0.113.7 -- az acr network-rule", true, `198\.51\.100\.77`, "az"},
	{"acrlocal from 203.0.113.7 -- az acr repository", true, `"v1"`, "az"},
	{"acrlocal from 203.0.113.7 -- az acr build", true, "Run ID: ca1 was successful", "az"},
	{"acrlocal from 203.0.113.7 -- az acr run", true, "Run ID: ca2 was successful", "az"},
	{"acrlocal status", true, "containers +(namespaces|docker|none): ", ""},
	{"acrlocal from containerGroups/worker -- az login", true, "systemAssignedIdentity", "az"},
	{"acrlocal export", true, "name: myregistry", ""},
	{"acrlocal explain --from sites/shop", false, "not-a-trusted-service", ""},
	{"acrlocal explain --from containerGroups/worker", false, "bypass-off", "curl"},
	{"acrlocal reset", true, "start-up state", ""},
	{"acrlocal decisions", true, "not-a-trusted-service", ""},
	{"acrlocal --help", true, "explain", ""},
}

// somebodysSource is a directory with a Dockerfile.
func somebodysSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nLABEL made=here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestReadme runs the README's commands as they stand, except for the ports and the name of the image.
func TestReadme(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("Go ignores SSL_CERT_FILE there")
	}
	p := up(t)
	t.Setenv("ACRLOCAL_MANAGE", p.manager())
	names := strings.NewReplacer("localhost:5080", p.local(), "IMAGE", p.somebodysImage(t), "SOURCE", somebodysSource(t))
	commands := readmeCommands(t)
	if len(commands) < len(promised)-1 {
		t.Errorf("the README has only these commands: %q", commands)
	}
	for _, line := range commands {
		t.Run(line, func(t *testing.T) { keepPromise(t, line, names.Replace(line)) })
	}
}

// readmeCommands returns the lines of the README's shell blocks, without comments.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			command, _, _ := strings.Cut(line, "#")
			if words := strings.Fields(command); len(words) > 0 {
				commands = append(commands, strings.Join(words, " "))
			}
		}
	}
	return commands
}

func keepPromise(t *testing.T, line, command string) {
	for _, want := range promised {
		if !strings.HasPrefix(line, want.command) {
			continue
		}
		if _, err := exec.LookPath(want.needs); want.needs != "" && err != nil {
			t.Skipf("%s: not here", line)
		}
		output, err := exec.Command("sh", "-c", command).CombinedOutput()
		if (err == nil) != want.succeeds {
			t.Errorf("%v:\n%s", err, output)
		}
		if !regexp.MustCompile(want.prints).Match(output) {
			t.Errorf("it does not print %s:\n%s", want.prints, output)
		}
		return
	}
	t.Errorf("the README has a command of which the test knows nothing: say what it promises")
}

// somebodysImage is an image in a registry that is not the README's.
func (p *process) somebodysImage(t testing.TB) string {
	t.Helper()
	image, err := emulator.HelloImage("somebody's\n")
	if err != nil {
		t.Fatal(err)
	}
	reference := p.local() + "/somebodys:v1"
	if err := crane.Push(image, reference, crane.WithAuth(development)); err != nil {
		t.Fatal(err)
	}
	return reference
}
