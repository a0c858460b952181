package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// All keys are in one file, so that a rotation is one rename: PEM blocks, the signing key first, the others with the
// end of their overlap as a header.
const (
	keyFileName = "signing-keys.pem"
	pemType     = "RSA PRIVATE KEY"
	untilHeader = "Verifies-Until"
)

// loadKeys reads the keys kept in dir. A missing file is an empty ring.
func loadKeys(dir string) (keyring, error) {
	if dir == "" {
		return nil, nil
	}
	path := filepath.Join(dir, keyFileName)
	data, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	ring, err := decodeKeys(data)
	if err != nil {
		return nil, fmt.Errorf("signing keys in %s: %w (remove the file to start with new keys)", path, err)
	}
	return ring, nil
}

// readPrivate reads a file that nobody else may read: whoever has the keys is anybody in the tenant.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s has mode %s, so that others may know them: remove the file to start with new keys", path, info.Mode())
	}
	return os.ReadFile(path)
}

// saveKeys replaces the key file of dir in one step.
func saveKeys(dir string, ring keyring) error {
	if dir == "" {
		return nil
	}
	if err := replaceFile(dir, keyFileName, encodeKeys(ring)); err != nil {
		return fmt.Errorf("keep the signing keys: %w", err)
	}
	return nil
}

func replaceFile(dir, name string, data []byte) error {
	_ = os.MkdirAll(dir, 0o700) // if this fails, so does the next line, with the better message
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func encodeKeys(ring keyring) []byte {
	var out bytes.Buffer
	for _, k := range ring {
		block := &pem.Block{Type: pemType, Bytes: x509.MarshalPKCS1PrivateKey(k.private)}
		if !k.until.IsZero() {
			block.Headers = map[string]string{untilHeader: k.until.UTC().Format(time.RFC3339Nano)}
		}
		_ = pem.Encode(&out, block) // a buffer and a well-formed header cannot fail
	}
	return out.Bytes()
}

func decodeKeys(data []byte) (keyring, error) {
	var ring keyring
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, errors.New("there is text that is no PEM block")
		}
		k, err := decodeKey(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(ring)+1, err)
		}
		ring, data = append(ring, k), rest
	}
	if len(ring) == 0 || !ring[0].until.IsZero() {
		return nil, errors.New("the first key must be the signing key")
	}
	return ring, nil
}

func decodeKey(block *pem.Block) (*key, error) {
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	if bits := private.N.BitLen(); bits < keyBits {
		return nil, fmt.Errorf("%d bits are too few, %d are needed", bits, keyBits)
	}
	k := newKey(private)
	if until, ok := block.Headers[untilHeader]; ok {
		k.until, err = time.Parse(time.RFC3339Nano, until)
	}
	return k, err
}
