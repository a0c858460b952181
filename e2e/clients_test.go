//go:build clients

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/acrlocal/acrlocal/emulator"
)

// clientPatience bounds one run of a client.
const clientPatience = time.Minute

// client is a program that people use with ACR. Its command lines are shell, with these variables: IMAGE (and its parts
// HOST, REPOSITORY, TAG), NAME and SECRET for a login, ARCHIVE to push, OUT to pull into, TLS (true or false) and PLAIN
// (--plain-http or nothing). At a place the program finds its login by itself, unless it knows no logins.
type client struct {
	name  string
	needs []string
	// start starts what the client needs beside it.
	start             func(t *testing.T, env []string) []string
	login, pull, push string // an empty command is not tried
	// The client's own words: denied by the network rules, not logged in, logged in without the right to push.
	denied, unauthorized, lacking string
}

const (
	firewallWords = `client with IP '[0-9.]+' is not allowed access\. Refer https://aka\.ms/acr/firewall to grant access\.`
	loginWords    = `authentication required, visit https://aka\.ms/acr/authorization for more information`
)

var clients = []client{
	{
		name: "curl", needs: []string{"curl", "sh", "sed"}, pull: `sh "$SCRIPTS/curl.sh"`,
		denied:       `"code":"DENIED","message":"client with IP \\u0027[0-9.]+\\u0027 is not allowed access`,
		unauthorized: loginWords,
	},
	{
		name:   "crane",
		login:  `crane auth login "$HOST" -u "$NAME" -p "$SECRET" && crane manifest "$HOST/hello:v1"`,
		pull:   `crane pull "$IMAGE" "$OUT"`,
		push:   `crane push "$ARCHIVE" "$IMAGE"`,
		denied: "DENIED: " + firewallWords, unauthorized: "UNAUTHORIZED: " + loginWords, lacking: "UNAUTHORIZED",
	},
	{
		name:   "oras",
		login:  `oras login $PLAIN "$HOST" -u "$NAME" -p "$SECRET"`,
		pull:   `oras pull $PLAIN "$IMAGE" -o "$OUT"`,
		push:   `cd "$(dirname "$ARCHIVE")" && oras push $PLAIN "$IMAGE" "$(basename "$ARCHIVE")"`,
		denied: firewallWords, unauthorized: loginWords, lacking: `401|unauthorized`,
	},
	{
		name: "skopeo", needs: []string{"skopeo"},
		login:        `skopeo login --tls-verify=$TLS "$HOST" -u "$NAME" -p "$SECRET"`,
		pull:         `skopeo copy --src-tls-verify=$TLS "docker://$IMAGE" "dir:$OUT"`,
		push:         `skopeo copy --dest-tls-verify=$TLS "docker-archive:$ARCHIVE" "docker://$IMAGE"`,
		denied:       `(?i)requesting bearer token: .*403 \(Forbidden\)|` + firewallWords,
		unauthorized: `(?i)invalid username/password|` + loginWords,
		lacking:      `requested access to the resource is denied|` + loginWords,
	},
	{
		name: "containerd", needs: []string{"containerd", "ctr"}, start: startContainerd,
		pull:         `ctr images pull $PLAIN --snapshotter native --user "$NAME:$SECRET" "$IMAGE"`,
		push:         `ctr images import --snapshotter native --base-name "$IMAGE" "$ARCHIVE" && ctr images tag --force example.com/pushed:v1 "$IMAGE" && ctr images push $PLAIN --user "$NAME:$SECRET" "$IMAGE"`,
		denied:       `failed to authorize: failed to fetch \w+ token: unexpected status.*: 403 Forbidden`,
		unauthorized: `failed to authorize: failed to fetch \w+ token: unexpected status.*: 401 Unauthorized`,
		lacking:      `authorization failed|401 Unauthorized`,
	},
	{
		name: "docker", needs: []string{"docker", "dockerd"},
		login:        `sh "$SCRIPTS/dockerd.sh" "$WORK/dockerd" docker login "$HOST" -u "$NAME" -p "$SECRET"`,
		pull:         `sh "$SCRIPTS/dockerd.sh" "$WORK/dockerd" docker pull "$IMAGE"`,
		push:         `sh "$SCRIPTS/dockerd.sh" "$WORK/dockerd" sh -c 'docker load -i "$ARCHIVE" && docker tag example.com/pushed:v1 "$IMAGE" && docker push "$IMAGE"'`,
		denied:       `Error response from daemon: .*denied: ` + firewallWords,
		unauthorized: `Error response from daemon: .*unauthorized: ` + loginWords,
		lacking:      `denied: requested access to the resource is denied|unauthorized: ` + loginWords,
	},
}

// need skips a test by name where a program is not installed; in continuous integration it fails instead.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", p)
		}
		t.Skipf("%s is not installed", p)
	}
}

