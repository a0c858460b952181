package azure

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const fuzzGroup = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/g"

// FuzzContainerGroup reads what a client may call a container group. Whatever is read can be given to a machine: names are
// labels, files are in their directory, bounds are none or positive. What is concealed is not shown.
func FuzzContainerGroup(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"restartPolicy": "Never", "osType": "Windows"}`,
		`{"containers": [{"name": "c", "properties": {"image": "i", "command": ["a"], "environmentVariables": [{"name": "A", "secureValue": "s"}],
		  "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}, "limits": {"cpu": 1e308, "memoryInGb": -1}}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}}],
		  "volumes": [{"name": "v", "secret": {"a": "YQ==", "..": "YQ=="}}], "imageRegistryCredentials": [{"server": "S", "password": "p", "identity": "[system]"}]}`,
		`{"containers": [{"name": "../x", "properties": {}}], "initContainers": "none"}`, `{"volumes": [{"azureFile": {}}, {"gitRepo": {}}]}`,
	} {
		f.Add(seed)
	}
	id, err := ParseResourceID(fuzzGroup)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var properties map[string]any
		if json.Unmarshal([]byte(text), &properties) != nil {
			return
		}
		d := Document{ID: id, Body: map[string]any{"properties": properties}}
		g, err := ReadContainerGroup(d)
		if err == nil {
			checkGroup(t, g)
		}
		Conceal(TypeContainerGroup, d.Body)
		if list, _ := properties["imageRegistryCredentials"].([]any); len(list) > 0 {
			if login, _ := list[0].(map[string]any); login["password"] != nil {
				t.Errorf("a password is shown: %v", login)
			}
		}
	})
}

func checkGroup(t *testing.T, g ContainerGroup) {
	t.Helper()
	var names []string
	for _, c := range slices.Concat(g.Containers, g.InitContainers) {
		names = append(names, c.Name)
		if !containerName().MatchString(c.Name) || c.Image == "" || c.Memory < 0 || c.CPUs < 0 {
			t.Errorf("%+v", c)
		}
		for _, m := range c.Mounts {
			if !filepath.IsAbs(m.Path) {
				t.Errorf("%+v", m)
			}
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(g.Containers)+len(g.InitContainers) {
		t.Errorf("a name is there twice: %v", names)
	}
	for _, v := range g.Volumes {
		for name := range v.Files {
			if !filepath.IsLocal(name) || strings.ContainsRune(name, '/') {
				t.Errorf("%q is no name of a file", name)
			}
		}
	}
}

// FuzzTrainingJob reads what a client may call a job. What is read can be run: there is a command, and its inputs are put in.
func FuzzTrainingJob(f *testing.F) {
	for _, seed := range []string{
		`{"jobType": "Command", "environmentId": "azureml:train:1", "command": "a ${{inputs.b}}", "inputs": {"b": {"jobInputType": "literal", "value": "c"}}}`,
		`{"jobType": "Command", "environmentId": "azureml:/subscriptions/x", "limits": {"timeout": "PT1H30M5S"}, "command": "${{inputs.a}}"}`,
		`{"jobType": "Sweep"}`, `{"environmentVariables": {"=": ""}}`, `{"limits": {"timeout": "PT"}}`,
	} {
		f.Add(seed)
	}
	id, err := ParseResourceID("/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/w/jobs/j")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var properties map[string]any
		if json.Unmarshal([]byte(text), &properties) != nil {
			return
		}
		j, err := ReadTrainingJob(Document{ID: id, Body: map[string]any{"properties": properties}})
		if err == nil && (j.Command == "" && properties["command"] == "" || !j.Environment.Is(TypeEnvironmentVersion) || j.Timeout < 0) {
			t.Errorf("%+v", j)
		}
	})
}
