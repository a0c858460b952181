package vantage

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// run runs a command at a place of a scene and returns exit code and output.
func (s *scene) run(t *testing.T, place string, isolated bool, command ...string) (int, string) {
	t.Helper()
	return s.runWith(t, place, RunOptions{Command: command, Isolated: isolated})
}

// runDocker runs a command isolated, beside a Docker daemon.
func (s *scene) runDocker(t *testing.T, place string, command ...string) (int, string) {
	t.Helper()
	return s.runWith(t, place, RunOptions{Command: command, Isolated: true, Dockerd: true})
}

func (s *scene) runWith(t *testing.T, place string, o RunOptions) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	pem, err := s.ca.PEM()
	if err != nil {
		t.Fatal(err)
	}
	p, err := azure.ResolvePlace(s.world.State(), place)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o.Proxy, o.CA, o.Place = s.addr, pem, p
	o.Env, o.Stdout, o.Stderr = os.Environ(), &out, &out
	o.ChildArguments, o.Ports = []string{childArgument}, []int{5080}
	code, err := Run(ctx, o)
	if err != nil {
		t.Fatalf("%v: %v\n%s", o.Command, err, out.String())
	}
	return code, out.String()
}

// needs skips a test on machines without a program, or fails it where CI promised to have it.
func needs(t *testing.T, programs ...string) {
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

// needsIsolation skips a test where the kernel lets this process have no network of its own.
func needsIsolation(t *testing.T) {
	t.Helper()
	probe := exec.CommandContext(context.Background(), "true")
	probe.SysProcAttr = namespaces(false)
	if err := probe.Run(); err != nil {
		t.Skipf("no namespaces here: %v", err)
	}
}

func TestIsolatedCurl(t *testing.T) {
	needs(t, "curl")
	needsIsolation(t)
	s := newScene(t, tell)
	for _, c := range []struct {
		about, place string
		command      []string
		code         int
		want         string
	}{
		{"a registry", "203.0.113.7", []string{"curl", "-sS", "https://myregistry.azurecr.io/v2/"}, 0, `"Peer":"203.0.113.7"`},
		{"without variables", "203.0.113.7", []string{"env", "-i", "curl", "-sS", "https://myregistry.azurecr.io/v2/"}, 0, `"Secure":true`},
		{"a private endpoint", "10.0.2.9", []string{"curl", "-sS", "http://myregistry.azurecr.io/v2/"}, 0, `"Endpoint":"door"`},
		{"another port", "203.0.113.7", []string{"curl", "-sS", "http://myregistry.azurecr.io:5080/"}, 0, `"Host":"myregistry.azurecr.io:5080"`},
		{"management", "203.0.113.7", []string{"curl", "-sS", "https://management.azure.com/"}, 0, `"Host":"management.azure.com"`},
		{"the metadata service", "containerGroups/worker", []string{"curl", "-sS", "http://169.254.169.254/metadata"}, 0, `"Host":"169.254.169.254"`},
		{"no metadata service there", "203.0.113.7", []string{"sh", "-c", "curl -sS http://169.254.169.254/metadata; case $? in 52|56) exit 9;; esac"}, 9, ""},
		{"a host in no zone", "203.0.113.7", []string{"curl", "-sS", "https://example.com/"}, 6, "Could not resolve"},
		{"a host in a zone that is not emulated", "203.0.113.7", []string{"curl", "-sS", "http://mcr.microsoft.com/"}, 0, "mcr.microsoft.com is not emulated"},
		{"an address outside", "203.0.113.7", []string{"curl", "-sS", "http://1.1.1.1/"}, 7, ""},
		{"the management listener", "203.0.113.7", []string{"curl", "-sS", "http://" + s.addr + "/"}, 7, ""},
		{"exit codes", "203.0.113.7", []string{"sh", "-c", "exit 42"}, 42, ""},
		{"signals", "203.0.113.7", []string{"sh", "-c", "kill -9 $$"}, 137, ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			code, out := s.run(t, c.place, true, c.command...)
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("%v: %d %s, want %d %s", c.command, code, out, c.code, c.want)
			}
		})
	}
}

func TestIsolatedDocker(t *testing.T) {
	needs(t, "docker", "dockerd")
	needsIsolation(t)
	if os.Geteuid() != 0 {
		t.Skip("a daemon of its own takes root")
	}
	s := newRegistryScene(t, "203.0.113.7")
	root := rootFS(t)
	const name = "myregistry.azurecr.io/hello:docker"
	script := "docker import " + root + " " + name + " && docker push " + name + " && docker rmi " + name + " && docker pull " + name
	if code, out := s.runDocker(t, "203.0.113.7", "sh", "-c", script); code != 0 {
		t.Fatalf("%s: %d %s", script, code, out)
	}
	code, out := s.run(t, "203.0.113.8", true, "docker", "pull", name) // which brings its daemon
	if code == 0 || !strings.Contains(out, "is not allowed access") {
		t.Errorf("docker pull from elsewhere: %d %s", code, out)
	}
}
