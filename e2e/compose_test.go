//go:build clients

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The services of docker-compose.yml, with what e2e/compose/environment.yaml says of them.
type composed struct {
	service string
	address string
	// emulator is the emulator's address in the client's network.
	emulator string
}

var (
	onInternet       = composed{"internet", "203.0.113.10", "203.0.113.2"}
	inVirtualNetwork = composed{"virtual-machine", "10.203.0.10", "10.203.0.4"}
	onServices       = composed{"container-group", "198.18.203.10", "198.18.203.2"}
	composedClients  = []composed{onInternet, inVirtualNetwork, onServices}
)

// The addresses of docker-compose.yml that the clients must not reach, or not from everywhere.
const (
	composedManagement = "192.0.2.2:5081"
	composedEndpoint   = "10.203.0.4"
)

// compose is the project of docker-compose.yml, up on a Docker daemon of the test's own.
type compose struct{ env []string }

// TestCompose starts docker-compose.yml as `make compose-demo` does, and lets Docker engines on real networks pull. What
// they meet must be what the documents say of their addresses, whatever they say themselves.
func TestCompose(t *testing.T) {
	need(t, "docker", "dockerd", "containerd", "runc", "iptables", "ip", "nsenter", "curl")
	needCompose(t)
	if !inLoopbackOnly(t) {
		return
	}
	c := &compose{env: []string{"DOCKER_HOST=" + startDockerd(t)}}
	defer c.demo(t, "down")
	c.demo(t, "up")
	t.Run("the switch is on", func(t *testing.T) { c.expect(t, c.demo(t, "try"), passing...) })
	t.Run("in docker's words", c.dockersWords)
	t.Run("this machine", c.here)
	t.Run("the switch is off", func(t *testing.T) {
		c.demo(t, "off")
		c.expect(t, c.demo(t, "try"), stopped...)
	})
	t.Run("the switch is on again", func(t *testing.T) {
		c.demo(t, "on")
		c.expect(t, c.demo(t, "try"), passing...)
	})
	t.Run("what clients say of themselves", c.spoof)
	t.Run("other networks", c.cross)
	t.Run("identities of others", c.borrow)
}

// needCompose skips the test where Docker Compose or what make builds for it is absent.
func needCompose(t *testing.T) {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() != nil {
		need(t, "docker-compose")
	}
	for _, program := range []string{"acrlocal", "docker-credential-acr-env"} {
		if _, err := os.Stat(filepath.Join("..", "bin", program)); err != nil {
			t.Fatalf("%v: run make clients", err)
		}
	}
}

// startDockerd starts a daemon that makes bridges and filters, in the network that the test runs in, and returns where it
// listens.
func startDockerd(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	host := "unix://" + dir + "/docker.sock"
	output := &transcript{}
	daemon := exec.Command("dockerd", "--host", host, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid")
	daemon.Stdout, daemon.Stderr = output, output
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	for deadline := time.Now().Add(patience); ; {
		if _, err := run(t, []string{"DOCKER_HOST=" + host}, "docker", "version"); err == nil {
			return host
		}
		if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer:\n%s", output)
		}
	}
}

// demo makes a step of the demo and returns what it prints. Images are built, which may take longer than a client's run.
func (c *compose) demo(t *testing.T, step string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", filepath.Join("compose", "demo"), step)
	command.Env = append(os.Environ(), c.env...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", step, err, output)
	}
	return string(output)
}

// line is what the demo must print of an attempt: its row, and docker's own words.
type line struct {
	client composed
	row    string
	words  string
}

const dockerPulled = `Status: (Downloaded newer image|Image is up to date) for myregistry\.azurecr\.io/hello:v1`

func deniedWords(address string) string {
	return `Error response from daemon: .*denied: client with IP '` + regexp.QuoteMeta(address) + `' is not allowed access\. Refer https://aka\.ms/acr/firewall to grant access\.`
}

