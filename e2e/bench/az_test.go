//go:build bench

package bench

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"
)

const (
	azRuns = 20
	azBar  = 5 // ms of CPU for az acr create, update and show together, beside their connections

	// azConnections are those of one run, each with one request: one to create, three to update, two to show.
	azConnections = 6
	azPause       = 50 * time.Millisecond // between two of them; az itself takes longer
)

// measureAz measures what the emulator spends on the unmodified az: on making, changing and showing a registry. az opens a
// connection of its own for each request; what these cost any server in Go, tunnel, TLS and scheduler, is measured beside it,
// since it depends on the machine more than on us.
func measureAz(t testing.TB, r *report, others string) {
	t.Helper()
	if _, err := exec.LookPath("az"); err != nil {
		fmt.Println("az is not installed: what it costs is not measured")
		return
	}
	commands, connections := commandsCPU(t), connectionsCPU(t, others)
	r.note("az acr create, update and show, CPU", milliseconds(commands)/azRuns, "ms")
	r.note("of it: their connections, to a proxy of net/http", milliseconds(connections)/azRuns, "ms")
	r.atMost(azBar, "of it: the emulator's own", milliseconds(commands-connections)/azRuns, "ms")
}

// commandsCPU is what the commands cost the emulator, azRuns times.
func commandsCPU(t testing.TB) time.Duration {
	e := emulate(t, t.TempDir())
	e.az(t, `az login --service-principal -u "$CLIENT" -p "$SECRET" --tenant "$TENANT"`)
	idle := e.azCPU(t, "az version")
	return e.azCPU(t, fmt.Sprintf(`for n in $(seq %d); do
		az acr create -g acrlocal -l westeurope -n benchmark$n --sku Premium &&
		az acr update -n benchmark$n --allow-trusted-services false &&
		az acr show -n benchmark$n || exit 1
	done`, azRuns)) - idle
}

// connectionsCPU is what as many connections cost a proxy that does nothing else: tunnel, TLS and one empty answer.
func connectionsCPU(t testing.TB, others string) time.Duration {
	p := other(t, others, bareProxy, "GOGC=400")
	defer p.stop()
	ask := func() {
		time.Sleep(azPause)
		c := newClient("https://management.azure.com", "")
		c.http.Transport = &http.Transport{
			Proxy:             func(*http.Request) (*url.URL, error) { return url.Parse(p.url) },
			DisableKeepAlives: true,
			// as Debian's OpenSSL does it; whose certificate it is, is another matter
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}},
		}
		if err := c.get("/"); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	before := p.cpu(t)
	for range azRuns * azConnections {
		ask()
	}
	return p.cpu(t) - before
}

// azCPU is what a script at an address of the internet costs the emulator, with what it costs to get there.
func (e *emulator) azCPU(t testing.TB, script string) time.Duration {
	t.Helper()
	before := e.cpu(t)
	e.az(t, script)
	return e.cpu(t) - before
}

func (e *emulator) az(t testing.TB, script string) {
	t.Helper()
	arguments := []string{"from", "203.0.113.7", "--manage", e.Manage, "--state", e.scratch, "--", "sh", "-c", script}
	command := exec.Command(os.Getenv("ACRLOCAL"), arguments...)
	command.Env = append(os.Environ(), "HOME="+e.scratch, "CLIENT="+e.ClientID, "SECRET="+e.ClientSecret, "TENANT="+e.TenantID)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, output)
	}
}
