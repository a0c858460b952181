package emulator

import (
	"archive/tar"
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/services/defender"
)

const (
	plansID      = "/subscriptions/" + azure.DevelopmentSubscription + "/providers/Microsoft.Security/pricings/Containers"
	assessmentID = registriesBelow + "source/providers/Microsoft.Security/assessments/" + defender.AssessmentName

	debianRelease = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"
	oldOpenssl    = "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.11-1~deb12u2\n\n"
	newOpenssl    = "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.15-1~deb12u1\n\n"
)

// rootFS is an image of one layer for each set of files.
func rootFS(t testing.TB, layers ...map[string]string) v1.Image {
	t.Helper()
	image := empty.Image
	for _, files := range layers {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		for name, content := range files {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(w, content)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// finding is what the tests look at of a sub-assessment.
type finding struct {
	Properties struct {
		ID             string
		DisplayName    string
		Remediation    string
		Status         struct{ Code, Severity string }
		AdditionalData struct {
			AssessedResourceType string
			ArtifactDetails      struct {
				RegistryHost, RepositoryName, Digest string
				Tags                                 []string
			}
			SoftwareDetails      struct{ PackageName, Version, FixedVersion, Vendor string }
			VulnerabilityDetails struct{ CveID, Severity string }
		}
	}
}

// assessment is what the tests look at of an assessment.
type assessment struct {
	Properties struct {
		Status         struct{ Code, Cause, Description string }
		AdditionalData map[string]string
	}
}

// assessed waits until the assessment of the registry called source is as it should be.
func (e *Emulator) assessed(t *testing.T, code, description string) assessment {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		var got assessment
		a := e.ask(t, http.MethodGet, assessmentID+"?api-version=2020-01-01", "")
		if a.status == http.StatusOK {
			a.into(t, &got)
		}
		if got.Properties.Status.Code == code && strings.Contains(got.Properties.Status.Description, description) {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("the assessment is %d %s, want %s %q", a.status, a.body, code, description)
		}
	}
}

// findings lists the sub-assessments at a scope.
func (e *Emulator) findings(t *testing.T, scope string) []finding {
	t.Helper()
	var list struct{ Value []finding }
	e.ask(t, http.MethodGet, scope+"/subAssessments?api-version=2019-01-01-preview", "").into(t, &list)
	return list.Value
}

// setPlan switches the plan for containers.
func (e *Emulator) setPlan(t *testing.T, tier string) {
	t.Helper()
	a := e.ask(t, http.MethodPut, plansID+"?api-version=2022-03-01", `{"properties": {"pricingTier": "`+tier+`"}}`)
	if a.status != http.StatusOK {
		t.Fatalf("pricing: %d %s", a.status, a.body)
	}
}

// withAdvisories are options with the registries of imports and the invented advisories.
func withAdvisories() Options {
	o := seeded(importSeed)
	o.Advisories = "testdata/advisories"
	return o
}

// TestDefender: with the plan on, a restricted registry that takes trusted services is scanned: what it had, what is pushed,
// what is imported. What is mended is found no more.
func TestDefender(t *testing.T) {
	e := start(t, withAdvisories())
	base := map[string]string{"usr/lib/os-release": debianRelease, "var/lib/dpkg/status": oldOpenssl}
	digest := e.pushTo(t, "source.azurecr.io/app:v1", rootFS(t, base))
	if a := e.ask(t, http.MethodGet, assessmentID+"?api-version=2020-01-01", ""); a.status != http.StatusNotFound {
		t.Errorf("without a plan there is an assessment: %d %s", a.status, a.body)
	}
	e.setPlan(t, "Standard")
	e.assessed(t, "Unhealthy", "")
	found := e.findings(t, assessmentID)
	if len(found) != 1 {
		t.Fatalf("%d findings: %+v", len(found), found)
	}
	p := found[0].Properties
	data := p.AdditionalData
	if p.ID != "EMU-2026-0001" || p.Status.Code != "Unhealthy" || p.Status.Severity != "High" || data.AssessedResourceType != "AzureContainerRegistryVulnerability" {
		t.Errorf("%+v", p)
	}
	if a := data.ArtifactDetails; a.RegistryHost != "source.azurecr.io" || a.RepositoryName != "app" || a.Digest != digest.String() || !slices.Equal(a.Tags, []string{"v1"}) {
		t.Errorf("artifact: %+v", a)
	}
	if s := data.SoftwareDetails; s.PackageName != "libssl3" || s.Version != "3.0.11-1~deb12u2" || s.FixedVersion != "3.0.15-1~deb12u1" || s.Vendor != "Debian:12" {
		t.Errorf("software: %+v", s)
	}
	subscription := e.findings(t, "/subscriptions/"+azure.DevelopmentSubscription+"/providers/Microsoft.Security")
	if len(subscription) != 1 {
		t.Errorf("the subscription has %d findings", len(subscription))
	}

	mended := e.pushTo(t, "source.azurecr.io/app:v1", rootFS(t, base, map[string]string{"var/lib/dpkg/status": newOpenssl}))
	if mended == digest {
		t.Fatal("the image is the same")
	}
	e.importImage(t, "target", `{"source": {"resourceId": "`+registriesBelow+`source", "sourceImage": "app@`+digest.String()+`"}, "targetTags": ["imported:v1"]}`)
	target := registriesBelow + "target/providers/Microsoft.Security/assessments/" + defender.AssessmentName
	for deadline := time.Now().Add(20 * time.Second); len(e.findings(t, target)) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("what was imported is not scanned")
		}
	}
	if imported := e.findings(t, target)[0].Properties.AdditionalData.ArtifactDetails; imported.RepositoryName != "imported" || !slices.Equal(imported.Tags, []string{"v1"}) {
		t.Errorf("imported: %+v", imported)
	}

	e.setPlan(t, "Free")
	for deadline := time.Now().Add(20 * time.Second); len(e.core.State().OfType(azure.TypeSubAssessment))+len(e.core.State().OfType(azure.TypeAssessment)) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("without the plan the findings stay")
		}
	}
}

