package emulator

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const oneRegistry = "resources: [{type: Microsoft.ContainerRegistry/registries, name: myregistry}]\n"

// TestSeedImagePaths: a path is relative to the folder of the file that says it, and an absolute one is left alone.
func TestSeedImagePaths(t *testing.T) {
	for _, row := range []struct{ file, path, want string }{
		{"standard input", "app.tar", "app.tar"},
		{filepath.Join("seeds", "a.yaml"), "app.tar", filepath.Join("seeds", "app.tar")},
		{filepath.Join("seeds", "a.yaml"), "../app.tar", "app.tar"},
		{filepath.Join("seeds", "a.yaml"), "/images/app.tar", "/images/app.tar"},
	} {
		s, err := readSeed(row.file, oneRegistry+"images: [{registry: myregistry, reference: \"app:v1\", path: "+row.path+"}]")
		if err != nil || s.images[0].path != row.want {
			t.Errorf("%s in %s is %+v, %v", row.path, row.file, s.images, err)
		}
	}
}

// TestSeedImageLater: a later file replaces an image of the same name, and adds others.
func TestSeedImageLater(t *testing.T) {
	s, err := readSeeds([]Seed{
		{Name: "one", Data: []byte(oneRegistry + "images: [{registry: myregistry, reference: \"app:v1\", path: /old}]")},
		{Name: "two", Data: []byte("images: [{registry: MyRegistry, reference: \"app:v1\", path: /new}, {registry: myregistry, reference: \"app:v2\"}]")},
	})
	if err != nil || len(s.images) != 2 || s.images[0].path != "/new" || s.images[1].tag != "v2" {
		t.Errorf("images are %+v, %v", s.images, err)
	}
}

// TestSeedImageAbsent: an image that cannot be read is told with the line that names it.
func TestSeedImageAbsent(t *testing.T) {
	o := seeded(oneRegistry + "images:\n- {registry: myregistry, reference: \"app:v1\", path: /nowhere/app.tar}")
	o.State = stateDir
	e, err := New(o)
	if err == nil {
		_ = e.Close()
	}
	if err == nil || !strings.HasPrefix(err.Error(), "test.yaml:3: image app:v1 of registry myregistry: ") || !strings.Contains(err.Error(), "/nowhere/app.tar") {
		t.Errorf("got %v", err)
	}
}

// TestSeedEmpty: a file that says nothing leaves the development identities, and nothing else.
func TestSeedEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n---\n", "resources:\nimages: []\n", "{}", "null\n"} {
		s, err := readSeed("a.yaml", text)
		if err != nil || s.state.Len() != len(developmentDocuments()) {
			t.Errorf("%q gives %d documents, %v", text, s.state.Len(), err)
			continue
		}
		if _, ok := s.state.Get(azure.GraphID("servicePrincipals", azure.DevelopmentPrincipal).Key()); !ok {
			t.Errorf("%q takes the development principal away", text)
		}
	}
}