// needRoot does the same for what only root may do.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("only root may start daemons")
	default:
		t.Skip("only root may start daemons")
	}
}

// way is how a client comes to a registry, and what must come of it.
type way struct {
	name  string
	place string
	flags []string // of `acrlocal from`
	push  bool
	words func(client) string // what the client must say; nil if it must succeed
	// reason is what the line that `from` adds must name.
	reason string
}

func sayDenied(c client) string  { return c.denied }
func sayLacking(c client) string { return c.lacking }

var isolated = []string{"--isolated"}

var ways = []way{
	{name: "a container group pulls", place: "containerGroups/worker"},
	{name: "a container group pushes", place: "containerGroups/builder", push: true},
	{name: "App Service stays out", place: "sites/shop", words: sayDenied, reason: "not-a-trusted-service"},
	{name: "AcrPull does not push", place: "containerGroups/worker", push: true, words: sayLacking, reason: "role-lacks-action"},
	{name: "isolated, a container group pulls", place: "containerGroups/worker", flags: isolated},
	{name: "isolated, a container group pushes", place: "containerGroups/builder", flags: isolated, push: true},
	{name: "isolated, App Service stays out", place: "sites/shop", flags: isolated, words: sayDenied, reason: "not-a-trusted-service"},
	{name: "isolated, behind the private endpoint", place: "virtualMachines/jumpbox", flags: isolated},
}

// TestClients lets every client pull and push from places, through the proxy and isolated, and straight at this machine.
func TestClients(t *testing.T) {
	p := up(t)
	restricted := up(t, "--default-registry", "myregistry")
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			need(t, c.needs...)
			if c.start != nil || c.name == "docker" {
				needRoot(t)
			}
			work := workplace(t)
			if c.start != nil {
				work = append(work, c.start(t, work)...)
			}
			for _, w := range ways {
				if w.push && c.push == "" {
					continue
				}
				t.Run(w.name, func(t *testing.T) { c.from(t, p, w, work) })
			}
			t.Run("directly", func(t *testing.T) { c.directly(t, p, work) })
			t.Run("directly, restricted", func(t *testing.T) { c.shutOut(t, restricted, work) })
		})
	}
}

// workplace makes a directory with an image to push, and variables that keep logins in it.
func workplace(t *testing.T) []string {
	t.Helper()
	dir := shortDir(t)
	scripts, err := filepath.Abs(filepath.Join("testdata", "client"))
	if err != nil {
		t.Fatal(err)
	}
	image, err := emulator.HelloImage("pushed by a client\n")
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "image.tar")
	if err := tarball.WriteToFile(archive, name.MustParseReference("example.com/pushed:v1"), image); err != nil {
		t.Fatal(err)
	}
	return []string{
		"WORK=" + dir, "SCRIPTS=" + scripts, "ARCHIVE=" + archive, "DOCKER_CONFIG=" + dir + "/config",
		"REGISTRY_AUTH_FILE=" + dir + "/auth.json", "SERVICE_NAME=" + myregistry,
	}
}

// shortDir is a directory whose name leaves room for sockets, which may have 107 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// image are the variables that name an image.
func image(host, repository, tag string) []string {
	return []string{"HOST=" + host, "REPOSITORY=" + repository, "TAG=" + tag, "IMAGE=" + host + "/" + repository + ":" + tag}
}

// from runs the client at a place.
func (c client) from(t *testing.T, p *process, w way, work []string) {
	command, repository := c.pull, "hello"
	if w.push {
		command, repository = c.push, c.name+"/"+filepath.Base(w.place)
	}
	held := p.entraOrRefresh(t, w.place)
	env := append(image(myregistry, repository, "v1"), append(work, "SCHEME=https", "TLS=true", "PLAIN=",
		"OUT="+filepath.Join(t.TempDir(), "out"), "NAME="+emulator.RefreshTokenUser, "SECRET="+held, "ACRLOCAL_MANAGE="+p.manager())...)
	arguments := append(append([]string{"from", w.place}, w.flags...), "--", "sh", "-c", command)
	output, err := run(t, env, "acrlocal", arguments...)
	if w.words == nil {
		mustSucceed(t, output, err)
		return
	}
	mustSay(t, output, err, w.words(c), `(?m)^acrlocal: d\d+ `+w.reason+`: .*; to turn it round: az `)
}

// entraOrRefresh is a refresh token for clients that do not read the login that `from` leaves for them.
func (p *process) entraOrRefresh(t *testing.T, place string) string {
	t.Helper()
	var answer emulator.TokenAnswer
	p.management(t, "/api/token", emulator.TokenRequest{From: place, Registry: "myregistry"}, &answer)
	return answer.Token
}