// TestDefenderShutOut: with the switch off nothing is scanned, and the assessment says so in the registry's words; with the
// switch on again it is.
func TestDefenderShutOut(t *testing.T) {
	e := start(t, withAdvisories())
	e.arms(t, http.MethodPatch, registriesBelow+"source", map[string]any{"networkRuleBypassOptions": "None"})
	e.setPlan(t, "Standard")
	e.assessed(t, "NotApplicable", "not scanned: access denied: client with IP '198.")
	e.pushTo(t, "source.azurecr.io/app:v1", rootFS(t, map[string]string{"etc/os-release": debianRelease, "var/lib/dpkg/status": oldOpenssl}))
	if found := e.findings(t, assessmentID); len(found) != 0 {
		t.Errorf("%d findings", len(found))
	}
	e.arms(t, http.MethodPatch, registriesBelow+"source", map[string]any{"networkRuleBypassOptions": "AzureServices"})
	got := e.assessed(t, "Unhealthy", "")
	if len(e.findings(t, assessmentID)) != 1 || got.Properties.Status.Cause != "" || got.Properties.AdditionalData["notScanned"] != "" {
		t.Errorf("when it may: %+v", got)
	}

	e.arms(t, http.MethodPatch, registriesBelow+"source", map[string]any{"networkRuleBypassOptions": "None"})
	second := e.pushTo(t, "source.azurecr.io/app:v2", rootFS(t, map[string]string{"etc/os-release": debianRelease, "var/lib/dpkg/status": newOpenssl}))
	got = e.assessed(t, "NotApplicable", "not scanned: access denied: client with IP '198.")
	if !strings.Contains(got.Properties.AdditionalData["notScanned"], "app@"+second.String()) {
		t.Errorf("it does not name the image: %+v", got)
	}
	if len(e.findings(t, assessmentID)) != 1 {
		t.Error("what was found before is gone")
	}
}