var (
	shutOut = line{onInternet, `docker login +stays out +deny +network public-access-disabled`, deniedWords(onInternet.address)}
	logged  = line{inVirtualNetwork, `docker login +gets in +allow +private-endpoint .*`, `Login Succeeded`}
	private = line{inVirtualNetwork, `docker pull +gets in +allow +private-endpoint .*`, dockerPulled}
	trusted = line{onServices, `docker pull +gets in +allow +trusted-service .*`, dockerPulled}
	off     = line{onServices, `docker pull +stays out +deny +network bypass-off`, deniedWords(onServices.address)}

	passing = []line{shutOut, logged, private, trusted}
	stopped = []line{shutOut, logged, private, off}
)

// expect compares what the demo prints with the lines that it must print, and no others.
func (c *compose) expect(t *testing.T, output string, lines ...line) {
	t.Helper()
	got := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if len(got) != 2*len(lines) {
		t.Fatalf("%d lines for %d attempts:\n%s", len(got), len(lines), output)
	}
	for i, want := range lines {
		row := fmt.Sprintf(`^  %s +%s +%s$`, want.client.service, regexp.QuoteMeta(want.client.address), want.row)
		for j, pattern := range []string{row, `^ +(` + want.words + `)$`} {
			if !regexp.MustCompile(pattern).MatchString(got[2*i+j]) {
				t.Errorf("%q is not %s", got[2*i+j], pattern)
			}
		}
	}
}

// docker runs docker in a client's container.
func (c *compose) docker(t *testing.T, at composed, arguments ...string) (string, error) {
	t.Helper()
	return run(t, c.env, "docker", append([]string{"exec", c.container(t, at), "docker"}, arguments...)...)
}

func (c *compose) container(t *testing.T, at composed) string {
	t.Helper()
	output, err := run(t, c.env, "docker", "ps", "-q", "--filter", "label=com.docker.compose.service="+at.service)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(output)
}

