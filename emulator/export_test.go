package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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

// TestExportHidesTaskSecrets: what only listDetails tells of tasks, task runs and runs is left out, unless it is asked for. (Exports
// once had all of it.)
func TestExportHidesTaskSecrets(t *testing.T) {
	e := emulatortest.Start(t, `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: playground, sku: {name: Standard}}
  - type: Microsoft.ContainerRegistry/registries/webhooks
    name: playground/hook
    location: westeurope
    properties: {serviceUri: "https://hooks.example/", actions: [push], customHeaders: {Authorization: sesame-0}}
  - type: Microsoft.ContainerRegistry/registries/tasks
    name: playground/build
    location: westeurope
    properties:
      platform: {os: Linux}
      step:
        type: Docker
        dockerFilePath: Dockerfile
        contextPath: https://github.com/ada/app.git
        contextAccessToken: sesame-1
        arguments: [{name: KEY, value: sesame-2, isSecret: true}, {name: COLOUR, value: green}]
      credentials: {customRegistries: {other.azurecr.io: {userName: {type: Opaque, value: sesame-3}, password: {type: Opaque, value: sesame-4}}}}
      trigger: {sourceTriggers: [{name: s, sourceTriggerEvents: [commit], sourceRepository: {sourceControlType: Github,
        repositoryUrl: "https://github.com/ada/app", sourceControlAuthProperties: {tokenType: PAT, token: sesame-5}}}]}
`)
	const registry = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/playground"
	request := func(first, second string) map[string]any {
		return map[string]any{
			"type": "TaskRunRequest", "taskId": registry + "/tasks/build", "overrideTaskStepProperties": map[string]any{
				"updateTriggerToken": first, "values": []any{map[string]any{"name": "KEY", "value": second, "isSecret": true}},
			},
		}
	}
	for path, body := range map[string]any{
		"/scheduleRun":     request("sesame-6", "sesame-7"),
		"/taskRuns/mine-1": map[string]any{"properties": map[string]any{"runRequest": request("sesame-8", "sesame-9")}},
	} {
		method := http.MethodPut
		if path == "/scheduleRun" {
			method = http.MethodPost
		}
		if err := e.ARM(t.Context(), method, registry+path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	if text := exported(t, e, false); strings.Contains(text, "sesame-") || !strings.Contains(text, "green") {
		t.Errorf("without secrets:\n%s", text)
	}
	text := exported(t, e, true)
	for n := range 10 {
		if secret := fmt.Sprintf("sesame-%d", n); !strings.Contains(text, secret) {
			t.Errorf("with secrets, there is no %s", secret)
		}
	}
}
