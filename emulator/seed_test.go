package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// readSeed reads one file.
func readSeed(name, text string) (seed, error) {
	return readSeeds([]Seed{{Name: name, Data: []byte(text)}})
}

// TestSeedErrors reads testdata/seed/errors.txtar: each file is a seed that must be refused. Its last line, a comment,
// holds what the error says, from the line number on.
func TestSeedErrors(t *testing.T) {
	for _, f := range archive(t, "errors.txtar") {
		t.Run(f.Name, func(t *testing.T) {
			text := strings.TrimSpace(string(f.Data))
			body, comment, ok := cutLast(text, "\n# ")
			if !ok {
				t.Fatal("the seed has no comment at its end")
			}
			_, err := readSeed(f.Name, body)
			if want := f.Name + ":" + comment; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func archive(t *testing.T, name string) []txtar.File {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "seed", name))
	if err != nil {
		t.Fatal(err)
	}
	return a.Files
}

func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}

// TestSeedShapes: what az prints, what ARM returns, and what a person writes mean the same. Each pair of files in
// testdata/seed/shapes.txtar gives the same documents.
func TestSeedShapes(t *testing.T) {
	files := archive(t, "shapes.txtar")
	for i := 0; i+1 < len(files); i += 2 {
		a, b := files[i], files[i+1]
		t.Run(a.Name, func(t *testing.T) {
			if diff := cmp.Diff(documentsOf(t, b), documentsOf(t, a)); diff != "" {
				t.Errorf("%s and %s differ (-%s +%s):\n%s", a.Name, b.Name, b.Name, a.Name, diff)
			}
		})
	}
}

// documentsOf are the bodies that a seed gives, without passwords and times.
func documentsOf(t *testing.T, f txtar.File) map[string]any {
	t.Helper()
	s, err := readSeed(f.Name, string(f.Data))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, d := range s.documents() {
		if properties, ok := d.Body["properties"].(map[string]any); ok {
			delete(properties, "creationDate")
			policies, _ := properties["policies"].(map[string]any)
			for _, policy := range policies {
				delete(policy.(map[string]any), "lastUpdatedTime")
			}
		}
		if !azure.Hidden(d.ID) {
			all[d.ID.Key()] = d.Body
		}
	}
	return all
}

// TestSeedRoundTrip: the documents of a seed, written as a seed, are the same documents.
func TestSeedRoundTrip(t *testing.T) {
	first, err := readSeed("sample.yaml", string(sampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string][]any{}
	for _, d := range first.documents() {
		switch {
		case d.ID.IsGraph():
			written["principals"] = append(written["principals"], d.Body)
		case !azure.Hidden(d.ID):
			written["resources"] = append(written["resources"], d.Body)
		}
	}
	text, err := json.Marshal(written)
	if err != nil {
		t.Fatal(err)
	}
	second, err := readSeed("again.json", string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range first.documents() {
		again, ok := second.state.Get(d.ID.Key())
		if !ok {
			t.Errorf("%s is gone", d.ID)
			continue
		}
		if diff := cmp.Diff(d.Body, again.Body); diff != "" && !azure.Hidden(d.ID) {
			t.Errorf("%s (-first +second):\n%s", d.ID, diff)
		}
	}
	if first.state.Len() != second.state.Len() {
		t.Errorf("%d documents became %d", first.state.Len(), second.state.Len())
	}
}

// TestSeedImplicit: a seed need not list the subscription and resource group that its resources are in.
func TestSeedImplicit(t *testing.T) {
	s, err := readSeed("a.yaml", "id: /subscriptions/acac10ca-2000-4000-8000-000000000009/resourceGroups/Mine/providers/Microsoft.ContainerRegistry/registries/myregistry\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"/subscriptions/acac10ca-2000-4000-8000-000000000009",
		"/subscriptions/acac10ca-2000-4000-8000-000000000009/resourcegroups/mine",
	} {
		if _, ok := s.state.Get(key); !ok {
			t.Errorf("%s does not exist", key)
		}
	}
}

// TestSeedsTogether: files may refer to each other, and what comes later replaces what came before.
func TestSeedsTogether(t *testing.T) {
	s, err := readSeeds([]Seed{
		{Name: "roles.yaml", Data: []byte("resources:\n- {type: Microsoft.Authorization/roleAssignments, principalId: " + defaultScope + "/providers/Microsoft.ContainerInstance/containerGroups/worker, roleDefinitionName: acrpull}\n")},
		{Name: "one.yaml", Data: []byte("resources:\n- {type: Microsoft.ContainerInstance/containerGroups, name: worker, tags: {made: first}}\n")},
		{Name: "two.yaml", Data: []byte("resources:\n- {type: Microsoft.ContainerInstance/containerGroups, name: worker, identity: {type: SystemAssigned}}\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	worker, ok := s.state.Get(defaultScope + "/providers/Microsoft.ContainerInstance/containerGroups/worker")
	if !ok || worker.Body["tags"] != nil {
		t.Errorf("the later document did not replace the former: %v", worker)
	}
	m, err := azure.ReadManagedIdentity(*worker)
	if err != nil || m.PrincipalID != azure.DerivedID(worker.ID.Key()) {
		t.Errorf("principal %q, %v", m.PrincipalID, err)
	}
	for _, d := range s.state.Children(defaultScope, azure.TypeRoleAssignment) {
		if a, err := azure.ReadRoleAssignment(*d); err != nil || a.PrincipalID != m.PrincipalID || !azure.IsGUID(d.ID.Name()) {
			t.Errorf("the assignment %s is to %q, %v", d.ID, a.PrincipalID, err)
		}
	}
}

// TestSeedSettings: trusted services and quirks change tables, the rest of which stays.
func TestSeedSettings(t *testing.T) {
	s, err := readSeed("a.yaml", `
resources:
- {type: Microsoft.ContainerRegistry/registries, name: myregistry}
trustedServices:
  add: [{name: Batch, resourceTypes: [Microsoft.Batch/batchAccounts], systemAssigned: true}]
  remove: [Machine Learning]
quirks:
  plain-answers: true
  deny-at-registry: true
  registries: {MyRegistry: {tasks-need-flag: false, behavior: current}}
`)
	if err != nil {
		t.Fatal(err)
	}
	var trusted []string
	for _, service := range servicesOf(s.state) {
		trusted = append(trusted, service.Name)
	}
	if !slices.Contains(trusted, "Batch") || slices.Contains(trusted, gate.MachineLearning) || !slices.Contains(trusted, gate.ContainerInstances) {
		t.Errorf("trusted services are %s", trusted)
	}
	id, err := azure.ParseResourceID(defaultScope + "/providers/Microsoft.ContainerRegistry/registries/MYREGISTRY")
	if err != nil {
		t.Fatal(err)
	}
	got := quirksOf(gate.Article)(s.state, id)
	if want := (gate.Quirks{CorrelationInMessage: true}); got.CorrelationInMessage != want.CorrelationInMessage || got.TasksNeedFlag {
		t.Errorf("quirks are %+v", got)
	}
	if !s.plainAnswers {
		t.Error("plain-answers is not set")
	}
}

// TestSeedHostile: files that are small, but not to read.
func TestSeedHostile(t *testing.T) {
	bomb := "resources:\n- a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("  %c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8), c-1)
	}
	merges := "quirks:\n  a0: &a0 {" + keys(2000) + "}\n"
	for i := 1; i < 1000; i++ {
		merges += fmt.Sprintf("  a%d: &a%d {<<: *a%d}\n", i, i, i-1)
	}
	for name, text := range map[string]string{
		"brackets":         "quirks: " + strings.Repeat("[", 100_000),
		"braces":           "quirks: " + strings.Repeat("{a: ", 100_000),
		"dashes":           "resources:\n" + strings.Repeat("- ", 100_000),
		"question marks":   "resources:\n" + strings.Repeat("? ", 100_000),
		"anchors":          "resources: " + strings.Repeat("&a ", 100_000),
		"tags":             "resources: " + strings.Repeat("!!seq ", 100_000),
		"indentation":      indented(2000),
		"JSON":             `{"quirks": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"alias bomb":       bomb,
		"merge bomb":       merges,
		"deep by aliases":  deepByAliases(),
		"large YAML":       "# " + strings.Repeat("x", maxYAML),
		"large JSON":       `{"a": "` + strings.Repeat("x", maxSeed) + `"}`,
		"many keys":        strings.ReplaceAll(keys(200_000), ", ", "\n"),
		"many documents":   strings.Repeat("--- a\n", 200_000),
		"10 MB of colons":  strings.Repeat("a: ", 3<<20),
		"10 MB of quotes":  "a: \"" + strings.Repeat("\\u0041\n ", 1<<20),
		"10 MB of entries": "resources: [" + strings.Repeat("a,", 5<<20),
		"10 MB of pipes":   strings.Repeat("|\n", 5<<20),
		"10 MB of text":    "quirks: " + strings.Repeat("x ", 5<<20),
		"many marks":       "quirks: [" + strings.Repeat("a,", yamlLimits.Marks-10),
		"a tag":            "quirks: !!binary aGVsbG8=",
		"infinity":         "resources: [{id: /subscriptions/x, tags: {a: .inf}}]",
		"own documents":    "resources: [{id: /acrlocal/settings/quirks}]",
		"Graph documents":  "resources: [{id: /graph/users/1}]",
		"hidden passwords": "resources: [{type: Microsoft.ContainerRegistry/registries, name: first1}, {type: Microsoft.ContainerRegistry/registries/credentials, name: first1/default}]",
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			_, err := readSeed("a.yaml", text)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if problem := new(seedError); !errors.As(err, &problem) && !strings.HasPrefix(name, "large") {
				t.Errorf("the error tells no line: %.200s", err)
			}
			if took := time.Since(begun); took > 20*time.Second || len(err.Error()) > 500 {
				t.Errorf("it took %s and says %d bytes", took, len(err.Error()))
			}
		})
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1, ", i)
	}
	return b.String()
}

func indented(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

// deepByAliases nests little in the text, and much in what it means.
func deepByAliases() string {
	text := "resources:\n- type: a/b\n  a0: &a0 [1]\n"
	for i := 1; i < 100; i++ {
		text += fmt.Sprintf("  a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	return text
}

// FuzzSeed: no file makes the reader panic, and what it accepts it accepts again from its own documents.
func FuzzSeed(f *testing.F) {
	f.Add(string(sampleSeed))
	for _, name := range []string{"errors.txtar", "shapes.txtar"} {
		a, err := txtar.ParseFile(filepath.Join("testdata", "seed", name))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(string(file.Data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			t.Skip("long files are slow, not different")
		}
		s, err := readSeed("fuzz.yaml", text)
		if err != nil {
			return
		}
		c := testCore(t, s.documents())
		if c.world.Load() == nil {
			t.Error("an accepted seed has no world")
		}
	})
}

// BenchmarkReadSeed reads 10,000 role assignments.
func BenchmarkReadSeed(b *testing.B) {
	var yaml, lines strings.Builder
	yaml.WriteString("resources:\n")
	for i := range 10_000 {
		id := fmt.Sprintf("/subscriptions/%s/providers/Microsoft.Authorization/roleAssignments/acac10ca-9000-4000-8000-%012d", azure.DevelopmentSubscription, i)
		fmt.Fprintf(&yaml, "- id: %s\n  properties: {principalId: %s, roleDefinitionId: AcrPull}\n", id, azure.DevelopmentPrincipal)
		fmt.Fprintf(&lines, "{%q: %q, \"properties\": {\"principalId\": %q, \"roleDefinitionId\": \"AcrPull\"}},\n", "id", id, azure.DevelopmentPrincipal)
	}
	for name, text := range map[string]string{
		"YAML": yaml.String(), "JSON": "[" + strings.TrimSuffix(lines.String(), ",\n") + "]",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := readSeed("a", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestSampleSeed: the sample environment is what design.md says it is.
func TestSampleSeed(t *testing.T) {
	s, err := readSeed("sample.yaml", string(sampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []string{
		"Microsoft.ContainerRegistry/registries/playground", "Microsoft.ContainerRegistry/registries/myregistry",
		"Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly", "Microsoft.ContainerInstance/containerGroups/worker",
		"Microsoft.ContainerInstance/containerGroups/builder", "Microsoft.MachineLearningServices/workspaces/vision",
		"Microsoft.Web/sites/shop", "Microsoft.Compute/virtualMachines/jumpbox",
		"Microsoft.Network/virtualNetworks/hub/subnets/endpoints", "Microsoft.Network/virtualNetworks/hub/subnets/app",
		"Microsoft.Network/virtualNetworks/spoke/subnets/work",
	} {
		if _, ok := s.state.Get(defaultScope + "/providers/" + tail); !ok {
			t.Errorf("there is no %s", tail)
		}
	}
	var images []string
	for _, image := range s.images {
		images = append(images, image.registry+"/"+image.repository+":"+image.tag)
	}
	if diff := cmp.Diff([]string{"playground/hello:v1", "myregistry/hello:v1"}, images); diff != "" {
		t.Errorf("images: %s", diff)
	}
}

// BenchmarkSeed reads and applies 10,000 documents, a thousand of which are resources with identities; design.md allows a
// second.
func BenchmarkSeed(b *testing.B) {
	var text strings.Builder
	text.WriteString("resources:\n- {type: Microsoft.ContainerRegistry/registries, name: myregistry}\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "- {type: Microsoft.ContainerInstance/containerGroups, name: worker%d, identity: {type: SystemAssigned}}\n", i)
	}
	for i := range 8990 {
		scope, worker := defaultScope+"/providers/Microsoft.ContainerRegistry/registries/myregistry", defaultScope+"/providers/Microsoft.ContainerInstance/containerGroups/worker"
		fmt.Fprintf(&text, "- type: Microsoft.Authorization/roleAssignments\n  name: acac10ca-9000-4000-8000-%012d\n  scope: %s\n  properties: {roleDefinitionId: AcrPull, principalId: %s%d}\n", i, scope, worker, i%1000)
	}
	for b.Loop() {
		s, err := readSeed("a.yaml", text.String())
		if err != nil {
			b.Fatal(err)
		}
		testCore(b, s.documents())
	}
}

// BenchmarkSampleSeed reads the sample environment, as each start does.
func BenchmarkSampleSeed(b *testing.B) {
	for b.Loop() {
		if _, err := readSeed("sample.yaml", string(sampleSeed)); err != nil {
			b.Fatal(err)
		}
	}
}
