package tasks_test

import (
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

// noExchange is what a run says whose identity a registry keeps out (acr-tasks §4.3).
const noExchange = "\r\nfailed to unmarshal task before running: failed to resolve secrets: failed to get ACR refresh token, exchange API response code: 403 Forbidden\r\n"

// source is one that is built without running anything, and a task that builds and pushes it.
var source = map[string]string{
	"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n",
}

const buildAndPush = "version: v1.1.0\nsteps:\n- id: build\n  build: -t $Registry/made:$ID .\n- id: push\n  push: [$Registry/made:$ID]\n"

// from is the request of a run of a task with a source.
func (w *world) from(task string) object {
	return object{"type": "TaskRunRequest", "taskId": task, "overrideTaskStepProperties": object{"contextPath": w.upload(source)}}
}

// TestTheArticle is its worked example: a task passes the network rules of its registry by its identity, until trusted
// services are switched off.
func TestTheArticle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, myregistry, emulator.Options{})
	id := w.task("test-task", buildAndPush, object{"identity": system, "credentials": use("[system]", "myregistry.azurecr.io")})
	w.grant(id, "AcrPush", myregistry)
	w.update(myregistry, object{"publicNetworkAccess": "Disabled"})
	got := w.do(w.from(id))
	w.must(got, "Succeeded", "Logging in to registry: myregistry.azurecr.io\r\n", "Successfully pushed image: myregistry.azurecr.io/made:ca1\r\n", "\r\nRun ID: ca1 was successful after 0s\r\n")
	output := got.about["outputImages"].([]any)[0].(object)
	if output["repository"] != "made" || output["tag"] != "ca1" || output["registry"] != "myregistry.azurecr.io" || output["digest"] == nil {
		t.Errorf("it made %v", output)
	}
	w.update(myregistry, object{"networkRuleBypassOptions": "None"})
	w.must(w.do(w.from(id)), "Failed", noExchange, "\r\nRun ID: ca2 failed after 0s. Error: failed during run, err: exit status 1\r\n")
	w.refused(gate.BypassOff)
}

// refused fails the test unless that is why the gate refused somebody last.
func (w *world) refused(why gate.Reason) {
	w.t.Helper()
	last := w.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Deny })
	if len(last) != 1 || last[0].Reason != why {
		w.t.Errorf("refused for %+v, want %s", last, why)
	}
}

// TestWhoLogsIn is acr-tasks §1.3 on a registry that keeps out whoever is not trusted: only the system-assigned identity of a
// task passes, and only where the task uses it.
func TestWhoLogsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, myregistry, emulator.Options{})
	w.update(myregistry, object{"networkRuleSet": object{"defaultAction": "Deny", "ipRules": []any{}}})
	builder := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder-identity"
	clientID := w.arm(http.MethodGet, builder, nil)["properties"].(object)["clientId"].(string)
	both := object{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": object{builder: object{}}}
	const host = "myregistry.azurecr.io"
	const notAllowed = "is not allowed access. Refer https://aka.ms/acr/firewall to grant access.\r\n: exit status 1\r\n"
	for name, c := range map[string]struct {
		credentials object
		says        string
		why         gate.Reason
	}{
		"system":   {use("[system]", host), "", ""},
		"user":     {use(clientID, host), noExchange, gate.UserAssignedNotTrusted},
		"stranger": {use("acac10ca-0000-4000-8000-000000000009", host), "failed to resolve secrets: failed to get token: Identity not found", ""},
		"default":  {object{}, "failed to login, ran out of retries: failed to set docker credentials: Error response from daemon: Get \"https://myregistry.azurecr.io/v2/\": denied: client with IP '198.1", gate.IPNotAllowed},
		"password": {object{"sourceRegistry": object{"loginMode": "None"}, "customRegistries": object{host: object{
			"userName": object{"type": "Opaque", "value": "acac10ca-3000-4000-8000-000000000001"},
			"password": object{"type": "Opaque", "value": "acrlocal-development-secret"},
		}}}, notAllowed, gate.IPNotAllowed},
		"nobody": {use("[system]"), "\r\ndenied: client with IP '198.1", gate.IPNotAllowed},
	} {
		id := w.task("by-"+name, buildAndPush, object{"identity": both, "credentials": c.credentials})
		w.grant(id, "AcrPush", myregistry)
		if c.says == "" {
			w.must(w.do(w.from(id)), "Succeeded")
			continue
		}
		w.must(w.do(w.from(id)), "Failed", c.says)
		if c.why != "" {
			w.refused(c.why)
		}
	}
}

