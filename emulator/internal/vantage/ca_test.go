package vantage

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCAIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := OpenCA(dir).PEM()
	if err != nil {
		t.Fatal(err)
	}
	second := OpenCA(dir)
	again, err := second.PEM()
	if err != nil || string(first) != string(again) {
		t.Errorf("the authority changed: %v", err)
	}
	file, err := second.File()
	if err != nil {
		t.Fatal(err)
	}
	if exported, err := os.ReadFile(file); err != nil || string(exported) != string(first) {
		t.Errorf("%s is not the certificate: %v", file, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, authorityFile): 0o600, file: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%d files, want 2: %v", len(entries), entries)
	}
}

func TestCAIsLazy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	OpenCA(dir)
	if _, err := os.Stat(dir); err == nil {
		t.Error("opening makes files already")
	}
}

func TestCAMadeAtOnceIsOne(t *testing.T) {
	dir := t.TempDir()
	made := make([]string, 8)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			text, err := OpenCA(dir).PEM()
			made[i] = fmt.Sprint(string(text), err)
		})
	}
	all.Wait()
	for _, one := range made {
		if one != made[0] || !strings.HasSuffix(one, "<nil>") {
			t.Fatalf("two authorities came of one directory:\n%s\n%s", made[0], one)
		}
	}
}

func TestCARefusesSpoiledFiles(t *testing.T) {
	good := t.TempDir()
	if _, err := OpenCA(good).PEM(); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(filepath.Join(good, authorityFile))
	other, _ := makeAuthority()
	key, _ := pem.Decode(data)
	_, otherCertificate := pem.Decode(other)
	for about, c := range map[string]struct {
		data []byte
		mode os.FileMode
		want string
	}{
		"readable by others": {data, 0o640, "others may have read"},
		"empty":              {nil, 0o600, "not a key and a certificate"},
		"cut":                {data[:len(data)/2], 0o600, "not a key and a certificate"},
		"two authorities":    {append(pem.EncodeToMemory(key), otherCertificate...), 0o600, "do not belong together"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, authorityFile), c.data, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCA(dir).PEM(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q", about, err, c.want)
		}
	}
}

func TestLeaf(t *testing.T) {
	ca := OpenCA("")
	text, err := ca.PEM()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	for host, want := range map[string]string{
		"myregistry.azurecr.io": "myregistry.azurecr.io", "MyRegistry.azurecr.io.": "myregistry.azurecr.io",
		"myregistry.westeurope.data.azurecr.io": "myregistry.westeurope.data.azurecr.io",
		"login.microsoftonline.com:443":         "login.microsoftonline.com", "localhost:5080": "localhost",
		"127.0.2.1": "127.0.2.1", "127.0.0.1:5080": "127.0.0.1", "[::1]:443": "::1", "169.254.169.254": "169.254.169.254",
		"a.azurecr.localhost": "a.azurecr.localhost",
		"example.com":         "", "evilazurecr.io": "", "azurecr.io.example.com": "", "10.0.0.1": "", "": "", "*.azurecr.io": "",
		"microsoftonline.com": "", "169.254.169.253": "",
	} {
		leaf, err := ca.Leaf(host)
		if want == "" {
			if err == nil {
				t.Errorf("%q has a certificate", host)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", host, err)
			continue
		}
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: want}); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestConstraintsHold(t *testing.T) {
	ca := OpenCA("")
	text, _ := ca.PEM()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	for _, host := range []string{"example.com", "evilazurecr.io", "10.0.0.1", "github.com"} {
		leaf, err := ca.authority.issue(host, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err == nil {
			t.Errorf("a certificate for %s is believed", host)
		}
	}
}

func TestLeavesAreKeptAndBounded(t *testing.T) {
	ca := OpenCA("")
	first, _ := ca.Leaf("a.azurecr.io")
	again, _ := ca.Leaf("A.azurecr.io")
	if first != again {
		t.Error("a leaf is made twice")
	}
	for i := range maxLeaves + 50 {
		if _, err := ca.Leaf(fmt.Sprintf("r%d.azurecr.io", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(ca.leaves) > maxLeaves {
		t.Errorf("%d leaves are kept", len(ca.leaves))
	}
}

func TestFoldHost(t *testing.T) {
	for _, c := range []struct {
		in, host string
		port     uint16
	}{
		{"MyRegistry.azurecr.io", "myregistry.azurecr.io", 0},
		{"myregistry.azurecr.io:443", "myregistry.azurecr.io", 443},
		{"a.azurecr.io.:80", "a.azurecr.io", 80},
		{"127.0.0.1", "127.0.0.1", 0},
		{"127.0.0.1:5080", "127.0.0.1", 5080},
		{"::1", "::1", 0},
		{"[::1]", "::1", 0},
		{"[::1]:443", "::1", 443},
		{"::ffff:127.0.0.1", "127.0.0.1", 0},
		{"a_b", "a_b", 0},
	} {
		if host, port, err := FoldHost(c.in); err != nil || host != c.host || port != c.port {
			t.Errorf("FoldHost(%q) = %q, %d, %v", c.in, host, port, err)
		}
	}
	for _, in := range []string{
		"", ".", "a..b", "a.b..", ":443", "a:", "a:0", "a:65536", "a:+1", "a:b", "a:1:2", "[::1", "[a]", "[a]:1", "[::1]x", "a b", "a/b",
		"ä.azurecr.io", "a%2eb", "a\x00b", "fe80::1%eth0", "user@host", strings.Repeat("a", 64), strings.Repeat("a.", 130),
	} {
		if host, port, err := FoldHost(in); err == nil {
			t.Errorf("FoldHost(%q) = %q, %d, want an error", in, host, port)
		}
	}
}

func FuzzFoldHost(f *testing.F) {
	for _, s := range []string{"a.azurecr.io:443", "[::1]:1", "::1", "A.", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		host, _, err := FoldHost(in)
		if err != nil {
			return
		}
		if again, port, err := FoldHost(host); err != nil || again != host || port != 0 {
			t.Errorf("%q folds to %q, and that to %q, %d, %v", in, host, again, port, err)
		}
	})
}
