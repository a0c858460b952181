package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func signed(t *testing.T, k *Keys) string {
	t.Helper()
	token, err := k.Sign(t.Context(), Registered{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// kidOf reads the key ID from a token's header without any check.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, &Registered{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header["kid"].(string)
}

func kids(t *testing.T, k *Keys) []string {
	t.Helper()
	set, err := k.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}

func TestNobodyWaitsForKeysButWhoNeedsThem(t *testing.T) {
	release := make(chan struct{})
	k := openKeys("", nil, func() (*rsa.PrivateKey, error) {
		<-release
		return rsaKeys()[0], nil
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, signErr := k.Sign(gone, Registered{})
	_, setErr := k.JWKS(gone)
	for what, err := range map[string]error{
		"Ready": k.Ready(gone), "Rotate": k.Rotate(gone), "Sign": signErr, "JWKS": setErr,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s before the key is there, without patience: %v", what, err)
		}
	}
	close(release)
	if err := k.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := k.Public(kidOf(t, signed(t, k))); !ok {
		t.Error("the key that signed is not public")
	}
}

// A token made before a restart must not be refused because it comes before the keys are loaded.
func TestPublicWaitsForTheKeys(t *testing.T) {
	made := rsaKeys()[0]
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := openKeys("", nil, func() (*rsa.PrivateKey, error) {
			<-release
			return made, nil
		})
		answered, found := false, false
		go func() {
			_, found = k.Public(thumbprint(&made.PublicKey))
			answered = true
		}()
		synctest.Wait()
		if answered {
			t.Error("it did not wait")
		}
		close(release)
		synctest.Wait()
		if !found {
			t.Error("the key was not found")
		}
	})
}

func TestKeysWithoutEntropy(t *testing.T) {
	k := openKeys("", nil, supply())
	if err := k.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "out of entropy") {
		t.Errorf("got %v", err)
	}
	if _, ok := k.Public(""); ok {
		t.Error("a set without keys has a public key")
	}
}

func TestKeysAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	token := signed(t, OpenKeys(dir, nil))

	again := openKeys(dir, nil, supply()) // could not make one
	if got, want := kidOf(t, signed(t, again)), kidOf(t, token); got != want {
		t.Errorf("after a restart %s signs, before it was %s", got, want)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, keyFileName): 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestRotateWithOverlap(t *testing.T) {
	dir, at := t.TempDir(), &testClock{noon}
	k := openKeys(dir, at.Now, supply(0, 1, 2))
	first := kidOf(t, signed(t, k))
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := kidOf(t, signed(t, k))
	for _, moment := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{second, first}},
		{DefaultOverlap - 1, []string{second, first}},
		{DefaultOverlap, []string{second}},
	} {
		at.Time = noon.Add(moment.after)
		restarted := openKeys(dir, at.Now, supply())
		for name, set := range map[string]*Keys{"running": k, "restarted": restarted} {
			if got := kids(t, set); strings.Join(got, " ") != strings.Join(moment.want, " ") {
				t.Errorf("%v after the rotation, %s: keys %v, want %v", moment.after, name, got, moment.want)
			}
			_, ok := set.Public(first)
			if want := len(moment.want) == 2; ok != want {
				t.Errorf("%v after the rotation, %s: the old key verifies: %v", moment.after, name, ok)
			}
		}
	}
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(filepath.Join(dir, keyFileName))
	if got := bytes.Count(data, []byte("-----BEGIN")); got != 2 {
		t.Errorf("after the next rotation %d keys are kept, want 2: the first is long over", got)
	}
}

func TestAFailedRotationChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	k := openKeys(dir, nil, supply(0, 1))
	before := kidOf(t, signed(t, k))

	// The key file cannot be replaced while something else has its name.
	file := filepath.Join(dir, keyFileName)
	if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "sub"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, why := range []string{"keep the signing keys", "out of entropy"} {
		if err := k.Rotate(t.Context()); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("rotation: %v, want %q", err, why)
		}
	}
	if after := kidOf(t, signed(t, k)); after != before {
		t.Errorf("%s signs after a rotation that failed, before it was %s", after, before)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := string(encodeKeys(keyring{newKey(rsaKeys()[0])}))
	retired := string(encodeKeys(keyring{{private: rsaKeys()[0], until: noon}}))
	for name, row := range map[string]struct{ content, want string }{
		"empty":            {"", "the first key must be the signing key"},
		"text":             {"hello", "no PEM block"},
		"text after a key": {good + "hello", "no PEM block"},
		"not a key":        {string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: []byte("x")})), "key 1"},
		"a small key":      {string(encodeKeys(keyring{newKey(small)})), "1024 bits are too few"},
		"only retired":     {retired, "the first key must be the signing key"},
		"bad overlap":      {good + strings.Replace(retired, "2026-", "soon-", 1), "key 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, keyFileName)
			if err := os.WriteFile(file, []byte(row.content), 0o600); err != nil {
				t.Fatal(err)
			}
			err := openKeys(dir, nil, supply(1)).Ready(t.Context())
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("got %v, want %q and the file's name", err, row.want)
			}
			if after, _ := os.ReadFile(file); string(after) != row.content {
				t.Error("the file was overwritten")
			}
		})
	}
}

// Keys that others could read, or put there, are nobody's secret.
func TestKeyFilesForEverybodyAreRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o644} {
		dir := t.TempDir()
		if err := saveKeys(dir, keyring{newKey(rsaKeys()[0])}); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, keyFileName), mode); err != nil {
			t.Fatal(err)
		}
		if err := openKeys(dir, nil, supply(0)).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "others may know them") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestKeyFoldersThatAreRefused(t *testing.T) {
	occupied := t.TempDir()
	if err := os.Mkdir(filepath.Join(occupied, keyFileName), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{occupied: "read the signing keys", file: "read the signing keys"} {
		if err := openKeys(dir, nil, supply(0)).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", dir, err, want)
		}
	}
	if err := saveKeys(file, keyring{newKey(rsaKeys()[0])}); err == nil {
		t.Error("keys were kept in a folder that is a file")
	}
}

// The example of RFC 7638 §3.1.
func TestThumbprint(t *testing.T) {
	n, _ := base64.RawURLEncoding.DecodeString("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_" +
		"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0" +
		"zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
	got := thumbprint(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537})
	if want := "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Somebody who knows only the published set can verify.
func TestJWKSVerifies(t *testing.T) {
	k := openKeys("", nil, supply(0))
	token := signed(t, k)
	set, err := k.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	published := set.Keys[0]
	n, _ := base64.RawURLEncoding.DecodeString(published.Modulus)
	e, _ := base64.RawURLEncoding.DecodeString(published.Exponent)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return public, nil }); err != nil {
		t.Error(err)
	}
	want := JWK{KeyType: "RSA", Use: "sig", Algorithm: "RS256", ID: kidOf(t, token), Modulus: published.Modulus, Exponent: "AQAB"}
	if published != want {
		t.Errorf("got %+v, want %+v", published, want)
	}
}

// Which keys of a set count: RSA, for signatures, neither weak nor absurd.
func TestJWKSPublic(t *testing.T) {
	good := newJWK("good", &rsaKeys()[0].PublicKey)
	bad := func(id string, edit func(*JWK)) JWK {
		k := good
		k.ID = id
		edit(&k)
		return k
	}
	set := JWKS{Keys: []JWK{
		bad("elliptic", func(k *JWK) { k.KeyType = "EC" }),
		bad("for encryption", func(k *JWK) { k.Use = "enc" }),
		bad("short", func(k *JWK) { k.Modulus = k.Modulus[:100] }),
		bad("long", func(k *JWK) { k.Modulus = strings.Repeat("_", 3000) }),
		bad("no modulus", func(k *JWK) { k.Modulus = "?" }),
		bad("no exponent", func(k *JWK) { k.Exponent = "?" }),
		bad("exponent one", func(k *JWK) { k.Exponent = "AQ" }),
		bad("exponent too large", func(k *JWK) { k.Exponent = "_____w" }),
		good,
	}}
	for _, k := range set.Keys {
		if public, ok := set.Public(k.ID); ok != (k.ID == "good") || ok && !public.Equal(&rsaKeys()[0].PublicKey) {
			t.Errorf("%s: %v %v", k.ID, public, ok)
		}
	}
	if _, ok := set.Public("other"); ok {
		t.Error("there is a key of any name")
	}
}