// TestShutOutMidRun: the bypass is judged at every request, so that the next one of a run that goes on is refused.
func TestShutOutMidRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, myregistry, emulator.Options{})
	id := w.task("pushes", "version: v1.1.0\nsteps:\n- id: build\n  build: -t $Registry/made:one -t $Registry/made:two .\n"+
		"- id: one\n  push: [$Registry/made:one]\n- id: two\n  startDelay: 1\n  push: [$Registry/made:two]\n",
		object{"identity": system, "credentials": use("[system]", "myregistry.azurecr.io")})
	w.grant(id, "AcrPush", myregistry)
	run := w.schedule(w.from(id))
	w.awaitLog(run, "Successfully pushed image: myregistry.azurecr.io/made:one")
	w.update(myregistry, object{"networkRuleBypassOptions": "None", "publicNetworkAccess": "Disabled"})
	w.must(w.await(run), "Failed", "denied: client with IP '198.1", "failed to run step ID: two: failed to push images successfully")
	w.refused(gate.BypassOff)
}

// TestAnotherRegistry has a task push to a restricted registry that is not its own, as long as it has a role there.
func TestAnotherRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{})
	id := w.task("across", "version: v1.1.0\nsteps:\n- build: -t myregistry.azurecr.io/made:v1 .\n- push: [myregistry.azurecr.io/made:v1]\n",
		object{"identity": system, "credentials": use("[system]", "myregistry.azurecr.io")})
	w.must(w.do(w.from(id)), "Failed", "exchange API response code: 401 Unauthorized")
	w.grant(id, "AcrPull", myregistry)
	w.must(w.do(w.from(id)), "Failed", "failed to push images successfully")
	w.grant(id, "AcrPush", myregistry)
	w.must(w.do(w.from(id)), "Succeeded", "Successfully pushed image: myregistry.azurecr.io/made:v1")
}

// TestDefaultLogin is that of quick builds: to the registry of the run and no other, and not in ABAC mode (acr-behaviour §3.2).
func TestDefaultLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{})
	build := func(image string) object {
		return object{"type": "DockerBuildRequest", "imageNames": []string{image}, "dockerFilePath": "Dockerfile", "isPushEnabled": true, "platform": object{"os": "linux"}, "sourceLocation": w.upload(source)}
	}
	w.must(w.do(build("made:{{.Run.ID}}")), "Succeeded", "Successfully pushed image: playground.azurecr.io/made:ca1")
	w.update(myregistry, object{"networkRuleSet": object{"defaultAction": "Allow"}})
	abroad := object{
		"type": "EncodedTaskRunRequest", "platform": object{"os": "linux"}, "sourceLocation": w.upload(source),
		"encodedTaskContent": []byte("steps:\n- build: -t myregistry.azurecr.io/made:v1 .\n- push: [myregistry.azurecr.io/made:v1]\n"),
	}
	w.must(w.do(abroad), "Failed", "unauthorized: authentication required")
	w.update(playground, object{"roleAssignmentMode": "AbacRepositoryPermissions"})
	w.must(w.do(build("made:v1")), "Failed", "failed to login, ran out of retries", "unauthorized: authentication required")
	w.refused(gate.NoRole)
}

// TestAgentPool: a run on a machine of a pool comes from the pool's subnet, and so by the private endpoint there (acr-tasks §4.5).
func TestAgentPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, myregistry, emulator.Options{})
	w.update(myregistry, object{"publicNetworkAccess": "Disabled"})
	w.arm(http.MethodPut, myregistry+"/agentPools/inside", object{"location": "westeurope", "properties": object{
		"count": 1, "tier": "S1", "os": "Linux", "virtualNetworkSubnetResourceId": group + "/providers/Microsoft.Network/virtualNetworks/hub/subnets/app",
	}})
	request := object{"type": "DockerBuildRequest", "imageNames": []string{"made:v1"}, "dockerFilePath": "Dockerfile", "isPushEnabled": true, "platform": object{"os": "linux"}, "sourceLocation": w.upload(source)}
	w.must(w.do(request), "Failed", "failed to login")
	request["agentPoolName"], request["sourceLocation"] = "inside", w.upload(source)
	w.must(w.do(request), "Succeeded", "Successfully pushed image: myregistry.azurecr.io/made:v1")
	last := w.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Allow })
	if len(last) != 1 || last[0].Steps[0].Reason != gate.PrivateEndpointApproved {
		t.Errorf("%+v", last)
	}
}

// TestTaskRunIsAPlace: what a task run asks for runs at that task run, by the login of the registry and as its identity.
func TestTaskRunIsAPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, playground, emulator.Options{})
	id := w.registry + "/taskRuns/once-only"
	ask := func(tag string, credentials object) {
		w.arm(http.MethodPut, id, object{"location": "westeurope", "identity": system, "properties": object{"forceUpdateTag": tag, "runRequest": object{
			"type": "EncodedTaskRunRequest", "platform": object{"os": "linux"}, "sourceLocation": w.upload(source),
			"encodedTaskContent": []byte(buildAndPush), "credentials": credentials,
		}}})
	}
	ask("1", object{})
	w.must(w.await("ca1"), "Succeeded", "Successfully pushed image: playground.azurecr.io/made:ca1")
	w.grant(id, "AcrPush", playground)
	ask("2", use("[system]", "playground.azurecr.io"))
	w.must(w.await("ca2"), "Succeeded", "Successfully pushed image: playground.azurecr.io/made:ca2")
}