// dockersWords lets the client on the internet pull: without a login, and with one that it has from elsewhere.
func (c *compose) dockersWords(t *testing.T) {
	output, err := c.docker(t, onInternet, "pull", myregistry+"/hello:v1")
	mustSay(t, output, err, deniedWords(onInternet.address))
	output, err = c.docker(t, onInternet, "pull", playground+"/hello:v1")
	mustSay(t, output, err, `unauthorized: `+loginWords) // an open registry: the network lets it in
	if output, err = c.docker(t, onInternet, "login", playground, "-u", clientID, "-p", clientSecret); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if output, err = c.docker(t, onInternet, "pull", playground+"/hello:v1"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// here uses the ports that are published to this machine: the default registry without any name, and the proxy.
func (c *compose) here(t *testing.T) {
	env := append(c.env, "DOCKER_CONFIG="+t.TempDir())
	if output, err := run(t, env, "docker", "login", "localhost:5080", "-u", clientID, "-p", clientSecret); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if output, err := run(t, env, "docker", "pull", "localhost:5080/hello:v1"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	output, err := run(t, nil, "acrlocal", "from", "containerGroups/worker", "--", "crane", "manifest", myregistry+"/hello:v1")
	mustSucceed(t, output, err)
}

// curl runs curl as root in the network of a client, with everything that root may do there. It prints the status last.
func (c *compose) curl(t *testing.T, at composed, arguments ...string) (string, error) {
	t.Helper()
	return c.in(t, at, append([]string{"curl", "-sSk", "--max-time", "2", "-w", "\n%{http_code}"}, arguments...)...)
}

// in runs a program in the network of a client.
func (c *compose) in(t *testing.T, at composed, command ...string) (string, error) {
	t.Helper()
	pid, err := run(t, c.env, "docker", "inspect", "-f", "{{.State.Pid}}", c.container(t, at))
	if err != nil {
		t.Fatal(pid, err)
	}
	return run(t, nil, "nsenter", append([]string{"--net=/proc/" + strings.TrimSpace(pid) + "/ns/net"}, command...)...)
}

// token is how a client asks for a token of myregistry, with a secret that is good, at an address of the emulator.
func tokenQuestion(address string, more ...string) []string {
	return append(more, "--resolve", myregistry+":443:"+address, "-u", clientID+":"+clientSecret,
		"https://"+myregistry+"/oauth2/token?service="+myregistry+"&scope=repository:hello:pull")
}

// spoof lets the client on the internet claim to be in the virtual network. A PROXY header ends the connection.
func (c *compose) spoof(t *testing.T) {
	if output, err := c.curl(t, inVirtualNetwork, tokenQuestion(inVirtualNetwork.emulator)...); err != nil || !strings.HasSuffix(output, "\n200") {
		t.Fatalf("who is there gets no token, so that the rest shows nothing: %v %s", err, output)
	}
	for _, claim := range []string{
		"X-Forwarded-For: 10.203.0.10", "X-Forwarded-For: 10.203.0.10, 203.0.113.2", "Forwarded: for=10.203.0.10", "X-Real-IP: 10.203.0.10",
	} {
		output, err := c.curl(t, onInternet, tokenQuestion(onInternet.emulator, "-H", claim)...)
		if err != nil || !strings.HasSuffix(output, "\n403") || !strings.Contains(output, onInternet.address) {
			t.Errorf("%s: %v %s", claim, err, output)
		}
	}
	output, err := c.curl(t, onInternet, tokenQuestion(onInternet.emulator, "--haproxy-protocol")...)
	if err == nil || strings.Contains(output, "access_token") {
		t.Errorf("a PROXY header: %v %s", err, output)
	}
}

// cross lets the clients dial what is on networks that they are not on: first as things are, then with a route by the
// emulator itself and on a machine that does not filter between neighbours, where a packet to any of the emulator's
// addresses arrives.
func (c *compose) cross(t *testing.T) {
	if output, err := run(t, c.env, "curl", "-sS", "--max-time", "2", "http://"+composedManagement+"/health"); err != nil {
		t.Fatalf("the management listener does not answer in its own network, so that the rest shows nothing: %v %s", err, output)
	}
	t.Run("as things are", c.unreachable)
	if err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-iptables", []byte("0"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, at := range composedClients {
		for _, to := range []string{"192.0.2.2", composedEndpoint, "198.18.203.2"} {
			if to == at.emulator {
				continue
			}
			if output, err := c.in(t, at, "ip", "route", "add", to, "via", at.emulator); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
		}
	}
	output, err := c.curl(t, onInternet, tokenQuestion(onServices.emulator)...)
	if err != nil || !strings.HasSuffix(output, "\n403") || !strings.Contains(output, onInternet.address) {
		t.Fatalf("the emulator's other addresses do not answer, so that the rest shows nothing: %v %s", err, output)
	}
	t.Run("by the emulator", c.unreachable)
}

// unreachable lets each client try the management listener, and those outside the virtual network the private endpoint.
func (c *compose) unreachable(t *testing.T) {
	for _, at := range composedClients {
		gateway := at.address[:strings.LastIndexByte(at.address, '.')] + ".1"
		targets := []string{composedManagement, at.emulator + ":5081", gateway + ":5081", "192.0.2.1:5081"}
		for _, to := range targets {
			if output, err := c.curl(t, at, "--connect-timeout", "0.5", "http://"+to+"/health"); err == nil || !strings.HasSuffix(output, "000") {
				t.Errorf("%s reaches %s: %v %s", at.service, to, err, output)
			}
		}
		if at == inVirtualNetwork {
			continue
		}
		if output, err := c.curl(t, at, tokenQuestion(composedEndpoint, "--connect-timeout", "0.5")...); err == nil || strings.Contains(output, "access_token") || !strings.HasSuffix(output, "000") {
			t.Errorf("%s reaches the private endpoint: %v %s", at.service, err, output)
		}
	}
}

// borrow asks for the container group's identity from elsewhere: it belongs to the address that asks.
func (c *compose) borrow(t *testing.T) {
	for _, at := range composedClients {
		output, err := c.curl(t, at, "-X", "POST", "-H", "Metadata: true", "-H", "Host: identity.azure.localhost", "-d", "resource=https://management.azure.com/",
			"http://"+at.emulator+":443/oauth2/token")
		given := strings.Contains(output, "access_token")
		if err != nil || given != (at == onServices) || !given && !strings.HasSuffix(output, "\n400") {
			t.Errorf("%s: %v %s", at.service, err, output)
		}
	}
}
