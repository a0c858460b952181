//go:build clients

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestDefenderDebian makes a Debian root file system, lets Defender scan it with an advisory about everything, and holds what
// it finds against what dpkg lists (issue 4, "Must show" 7).
func TestDefenderDebian(t *testing.T) {
	need(t, "mmdebstrap", "dpkg-query", "tar")
	dir := t.TempDir()
	archive := filepath.Join(dir, "rootfs.tar")
	if out, err := exec.Command("mmdebstrap", "--variant=essential", "bookworm", archive).CombinedOutput(); err != nil {
		t.Skipf("no packages of Debian can be had here: %v: %.2000s", err, out)
	}
	want := dpkgLists(t, archive)
	p := up(t, "--advisories", aboutEverything(t, want))
	p.arm(t, http.MethodPut, subscription+"/providers/Microsoft.Security/pricings/Containers", map[string]any{"properties": map[string]any{"pricingTier": "Standard"}})
	pushRootFS(t, p, archive)
	assessment := group + "/providers/Microsoft.ContainerRegistry/registries/playground/providers/Microsoft.Security/assessments/c0b7cfc6-3172-465a-b378-53c7ff2cc0d5"
	var got []string
	for deadline := time.Now().Add(clientPatience); len(got) == 0 && time.Now().Before(deadline); {
		findings, _ := p.arm(t, http.MethodGet, assessment+"/subAssessments", nil)["value"].([]any)
		for _, f := range findings {
			software := value(f, "properties", "additionalData", "softwareDetails")
			got = append(got, fmt.Sprint(value(software, "packageName"), " ", value(software, "version")))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Defender found %d packages, dpkg lists %d:\n%v\n%v", len(got), len(want), got, want)
	}
	t.Logf("%d packages", len(got))
}

// dpkgLists are the packages that dpkg lists in a root file system, with their versions, in order.
func dpkgLists(t *testing.T, archive string) []string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "-xf", archive, "./var/lib/dpkg").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command("dpkg-query", "--admindir", filepath.Join(dir, "var/lib/dpkg"), "-W", "-f", "${Package} ${Version}\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(list)
	return list
}

// aboutEverything is a directory with an advisory that is about all these packages, in all versions.
func aboutEverything(t *testing.T, packages []string) string {
	t.Helper()
	var affected []any
	for _, one := range packages {
		name, _, _ := strings.Cut(one, " ")
		affected = append(affected, map[string]any{
			"package": map[string]any{"ecosystem": "Debian:12", "name": name},
			"ranges":  []any{map[string]any{"type": "ECOSYSTEM", "events": []any{map[string]any{"introduced": "0"}}}},
		})
	}
	data, err := json.Marshal(map[string]any{"id": "EMU-2026-0000", "summary": "Invented for acrlocal: everything", "affected": affected})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "EMU-2026-0000.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func pushRootFS(t *testing.T, p *process, archive string) {
	t.Helper()
	layer, err := tarball.LayerFromFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(p.host() + "/debian:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, p.remote(t.Context())...); err != nil {
		t.Fatal(err)
	}
}
