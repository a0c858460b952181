package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// importSeed has two registries that take selected networks and trusted services, one that is open to anybody, and one that
// is not.
const importSeed = `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: playground, sku: {name: Standard}}
  - {type: Microsoft.ContainerRegistry/registries, name: anonymous, sku: {name: Standard}, properties: {anonymousPullEnabled: true}}
  - type: Microsoft.ContainerRegistry/registries
    name: source
    sku: {name: Premium}
    properties: {networkRuleBypassOptions: AzureServices, networkRuleSet: {defaultAction: Deny, ipRules: [{value: 203.0.113.0/24}]}}
  - type: Microsoft.ContainerRegistry/registries
    name: target
    sku: {name: Premium}
    properties: {networkRuleBypassOptions: AzureServices, networkRuleSet: {defaultAction: Deny, ipRules: [{value: 203.0.113.0/24}]}}
`

// allowed is a place from which the owner reaches all registries of importSeed.
const allowed = "203.0.113.7"

// operationStatus is what ARM tells of an operation.
type operationStatus struct {
	Status          string
	PercentComplete int
	Error           struct{ Code, Message string }
}

// post asks ARM for something as the owner, and returns the answer.
func (e *Emulator) post(t testing.TB, path, body string) answer {
	t.Helper()
	return e.ask(t, http.MethodPost, path+"?api-version="+apiVersion, body)
}

func (e *Emulator) ask(t testing.TB, method, target, body string) answer {
	t.Helper()
	token, err := e.Token(t.Context(), TokenRequest{As: azure.DevelopmentClientID, Audience: "https://management.azure.com/"})
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, method, e.Endpoints().Service+target, body, "Authorization", "Bearer "+token.Token, "Content-Type", "application/json")
	r.Host = "management.azure.com"
	return send(t, http.DefaultTransport, r)
}

// importImage imports into a registry and waits for the end.
func (e *Emulator) importImage(t testing.TB, registry, body string) operationStatus {
	t.Helper()
	begun := e.post(t, registriesBelow+registry+"/importImage", body)
	if begun.status != http.StatusAccepted {
		t.Fatalf("importImage: %d %s", begun.status, begun.body)
	}
	return e.outcome(t, begun)
}

// outcome asks for an operation until it is over.
func (e *Emulator) outcome(t testing.TB, begun answer) (status operationStatus) {
	t.Helper()
	for status.Status == "" || status.Status == "InProgress" {
		e.status(t, begun, &status)
	}
	return status
}

// status asks for an operation once.
func (e *Emulator) status(t testing.TB, begun answer, into *operationStatus) {
	t.Helper()
	if t.Context().Err() != nil {
		t.Fatal("the operation does not end")
	}
	_, at, _ := strings.Cut(begun.header.Get("Azure-AsyncOperation"), "management.azure.com")
	*into = operationStatus{}
	e.ask(t, http.MethodGet, at, "").into(t, into)
}

// push pushes an image or an index as the owner, and returns its digest.
func (e *Emulator) pushTo(t testing.TB, reference string, what remote.Taggable) v1.Hash {
	t.Helper()
	ref, options := parsed(t, reference), e.remote(t, reference)
	var err error
	switch what := what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, what, options...)
	case v1.Image:
		err = remote.Write(ref, what, options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.digest(t, reference)
}

// remote are the options with which the owner reaches a registry.
func (e *Emulator) remote(t testing.TB, reference string) []remote.Option {
	t.Helper()
	options, err := e.at(t, allowed, azure.DevelopmentClientID).Options(t.Context(), parsed(t, reference).Context().RegistryStr())
	if err != nil {
		t.Fatal(err)
	}
	return options
}