// TestDefenderPulled: an image that is pulled is scanned again after a day, and not since the service itself pulls it.
func TestDefenderPulled(t *testing.T) {
	var later atomic.Int64
	o := withAdvisories()
	o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	e := start(t, o)
	e.setPlan(t, "Standard")
	files := map[string]string{"etc/os-release": debianRelease, "var/lib/dpkg/status": oldOpenssl}
	first := e.pushTo(t, "source.azurecr.io/app:v1", rootFS(t, files))
	pull := func() {
		if _, err := e.at(t, allowed, azure.DevelopmentClientID).Pull(t.Context(), "source.azurecr.io/app:v1"); err != nil {
			t.Fatal(err)
		}
	}
	// scans waits until all that was to be scanned is, which comes in order, and counts how often the first image was.
	scans := func(marker string) int {
		files["marker"] = marker
		next := e.pushTo(t, "source.azurecr.io/marker:"+marker, rootFS(t, files))
		for deadline := time.Now().Add(20 * time.Second); !slices.ContainsFunc(e.findings(t, assessmentID), func(f finding) bool {
			return f.Properties.AdditionalData.ArtifactDetails.Digest == next.String()
		}); {
			if time.Now().After(deadline) {
				t.Fatal("the image that marks the end is not scanned")
			}
		}
		return len(e.Decisions(10_000, func(d DecisionEntry) bool {
			return d.Digest == first.String() && d.Repository == "app" && d.Place == azure.ServiceDefender && d.ResultType == "Succeeded"
		}))
	}
	for range 3 {
		pull()
	}
	if got := scans("one"); got != 1 {
		t.Errorf("pushed and pulled at once, the image was scanned %d times, want once", got)
	}
	later.Store(int64(25 * time.Hour))
	pull()
	pull()
	if got := scans("two"); got != 2 {
		t.Errorf("pulled a day later, the image was scanned %d times in all, want 2", got)
	}
}

// TestDefenderDeleted: what was found in an image that is gone is gone.
func TestDefenderDeleted(t *testing.T) {
	e := start(t, withAdvisories())
	e.setPlan(t, "Standard")
	digest := e.pushTo(t, "source.azurecr.io/app:v1", rootFS(t, map[string]string{"etc/os-release": debianRelease, "var/lib/dpkg/status": oldOpenssl}))
	e.assessed(t, "Unhealthy", "")
	if err := remote.Delete(parsed(t, "source.azurecr.io/app@"+digest.String()), e.remote(t, "source.azurecr.io/app")...); err != nil {
		t.Fatal(err)
	}
	e.assessed(t, "Healthy", "")
	if found := e.findings(t, assessmentID); len(found) != 0 {
		t.Errorf("%d findings are left", len(found))
	}
}

// TestDefenderArtifacts: what is no image is not scanned, and harms nobody; an image that cannot be read is named.
func TestDefenderArtifacts(t *testing.T) {
	e := start(t, withAdvisories())
	e.setPlan(t, "Standard")
	chart := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.cncf.helm.config.v1+json")
	e.pushTo(t, "source.azurecr.io/chart:v1", chart)
	broken, err := mutate.AppendLayers(empty.Image, static.NewLayer(bytes.Repeat([]byte("no archive"), 100), types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	e.pushTo(t, "source.azurecr.io/broken:v1", broken)
	got := e.assessed(t, "Healthy", "not scanned: broken@sha256:")
	if got.Properties.Status.Cause != "ScanFailed" || strings.Contains(got.Properties.AdditionalData["notScanned"], "chart") {
		t.Errorf("%+v", got)
	}
}

// TestAdvisoriesMissing: a directory of advisories that is not there is an error at the start, and names it.
func TestAdvisoriesMissing(t *testing.T) {
	o := Options{State: stateDir, Advisories: filepath.Join(t.TempDir(), "nosuch")}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), o.Advisories) {
		t.Errorf("%v, want %s named", err, o.Advisories)
	}
}

// TestDefenderReset: a plan may be in the seed, and after a reset everything is found again.
func TestDefenderReset(t *testing.T) {
	dir := t.TempDir()
	image := rootFS(t, map[string]string{"etc/os-release": debianRelease, "var/lib/dpkg/status": oldOpenssl})
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image); err != nil {
		t.Fatal(err)
	}
	o := withAdvisories()
	o.Seeds[0].Data = append(o.Seeds[0].Data, []byte("  - {id: "+plansID+", properties: {pricingTier: Standard}}\nimages:\n  - {registry: source, reference: \"app:v1\", path: "+dir+"}\n")...)
	e := start(t, o)
	e.assessed(t, "Unhealthy", "")
	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.assessed(t, "Unhealthy", "")
	if found := e.findings(t, assessmentID); len(found) != 1 {
		t.Errorf("%d findings after a reset", len(found))
	}
}
