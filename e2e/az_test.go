//go:build clients

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The bounds of the az suite: how many commands it must have, and how long a script may take.
const (
	fewestCommands = 80
	azPatience     = 15 * time.Minute
)

// TestAz plays the scripts of the unmodified az: the article's commands as they stand, and everything else that a person
// types about a registry. Emulator, az and crane run together in a network with loopback only, where there is nothing to
// leave to, and nobody tries.
func TestAz(t *testing.T) {
	need(t, "az")
	if !inLoopbackOnly(t) {
		return
	}
	before := triedToLeave(t)
	var played atomic.Int64
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 filepath.Join("testdata", "az"),
			Setup:               prepareAz,
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Deadline:            time.Now().Add(azPatience),
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"up":       scriptUp,
				"at":       scriptAt,
				"cloud":    scriptCloud,
				"env-from": scriptEnvFrom,
				"az": func(ts *testscript.TestScript, neg bool, args []string) {
					played.Add(1)
					scriptAz(ts, neg, args)
				},
			},
		})
	})
	if n := triedToLeave(t) - before; n != 0 {
		t.Errorf("something tried %d times to leave the machine", n)
	}
	t.Logf("az ran %d times", played.Load())
	if n := played.Load(); n < fewestCommands && subtests() == "" && !t.Failed() {
		t.Errorf("az ran %d times; the suite has at least %d commands", n, fewestCommands)
	}
}

// prepareAz gives a script a certificate to log in with besides what every script has, and settings of az that are no
// setting of the emulator: what is printed, and that nothing waits for a person.
func prepareAz(env *testscript.Env) error {
	if err := prepareScript(env); err != nil {
		return err
	}
	env.Setenv("HOME", env.WorkDir)
	templates, err := filepath.Abs(filepath.Join("testdata", "template"))
	if err != nil {
		return err
	}
	env.Setenv("TEMPLATES", templates)
	env.Setenv("AT", "203.0.113.7")
	env.Setenv("TENANT", tenantID)
	env.Setenv("SUBSCRIPTION", strings.TrimPrefix(subscription, "/subscriptions/"))
	env.Setenv("AZURE_CORE_OUTPUT", "json")
	env.Setenv("AZURE_CORE_NO_COLOR", "yes")
	env.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	return writeCertificate(filepath.Join(env.WorkDir, "login.pem"), filepath.Join(env.WorkDir, "certificate.b64"))
}

// scriptAt says where the commands that follow are typed: `at PLACE [FLAG…]`, with flags of `acrlocal from`.
func scriptAt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: at PLACE [FLAG…]")
	}
	ts.Setenv("AT", args[0])
	ts.Setenv("FLAGS", strings.Join(args[1:], " "))
}

// ownCloud describes the emulator to az as a cloud of its own, at one address (az-cli §2.2).
const ownCloud = `{"endpoints": {
	"resourceManager": "https://%[1]s", "management": "https://%[1]s/", "activeDirectory": "https://%[1]s/adfs",
	"activeDirectoryResourceId": "https://management.azure.localhost/", "activeDirectoryGraphResourceId": "https://%[1]s/",
	"microsoftGraphResourceId": "https://%[1]s/"
}, "suffixes": {
	"acrLoginServerEndpoint": ".azurecr.localhost", "storageEndpoint": "storage.localhost", "keyvaultDns": ".vault.localhost"
}}`

// scriptCloud has the commands that follow typed on this machine itself, with no place and no proxy, in a cloud of its own.
func scriptCloud(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: cloud")
	}
	ts.Check(ts.Exec("curl", "-sf", "http://"+ts.Getenv("MANAGE")+"/ca.pem", "-o", "ca.pem"))
	ts.Check(os.WriteFile(ts.MkAbs("cloud.json"), fmt.Appendf(nil, ownCloud, strings.Replace(ts.Getenv("SERVICE"), "127.0.0.1", "localhost", 1)), 0o600))
	for name, value := range map[string]string{
		"CLOUD": "own", "AZURE_CONFIG_DIR": ts.MkAbs(".azure"), "REQUESTS_CA_BUNDLE": ts.MkAbs("ca.pem"),
		"AZURE_CORE_COLLECT_TELEMETRY": "no", "AZURE_CORE_ERROR_RECOMMENDATION": "off", "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
	} {
		ts.Setenv(name, value)
	}
	// The first time it runs, az looks whether there is a newer one, which it does no more after it failed at a place.
	ts.Check(ts.Exec("acrlocal", "from", ts.Getenv("AT"), "--", "env", "AZURE_CONFIG_DIR="+ts.Getenv("AZURE_CONFIG_DIR"), "az", "cloud", "list", "-o", "none"))
	ts.Check(ts.Exec("az", "cloud", "register", "-n", "Emulated", "--cloud-config", "@cloud.json"))
	ts.Check(ts.Exec("az", "cloud", "set", "-n", "Emulated"))
}

// scriptEnvFrom sets a variable to what a file says: `env-from NAME FILE`. `cp stdout FILE` keeps what a command printed.
func scriptEnvFrom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: env-from NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// scriptAz runs az at the place: `az ARGUMENT…`; `! az` wants it to fail.
func scriptAz(ts *testscript.TestScript, neg bool, args []string) {
	if ts.Getenv("CLOUD") != "" {
		if err := ts.Exec("az", args...); neg != (err != nil) {
			ts.Fatalf("az %v: %v", args, err)
		}
		return
	}
	place := ts.Getenv("AT")
	from := []string{"from", place, "--state", ts.MkAbs(".azure-" + strings.NewReplacer("/", "-", ":", "-").Replace(place))}
	from = append(append(from, strings.Fields(ts.Getenv("FLAGS"))...), "--", "az")
	err := ts.Exec("acrlocal", append(from, args...)...)
	if neg != (err != nil) {
		ts.Fatalf("az %v: %v", args, err)
	}
}

// writeCertificate makes a key with a certificate of its own: both as PEM, which az logs in with, and the certificate in
// base64 alone, which Graph takes.
func writeCertificate(pair, certificate string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "az"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(pair, both, 0o600); err != nil {
		return err
	}
	return os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}