// directly uses the default registry of this machine, without proxy: logged in, and with a wrong secret.
func (c client) directly(t *testing.T, p *process, work []string) {
	env := append(c.direct(t, p, work), "SERVICE_NAME="+playground, "SECRET="+clientSecret)
	if c.login != "" {
		output, err := run(t, env, "sh", "-c", c.login)
		mustSucceed(t, output, err)
	}
	if c.push != "" {
		output, err := run(t, append(env, image(p.local(), c.name, "v1")...), "sh", "-c", c.push)
		mustSucceed(t, output, err)
	}
	output, err := run(t, env, "sh", "-c", c.pull)
	mustSucceed(t, output, err)
	output, err = run(t, append(env, "SECRET=wrong"), "sh", "-c", or(c.login, c.pull))
	mustSay(t, output, err, c.unauthorized)
}

// shutOut uses a default registry that does not let this machine in.
func (c client) shutOut(t *testing.T, p *process, work []string) {
	env := append(c.direct(t, p, work), "SECRET="+clientSecret)
	output, err := run(t, env, "sh", "-c", or(c.login, c.pull))
	mustSay(t, output, err, c.denied)
	if strings.Contains(output, "client with IP") && !strings.Contains(output, "127.0.0.1") {
		t.Errorf("another address is named:\n%s", output)
	}
}

func (c client) direct(t *testing.T, p *process, work []string) []string {
	pulled := image(p.local(), "hello", "v1")
	return append(pulled, append(work, "SCHEME=http", "TLS=false", "PLAIN=--plain-http", "OUT="+filepath.Join(t.TempDir(), "out"), "NAME="+clientID)...)
}

// run runs a program and returns what it prints.
func run(t *testing.T, env []string, program string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), env...)
	command.WaitDelay = time.Second
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	output, err := command.CombinedOutput()
	return string(output), err
}

func mustSucceed(t *testing.T, output string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	if strings.Contains(output, "acrlocal: ") {
		t.Errorf("a line was added to a success:\n%s", output)
	}
}

func mustSay(t *testing.T, output string, err error, patterns ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was let in:\n%s", output)
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(output) {
			t.Errorf("it does not say %s:\n%s", p, output)
		}
	}
}

// startContainerd starts a containerd of the test's own; ctr finds it by CONTAINERD_ADDRESS.
func startContainerd(t *testing.T, _ []string) []string {
	t.Helper()
	dir := shortDir(t)
	address := filepath.Join(dir, "containerd.sock")
	config := filepath.Join(dir, "config.toml")
	text := "version = 2\nroot = \"" + dir + "/root\"\nstate = \"" + dir + "/state\"\n" +
		"disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"" + address + "\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	output := &transcript{}
	daemon := exec.Command("containerd", "--config", config)
	daemon.Stdout, daemon.Stderr = output, output
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	env := []string{"CONTAINERD_ADDRESS=" + address}
	deadline := time.Now().Add(patience)
	for {
		if _, err := run(t, env, "ctr", "version"); err == nil {
			return env
		}
		if time.Now().After(deadline) {
			t.Fatalf("containerd does not answer:\n%s", output)
		}
	}
}

// TestMetadata asks the instance metadata service for a token with curl, as a program at the place would.
func TestMetadata(t *testing.T) {
	need(t, "curl")
	p := up(t)
	env := []string{"ACRLOCAL_MANAGE=" + p.manager()}
	const url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + acrAudience
	for _, flags := range [][]string{nil, isolated} {
		ask := func(place string) (string, error) {
			arguments := append(append([]string{"from", place}, flags...), "--", "curl", "-sS", "--fail-with-body", "-H", "Metadata: true", url)
			return run(t, env, "acrlocal", arguments...)
		}
		if output, err := ask("containerGroups/worker"); err != nil || !strings.Contains(output, `"access_token":"ey`) {
			t.Errorf("%v, a container group: %v\n%s", flags, err, output)
		}
		if output, err := ask("sites/shop"); err == nil || strings.Contains(output, "access_token") {
			t.Errorf("%v, App Service has no such service: %s", flags, output)
		}
		if output, err := ask("203.0.113.7"); err == nil || strings.Contains(output, "access_token") {
			t.Errorf("%v, the internet has no such service: %s", flags, output)
		}
	}
}

// TestIsolatedDocker lets `from --isolated` bring the daemon along, and go without one.
func TestIsolatedDocker(t *testing.T) {
	need(t, "docker", "dockerd")
	needRoot(t)
	p := up(t)
	env := append(workplace(t), "ACRLOCAL_MANAGE="+p.manager())
	output, err := run(t, env, "acrlocal", "from", "containerGroups/worker", "--isolated", "--", "docker", "pull", myregistry+"/hello:v1")
	mustSucceed(t, output, err)
	output, err = run(t, env, "acrlocal", "from", "sites/shop", "--isolated", "--", "docker", "pull", myregistry+"/hello:v1")
	mustSay(t, output, err, `Error response from daemon: .*denied: `+firewallWords, `(?m)^acrlocal: d\d+ not-a-trusted-service`)
}
