package emulator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
)

const exportSeed = `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: myregistry, sku: {name: Premium}}
principals:
  - "@odata.type": "#microsoft.graph.user"
    userPrincipalName: ada@contoso.example
    passwordProfile: {password: hush-hush-1}
trustedServices:
  remove: [Machine Learning]
  add: [{name: Web Apps, resourceTypes: [Microsoft.Web/sites], systemAssigned: true}]
quirks:
  ip-rule-quota: 3
  registries:
    myregistry: {tasks-need-flag: true}
`

func exported(t *testing.T, e *emulatortest.Emulator, secrets bool) string {
	t.Helper()
	text, err := json.Marshal(e.Export(secrets))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExportIsASeed starts from what was exported, and exports the same again.
func TestExportIsASeed(t *testing.T) {
	for name, seed := range map[string]string{"the sample": "", "everything a seed may say": exportSeed} {
		t.Run(name, func(t *testing.T) {
			first := exported(t, emulatortest.Start(t, seed), true)
			second := exported(t, emulatortest.Start(t, first), true)
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("the second export differs (-first +second):\n%s", diff)
			}
		})
	}
}

// TestExportKeepsSecrets leaves out what one logs in by, unless it is asked for, and everything that no API shows.
func TestExportKeepsSecrets(t *testing.T) {
	e := emulatortest.Start(t, exportSeed)
	if text := exported(t, e, false); strings.Contains(text, "hush-hush-1") || strings.Contains(text, e.Endpoints().ClientSecret) {
		t.Errorf("secrets are in it:\n%s", text)
	}
	text := exported(t, e, true)
	if !strings.Contains(text, "hush-hush-1") {
		t.Errorf("the password is not in it:\n%s", text)
	}
	if strings.Contains(text, "registries/myregistry/credentials") {
		t.Errorf("hidden documents are in it:\n%s", text)
	}
}

// TestExportGivesBack: what az printed of real resources comes back as ARM would return it, all of it.
func TestExportGivesBack(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "seed", "az", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatal("there is nothing to read", err)
	}
	var seeds []emulator.Seed
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, emulator.Seed{Name: path, Data: data})
	}
	e := emulatortest.StartWith(t, emulator.Options{Seeds: seeds})
	text := exported(t, e, false)
	for _, wanted := range []string{
		`"ipRules":[{"action":"Allow","value":"203.0.113.0/24"}]`, `"networkRuleBypassAllowedForTasks":false`,
		`"addressPrefix":"10.20.1.0/24"`, `"roleDefinitionId":`, `"status":"Rejected"`,
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("%s is lost:\n%s", wanted, text)
		}
	}
	if again := exported(t, emulatortest.Start(t, text), false); again != text {
		t.Errorf("it differs when it is read again:\n%s", cmp.Diff(text, again))
	}
}
