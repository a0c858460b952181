package vantage

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// The files of an authority. The first is the truth, key and certificate in one, so that two processes that start at
// once cannot mix theirs; the second is a copy for people and their clients.
const (
	authorityFile   = "ca-key.pem"
	certificateFile = "ca.pem"
)

func openAuthority(dir string) (*authority, error) {
	data, err := authorityData(dir)
	if err != nil {
		return nil, err
	}
	a, err := parseAuthority(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (remove the file to get a new authority)", filepath.Join(dir, authorityFile), err)
	}
	if a.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil || dir == "" {
		return a, err
	}
	return a, exportCertificate(dir, a.cert)
}

// authorityData reads the authority of dir, or makes one. Of several processes that make one at once, the first wins.
func authorityData(dir string) ([]byte, error) {
	if dir == "" {
		return makeAuthority()
	}
	data, err := readPrivate(filepath.Join(dir, authorityFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = makeAuthority(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := writeFile(dir, authorityFile, data, os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readPrivate(filepath.Join(dir, authorityFile))
}

// readPrivate reads a file that nobody else may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s has mode %s, so that others may have read the key: remove it, and a new one is made", path, info.Mode())
	}
	return os.ReadFile(path)
}

func makeAuthority() ([]byte, error) {
	key, der, err := newAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}) // a buffer cannot fail
	_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return out.Bytes(), nil
}

func parseAuthority(data []byte) (*authority, error) {
	secret, rest := pem.Decode(data)
	certificate, _ := pem.Decode(rest)
	if secret == nil || certificate == nil {
		return nil, errors.New("not a key and a certificate")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(secret.Bytes)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(certificate.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	switch {
	case !ok || !key.PublicKey.Equal(cert.PublicKey):
		return nil, errors.New("key and certificate do not belong together")
	case time.Now().After(cert.NotAfter):
		return nil, fmt.Errorf("the certificate ended on %s", cert.NotAfter.Format(time.DateOnly))
	case !slices.Equal(cert.PermittedDNSDomains, zones) || !cert.PermittedDNSDomainsCritical:
		return nil, errors.New("the certificate is not constrained to the emulated hosts")
	}
	return &authority{key: key, cert: cert}, nil
}

// exportCertificate writes the copy of the certificate, if it is not there already.
func exportCertificate(dir string, cert *x509.Certificate) error {
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if old, err := os.ReadFile(filepath.Join(dir, certificateFile)); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return writeFile(dir, certificateFile, data, os.Rename)
}

// writeFile writes a file (0600) under another name, and has place give it its own in one step.
func writeFile(dir, name string, data []byte, place func(from, to string) error) error {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already after a rename
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), filepath.Join(dir, name))
}
