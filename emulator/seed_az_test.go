package emulator

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// printed are the files in testdata/seed/az: what az prints of one environment, each command in a file of its own.
func printed(t testing.TB) []Seed {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "seed", "az", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatal("there is nothing to read", err)
	}
	var seeds []Seed
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, Seed{Name: filepath.Base(path), Data: data})
	}
	return seeds
}

const shopGroup = "/subscriptions/acac10ca-2000-4000-8000-0000000000aa/resourceGroups/shop/providers/"

// TestSeedPrinted: what az prints is a seed as it stands, and means what it meant.
func TestSeedPrinted(t *testing.T) {
	s, err := readSeeds(printed(t))
	if err != nil {
		t.Fatal(err)
	}
	c := testCore(t, s.documents())
	registry, ok := c.world.Load().snapshot.Registry("contoso")
	if !ok || !registry.PublicAccess || registry.DefaultAllow || len(registry.IPRules) != 1 || registry.IPRules[0] != "203.0.113.0/24" {
		t.Errorf("the registry is %+v", registry)
	}
	if registry.BypassForTasks == nil || *registry.BypassForTasks {
		t.Error("networkRuleBypassAllowedForTasks is lost")
	}
	connections := s.state.Children(shopGroup+"Microsoft.ContainerRegistry/registries/contoso", azure.TypePrivateEndpointConnection)
	if len(connections) != 1 {
		t.Fatalf("%d connections", len(connections))
	}
	if view, err := azure.ReadPrivateEndpointConnection(*connections[0]); err != nil || view.Status != azure.StatusRejected {
		t.Errorf("the connection is %+v, %v", view, err)
	}
	at, err := azure.ResolvePlace(s.state, "containerGroups/shop-worker")
	if err != nil || at.Private.String() != "10.20.1.4" || len(at.UserAssigned) != 1 {
		t.Errorf("the worker is at %+v, %v", at, err)
	}
	rights := c.Authorize("acac10ca-7100-4000-8000-000000000003", "Microsoft.ContainerRegistry/registries/pull/read", shopGroup+"Microsoft.ContainerRegistry/registries/contoso")
	if rights.Reason != gate.RoleGrants {
		t.Errorf("the worker may not pull: %+v", rights)
	}
}

// TestSeedPrintedMisspelt: a document of each file with one member more is refused, and the member is named.
func TestSeedPrintedMisspelt(t *testing.T) {
	all := printed(t)
	for i, f := range all {
		t.Run(f.Name, func(t *testing.T) {
			text := string(f.Data)
			at := strings.Index(text, `"id": "/subscriptions`)
			seeds := append([]Seed{}, all...)
			seeds[i].Data = []byte(text[:at] + `"zzyzx": 1,` + text[at:])
			_, err := readSeeds(seeds)
			if err == nil || !strings.HasPrefix(err.Error(), f.Name+":") || !strings.Contains(err.Error(), "zzyzx has no place in") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestSeedShapesParse: the table of shapes is well-formed, and lifted members go back where they came from.
func TestSeedShapesParse(t *testing.T) {
	for kind, text := range shapes {
		if strings.Count(text, "{") != strings.Count(text, "}") {
			t.Errorf("the shape of %s has a brace too many", kind)
		}
		if s := parseShape(text); len(s.members) == 0 {
			t.Errorf("the shape of %s is empty", kind)
		}
	}
	r := &seedReader{shapes: map[string]*shape{}}
	var body map[string]any
	if err := json.Unmarshal([]byte(`{"roleName": "x", "type": "Microsoft.Authorization/roleDefinitions", "roleType": "CustomRole", "systemData": null}`), &body); err != nil {
		t.Fatal(err)
	}
	fitted, wrong := r.shapeOf(azure.TypeRoleDefinition).object(body, "")
	properties, _ := fitted["properties"].(map[string]any)
	if wrong != nil || fitted["type"] != "Microsoft.Authorization/roleDefinitions" || properties["type"] != "CustomRole" || properties["roleName"] != "x" {
		t.Errorf("got %v, %v", fitted, wrong)
	}
}
