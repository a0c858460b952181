//go:build clients

package e2e

import (
	"testing"
)

// The commands of a person who works with az and docker. What az acr login leaves for docker is all that docker has.
const (
	byIdentity = `az login --identity --allow-no-subscriptions -o none`
	bySecret   = `az login --service-principal -u ` + clientID + ` -p ` + clientSecret + ` --tenant ` + tenantID + ` -o none`
	acrLogin   = `az acr login --name myregistry`
	dockerPull = `docker pull ` + myregistry + `/hello:v1`
	dockerPush = `docker load -i "$ARCHIVE" && docker tag example.com/pushed:v1 ` + myregistry + `/pushed:v1 && docker push ` + myregistry + `/pushed:v1`
)

// typed is a line of commands at a place, and what must come of it.
type typed struct {
	name, place string
	commands    []string
	words       []string // what must be said; none if it must succeed
}

const acrLoginDenied = `CONNECTIVITY_REFRESH_TOKEN_ERROR\s+Access to registry 'myregistry\.azurecr\.io' was denied\. Response code: 403`

var typedLines = []typed{
	{name: "a container group pulls", place: "containerGroups/worker", commands: []string{byIdentity, acrLogin, dockerPull}},
	{
		name: "AcrPull does not push", place: "containerGroups/worker", commands: []string{byIdentity, acrLogin, dockerPush},
		words: []string{`Login Succeeded`, `denied: requested access to the resource is denied|unauthorized: ` + loginWords, `role-lacks-action`},
	},
	{name: "a container group pushes", place: "containerGroups/builder", commands: []string{byIdentity, acrLogin, dockerPush}},
	{name: "behind the private endpoint", place: "virtualMachines/jumpbox", commands: []string{byIdentity, acrLogin, dockerPull}},
	{name: "from an address that a rule lets in", place: "203.0.113.7", commands: []string{bySecret, acrLogin, dockerPull, dockerPush}},
	{
		name: "from any other address", place: "198.51.100.77", commands: []string{bySecret, acrLogin},
		words: []string{acrLoginDenied, `ip-not-allowed`},
	},
	{
		name: "App Service stays out", place: "sites/shop", commands: []string{byIdentity, acrLogin},
		words: []string{acrLoginDenied, `not-a-trusted-service`},
	},
	{
		name: "without az login", place: "203.0.113.7", commands: []string{`az account clear`, acrLogin},
		words: []string{`Please run 'az login' to setup account`},
	},
	{
		name: "docker alone", place: "203.0.113.7", commands: []string{dockerPull}, words: []string{`unauthorized: ` + loginWords},
	},
}

// TestAzDocker logs docker in with az and lets it pull and push, through real names, beside a daemon of its own.
func TestAzDocker(t *testing.T) {
	need(t, "az", "docker", "dockerd")
	needRoot(t)
	p := up(t)
	work := workplace(t)
	for _, s := range typedLines {
		t.Run(s.name, func(t *testing.T) {
			script := `export DOCKER_CONFIG="$FRESH"; set -e`
			for _, command := range s.commands {
				script += "\n" + command
			}
			env := append(work, "FRESH="+t.TempDir(), "AZURE_CORE_COLLECT_TELEMETRY=no", "ACRLOCAL_MANAGE="+p.manager())
			output, err := run(t, env, "acrlocal", "from", s.place, "--isolated", "--", "sh", "testdata/client/dockerd.sh", shortDir(t), "sh", "-c", script)
			if s.words == nil {
				mustSucceed(t, output, err)
				return
			}
			mustSay(t, output, err, s.words...)
		})
	}
}

// TestAzLoginBringsDocker shows that `from --isolated` starts a daemon for az acr login, and that the login is left where
// docker finds it.
func TestAzLoginBringsDocker(t *testing.T) {
	need(t, "az", "docker", "dockerd")
	needRoot(t)
	p := up(t)
	env := append(workplace(t), "AZURE_CORE_COLLECT_TELEMETRY=no", "ACRLOCAL_MANAGE="+p.manager())
	from := func(command ...string) (string, error) {
		return run(t, env, "acrlocal", append([]string{"from", "containerGroups/worker", "--isolated", "--"}, command...)...)
	}
	if output, err := from("az", "login", "--identity", "--allow-no-subscriptions", "-o", "none"); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	output, err := from("az", "acr", "login", "--name", "myregistry")
	mustSucceed(t, output, err)
}