func parsed(t testing.TB, reference string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// digest returns what a reference stands for; the zero Hash for nothing.
func (e *Emulator) digest(t testing.TB, reference string) v1.Hash {
	t.Helper()
	got, err := remote.Head(parsed(t, reference), e.remote(t, reference)...)
	if err != nil {
		return v1.Hash{}
	}
	return got.Digest
}

func randomImage(t testing.TB, size int64) v1.Image {
	t.Helper()
	image, err := random.Image(size, 2)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestImport: an image, an index with all that it names, by tag and by digest, under several names and under none.
func TestImport(t *testing.T) {
	e := start(t, seeded(importSeed))
	image := e.pushTo(t, "source.azurecr.io/team/app:v1", randomImage(t, 4096))
	several, err := random.Index(1024, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	nested := mutate.AppendManifests(several, mutate.IndexAddendum{Add: several})
	index := e.pushTo(t, "source.azurecr.io/several:v1", nested)
	shared := e.pushTo(t, "anonymous.azurecr.io/shared:v1", randomImage(t, 4096))
	sourceID := registriesBelow + "source"
	for _, c := range []struct {
		name, into, body string
		want             map[string]v1.Hash
	}{
		{
			"between two restricted registries", "target",
			`{"source": {"resourceId": "` + sourceID + `", "sourceImage": "team/app:v1"}, "targetTags": ["app:v1", "other/app:v2", "bare"]}`,
			map[string]v1.Hash{"app:v1": image, "other/app:v2": image, "bare:v1": image},
		},
		{
			"by digest, without a tag", "target",
			`{"source": {"resourceId": "` + sourceID + `", "sourceImage": "team/app@` + image.String() + `"}, "untaggedTargetRepositories": ["plain", "team/app"]}`,
			map[string]v1.Hash{"plain@" + image.String(): image, "team/app@" + image.String(): image, "plain:latest": {}},
		},
		{
			"under the name that it has", "target", `{"source": {"resourceId": "` + sourceID + `", "sourceImage": "team/app:v1"}}`,
			map[string]v1.Hash{"team/app:v1": image},
		},
		{
			"an index, in which there is another", "target",
			`{"source": {"resourceId": "` + sourceID + `", "sourceImage": "several:v1"}, "targetTags": ["several:v1"]}`,
			map[string]v1.Hash{"several:v1": index},
		},
		{
			"within one registry", "source", `{"source": {"resourceId": "` + sourceID + `", "sourceImage": "team/app:v1"}, "targetTags": ["copy:v1"]}`,
			map[string]v1.Hash{"copy:v1": image},
		},
		{
			"as nobody, where anybody may pull", "target",
			`{"source": {"registryUri": "anonymous.azurecr.io", "sourceImage": "shared:v1"}, "targetTags": ["shared:v1"]}`,
			map[string]v1.Hash{"shared:v1": shared},
		},
		{
			"with a password", "target", fmt.Sprintf(`{"source": {"registryUri": "anonymous.azurecr.io", "sourceImage": "shared:v1",
				"credentials": {"username": %q, "password": %q}}, "targetTags": ["shared:v2"]}`, azure.DevelopmentClientID, azure.DevelopmentSecret),
			map[string]v1.Hash{"shared:v2": shared},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := e.importImage(t, c.into, c.body); got.Status != "Succeeded" {
				t.Fatalf("%+v", got)
			}
			for reference, want := range c.want {
				if got := e.digest(t, c.into+".azurecr.io/"+reference); got != want {
					t.Errorf("%s is %v, want %v", reference, got, want)
				}
			}
		})
	}
	whole, err := remote.Index(parsed(t, "target.azurecr.io/several:v1"), e.remote(t, "target.azurecr.io/several")...)
	if err != nil {
		t.Fatal(err)
	}
	checkWhole(t, whole)
	if left := e.core.State().OfType(azure.TypeImport); len(left) > 0 {
		t.Errorf("%d imports are on record, which have ended", len(left))
	}
}

// checkWhole reads all that an index names.
func checkWhole(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range manifest.Manifests {
		if child.MediaType.IsIndex() {
			below, err := index.ImageIndex(child.Digest)
			if err != nil {
				t.Fatal(err)
			}
			checkWhole(t, below)
			continue
		}
		image, err := index.Image(child.Digest)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, layer := range layers {
			if err := drain(layer); err != nil {
				t.Error(err)
			}
		}
	}
}

// drain reads a layer to its end, which checks its digest.
func drain(layer v1.Layer) error {
	body, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

// TestImportRefused: what an import that fails says, and that nothing of it is there (acr-tasks §5; acr-behaviour §9, row 13).
// https://github.com/Azure/acr/issues/571 https://github.com/Azure/acr/issues/857 https://github.com/Azure/azure-cli/issues/31412
// https://github.com/Azure/azure-cli-extensions/issues/8706
func TestImportRefused(t *testing.T) {
	const fromSource = `{"source": {"resourceId": "` + registriesBelow + `source", "sourceImage": "app:v1"}, "targetTags": ["app:v1"]}`
	byAddress := fmt.Sprintf(`{"source": {"registryUri": "source.azurecr.io", "sourceImage": "app:v1", "credentials": {"username": %q, "password": %q}},
		"targetTags": ["app:v1"]}`, azure.DevelopmentClientID, azure.DevelopmentSecret)
	off := map[string]any{"networkRuleBypassOptions": "None"}
	const firewall = `Forbidden Forbidden {"errors":[{"code":"DENIED","message":"client with IP '198.`
	for _, c := range []struct {
		name, change, body, code string
		says                     []string
	}{
		{"the bypass of the source is off", "source", fromSource, "InvalidParameters", []string{"Resource " + registriesBelow + "source Invalid message " + firewall}},
		{"the bypass of the target is off", "target", fromSource, "InvalidParameters", []string{"Resource " + registriesBelow + "target Invalid message " + firewall}},
		{"by its address the source's rules hold", "", byAddress, "InvalidParameters", []string{"Resource source.azurecr.io Invalid message " + firewall}},
		{
			"the password is wrong", "", strings.Replace(byAddress, azure.DevelopmentSecret, "wrong", 1), "InvalidParameters",
			[]string{"Resource source.azurecr.io Invalid message "},
		},
		{
			"nobody may not pull", "", `{"source": {"registryUri": "playground.azurecr.io", "sourceImage": "app:v1"}, "targetTags": ["app:v1"]}`,
			"InvalidParameters",
			[]string{"Resource playground.azurecr.io Invalid message Unauthorized Unauthorized", "UNAUTHORIZED"},
		},
		{
			"there is no such image", "", strings.Replace(fromSource, "app:v1", "app:v9", 1), "InvalidParameters",
			[]string{"Resource " + registriesBelow + "source Invalid message NotFound Not Found", "MANIFEST_UNKNOWN"},
		},
		{
			"outside", "", `{"source": {"registryUri": "docker.io", "sourceImage": "library/nosuch"}, "targetTags": ["app:v1"]}`,
			"InvalidParameters",
			[]string{"Resource docker.io docker.io/library/nosuch:latest is outside this emulator: give it with --mirror docker.io=oci:DIR"},
		},
		{
			"there is such a tag", "", `{"source": {"resourceId": "` + registriesBelow + `source", "sourceImage": "app:v1"}, "targetTags": ["new:v1", "taken:v1"]}`,
			"Conflict",
			[]string{"Resource " + registriesBelow + "target taken:v1 Tag taken:v1 already exists in target registry."},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := start(t, seeded(importSeed))
			e.pushTo(t, "source.azurecr.io/app:v1", randomImage(t, 4096))
			e.pushTo(t, "target.azurecr.io/taken:v1", randomImage(t, 4096))
			if c.change != "" {
				e.arms(t, http.MethodPatch, registriesBelow+c.change, off)
			}
			got := e.importImage(t, "target", c.body)
			if got.Status != "Failed" || got.Error.Code != c.code || !strings.HasPrefix(got.Error.Message, "Operation registries-") {
				t.Errorf("%+v, want %s", got, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(got.Error.Message, want) {
					t.Errorf("it says %s\nwant %s", got.Error.Message, want)
				}
			}
			for _, reference := range []string{"app:v1", "new:v1"} {
				if got := e.digest(t, "target.azurecr.io/"+reference); got != (v1.Hash{}) {
					t.Errorf("%s is there", reference)
				}
			}
		})
	}
}

// TestImportForce: a tag moves when that is asked for, and not otherwise.
func TestImportForce(t *testing.T) {
	e := start(t, seeded(importSeed))
	image := e.pushTo(t, "source.azurecr.io/app:v1", randomImage(t, 4096))
	before := e.pushTo(t, "target.azurecr.io/app:v1", randomImage(t, 4096))
	for _, c := range []struct {
		mode, status string
		want         v1.Hash
	}{{"NoForce", "Failed", before}, {"Force", "Succeeded", image}, {"Force", "Succeeded", image}} {
		body := map[string]any{
			"source": map[string]any{"resourceId": registriesBelow + "source", "sourceImage": "app:v1"}, "targetTags": []string{"app:v1"}, "mode": c.mode,
		}
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.importImage(t, "target", string(data)); got.Status != c.status || e.digest(t, "target.azurecr.io/app:v1") != c.want {
			t.Errorf("%s: %+v", c.mode, got)
		}
	}
}

// TestImportWithToken: a password without a user name is an Entra token, or the registry's own refresh token.
func TestImportWithToken(t *testing.T) {
	e := start(t, seeded(importSeed))
	e.pushTo(t, "playground.azurecr.io/app:v1", randomImage(t, 1024))
	for _, q := range []TokenRequest{
		{As: azure.DevelopmentClientID, Audience: "https://management.azure.com/"}, {As: azure.DevelopmentClientID, Registry: "playground"},
	} {
		token, err := e.Token(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got := e.importImage(t, "target", fmt.Sprintf(`{"source": {"registryUri": "playground.azurecr.io", "sourceImage": "app:v1",
			"credentials": {"password": %q}}, "targetTags": ["app:v1"], "mode": "Force"}`, token.Token))
		if got.Status != "Succeeded" {
			t.Errorf("%+v: %+v", q, got)
		}
	}
}

// TestImportTooLarge: an index may have so many manifests, and no more (acr-behaviour §6.2).
func TestImportTooLarge(t *testing.T) {
	e := start(t, seeded(importSeed))
	for children, want := range map[int64]string{49: "Succeeded", 50: "Failed"} {
		index, err := random.Index(16, 1, children)
		if err != nil {
			t.Fatal(err)
		}
		e.pushTo(t, "source.azurecr.io/many:v1", index)
		got := e.importImage(t, "target", `{"source": {"resourceId": "`+registriesBelow+`source", "sourceImage": "many:v1"}, "mode": "Force"}`)
		if got.Status != want || want == "Failed" && !strings.Contains(got.Error.Message, "more than 50 manifests") {
			t.Errorf("%d: %+v, want %s", children, got, want)
		}
	}
}

// TestImportShutOut: the bypass counts for every request of an import; when it goes, in the middle, the next one is refused,
// and no tag is there.
func TestImportShutOut(t *testing.T) {
	for _, shut := range []string{"source", "target"} {
		t.Run(shut, func(t *testing.T) {
			e := start(t, seeded(importSeed))
			image, err := random.Image(2<<20, 24)
			if err != nil {
				t.Fatal(err)
			}
			e.pushTo(t, "source.azurecr.io/app:v1", image)
			begun := e.post(t, registriesBelow+"target/importImage", `{"source": {"resourceId": "`+registriesBelow+`source", "sourceImage": "app:v1"}}`)
			for at := (operationStatus{}); at.PercentComplete == 0 && at.Status != "Succeeded"; {
				e.status(t, begun, &at)
			}
			e.arms(t, http.MethodPatch, registriesBelow+shut, map[string]any{"networkRuleBypassOptions": "None"})
			got := e.outcome(t, begun)
			if want := "Resource " + registriesBelow + shut + " Invalid message Forbidden"; got.Status != "Failed" || !strings.Contains(got.Error.Message, want) {
				t.Errorf("%+v, want %s", got, want)
			}
			if e.digest(t, "target.azurecr.io/app:v1") != (v1.Hash{}) {
				t.Error("the tag is there")
			}
		})
	}
}

// TestImportInterrupted: an import that the emulator's end, or a reset, broke off has failed; also for an emulator that is
// started again.
func TestImportInterrupted(t *testing.T) {
	o := seeded(importSeed)
	o.Data = t.TempDir()
	e := start(t, o)
	image, err := random.Image(2<<20, 24)
	if err != nil {
		t.Fatal(err)
	}
	e.pushTo(t, "source.azurecr.io/app:v1", image)
	begin := func() answer {
		begun := e.post(t, registriesBelow+"target/importImage", `{"source": {"resourceId": "`+registriesBelow+`source", "sourceImage": "app:v1"}}`)
		for at := (operationStatus{}); at.PercentComplete == 0; {
			e.status(t, begun, &at)
		}
		return begun
	}
	begun := begin()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = start(t, o)
	if got := e.outcome(t, begun); got.Status != "Failed" || got.Error.Code != "OperationInterrupted" {
		t.Errorf("after the emulator was started again: %+v", got)
	}
	if e.digest(t, "target.azurecr.io/app:v1") != (v1.Hash{}) {
		t.Error("the tag is there")
	}
	begun = begin()
	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := e.outcome(t, begun); got.Status != "Failed" {
		t.Errorf("after a reset: %+v", got)
	}
}

// TestImportSlow: where operations are slow, an import is over no sooner than any other.
func TestImportSlow(t *testing.T) {
	var later atomic.Int64
	o := seeded(importSeed + "quirks: {slow-operations: 1h}\n")
	o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	e := start(t, o)
	e.pushTo(t, "source.azurecr.io/app:v1", randomImage(t, 1024))
	begun := e.post(t, registriesBelow+"target/importImage", `{"source": {"resourceId": "`+registriesBelow+`source", "sourceImage": "app:v1"}}`)
	for e.digest(t, "target.azurecr.io/app:v1") == (v1.Hash{}) { // in force at once, as everything is
		if t.Context().Err() != nil {
			t.Fatal("nothing is imported")
		}
	}
	var got operationStatus
	if e.status(t, begun, &got); got.Status != "InProgress" {
		t.Errorf("at once: %+v", got)
	}
	later.Add(int64(time.Hour))
	if got = e.outcome(t, begun); got.Status != "Succeeded" {
		t.Errorf("an hour later: %+v", got)
	}
}

// TestImportMirrored: an image of a registry outside comes from the mirror of it, if there is one that has it.
func TestImportMirrored(t *testing.T) {
	image := randomImage(t, 2048)
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "12"})); err != nil {
		t.Fatal(err)
	}
	o := seeded(importSeed)
	o.Mirrors = []string{"docker.io/library/debian=oci:" + dir, "quay.io=anonymous.azurecr.io/quay", "gcr.io=playground.azurecr.io"}
	e := start(t, o)
	pushed := e.pushTo(t, "anonymous.azurecr.io/quay/team/app:v1", randomImage(t, 1024))
	e.pushTo(t, "playground.azurecr.io/app:v1", randomImage(t, 1024))
	for _, c := range []struct {
		host, image, status string
		want                v1.Hash
	}{
		{"docker.io", "library/debian:12", "Succeeded", want},
		{"docker.io", "library/debian:13", "Failed", v1.Hash{}},
		{"quay.io", "team/app:v1", "Succeeded", pushed},
		{"gcr.io", "app:v1", "Failed", v1.Hash{}}, // the mirror is no way around the gate
		{"mcr.microsoft.com", "nosuch:v1", "Failed", v1.Hash{}},
	} {
		got := e.importImage(t, "target", fmt.Sprintf(`{"source": {"registryUri": %q, "sourceImage": %q}, "targetTags": ["%[2]s"]}`, c.host, c.image))
		if got.Status != c.status || e.digest(t, "target.azurecr.io/"+c.image) != c.want {
			t.Errorf("%s/%s: %+v, want %s", c.host, c.image, got, c.status)
		}
	}
}
