package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// TestDemo: the article's story comes out as told, and leaves nothing behind.
func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	got := acrlocal(t, "demo")
	if got.code != 0 {
		t.Fatalf("%d\n%s%s", got.code, got.out, got.err)
	}
	if strings.Contains(got.out, "SURPRISE") || strings.Contains(got.out, "\x1b[") {
		t.Error(got.out)
	}
	for _, want := range []string{
		"App Service", "Defender for Cloud", "ML workspace", "import", "task", "container group, user-assigned", "private-endpoint", "ip-rule",
		"virtual-network-rule", "bypass-off", "bypass-excluded-by-service-endpoint", "tasks-bypass-not-allowed", "not-a-trusted-service",
		"$ az acr update --name myregistry --allow-trusted-services false", "rows, ",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDemoSurprises: a row whose outcome is another than told is a surprise, whichever way.
func TestDemoSurprises(t *testing.T) {
	for name, r := range map[string]row{
		"allowed instead of denied": pull("worker", "containerGroups/worker", gate.Deny, gate.BypassOff),
		"denied instead of allowed": pull("shop", "sites/shop", gate.Allow, gate.TrustedServiceBypass),
		"another reason to allow":   pull("worker", "containerGroups/worker", gate.Allow, gate.IPRuleMatched),
		"another reason to deny":    pull("shop", "sites/shop", gate.Deny, gate.BypassOff),
		"a failure that is none":    pull("worker", "containerGroups/worker", gate.Deny, gate.CredentialMissing).on("nowhere"),
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			d := &demo{out: &out, state: stateDir}
			defer d.close()
			err := d.play(t.Context(), act{title: name, behavior: gate.Article, rows: []row{r}})
			if err != nil {
				t.Fatal(err)
			}
			if d.rows != 1 || d.surprises != 1 || !strings.Contains(out.String(), "SURPRISE") {
				t.Errorf("%d rows, %d surprises: %s", d.rows, d.surprises, &out)
			}
		})
	}
}
