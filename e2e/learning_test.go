package e2e

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

// ml is Azure Machine Learning of the sample, as a client of Resource Manager has it. Nothing runs here, so that a job which
// could pull its image says that, and one which could not says why.
type ml struct {
	t *testing.T
	e *emulatortest.Emulator
}

const workspaces = group + "/providers/Microsoft.MachineLearningServices/workspaces/"

func (m ml) put(path string, body map[string]any) {
	m.t.Helper()
	if err := m.e.ARM(m.t.Context(), http.MethodPut, workspaces+path, body, nil); err != nil {
		m.t.Fatal(err)
	}
}

// train runs a job in hello:v1 as a workspace, with more in its properties, and returns what it ended with.
func (m ml) train(workspace string, more map[string]any) string {
	m.t.Helper()
	m.put(workspace+"/environments/train/versions/1", map[string]any{"properties": map[string]any{"image": hello}})
	properties := map[string]any{"jobType": "Command", "environmentId": "azureml:train:1", "command": "train"}
	maps.Copy(properties, more)
	m.put(workspace+"/jobs/first", map[string]any{"properties": properties})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var job struct {
			Properties struct {
				Status string
				Error  struct{ Message string }
			}
		}
		if err := m.e.ARM(m.t.Context(), http.MethodGet, workspaces+workspace+"/jobs/first", nil, &job); err != nil {
			m.t.Fatal(err)
		}
		if job.Properties.Status == "Failed" {
			return job.Properties.Error.Message
		}
	}
	m.t.Fatalf("the job of %s does not end", workspace)
	return ""
}

func (m ml) mustTrain(workspace string, more map[string]any, reason gate.Reason) {
	m.t.Helper()
	if told := m.train(workspace, more); !strings.HasPrefix(told, "no container can be run here") {
		m.t.Errorf("%s could not pull: %s", workspace, told)
	}
	mustSettle(m.t, m.e, reason)
}

func (m ml) mustFail(workspace string, reason gate.Reason) {
	m.t.Helper()
	if told := m.train(workspace, nil); !strings.Contains(told, "FailedPullingImage") || !strings.Contains(told, firewall) {
		m.t.Errorf("%s is told %s", workspace, told)
	}
	denied := m.e.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Deny })
	if len(denied) != 1 || denied[0].Reason != reason {
		m.t.Errorf("%s was refused by %+v; want %s", workspace, denied, reason)
	}
}

// TestMachineLearning is the row of Machine Learning in the article's table: the system-assigned identity of a workspace passes
// with a role, no other does; and from a compute in a network nobody has to be trusted.
func TestMachineLearning(t *testing.T) {
	m := ml{t, emulatortest.Start(t, "")}
	m.mustTrain("vision", nil, gate.TrustedServiceBypass)

	user := maps.Clone(asUser)
	user["location"] = "westeurope"
	m.put("sight", user)
	m.mustFail("sight", gate.UserAssignedNotTrusted)

	update(t, m.e, "Microsoft.ContainerRegistry/registries/myregistry", map[string]any{"networkRuleBypassOptions": "None"})
	system := map[string]any{"location": "westeurope", "identity": map[string]any{"type": "SystemAssigned"}}
	m.put("hearing", system)
	m.mustFail("hearing", gate.BypassOff)

	m.put("touch", user)
	m.put("touch/computes/node", map[string]any{"location": "westeurope", "properties": map[string]any{
		"computeType": "AmlCompute", "properties": map[string]any{"subnet": map[string]any{"id": group + "/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"}},
	}})
	m.mustTrain("touch", map[string]any{"computeId": workspaces + "touch/computes/node"}, gate.PrivateEndpointApproved)
}
