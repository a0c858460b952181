package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// DefaultOverlap is how long a replaced key goes on verifying: as long as the longest token it may have signed lives.
const DefaultOverlap = 24 * time.Hour

const keyBits = 2048

// Keys is a set of RSA-2048 keys for RS256: one signs, replaced ones only verify until their overlap ends.
// Make one with [OpenKeys]. It is safe for concurrent use.
type Keys struct {
	// Overlap is how long a replaced key goes on verifying after Rotate. Set it before the first Rotate.
	Overlap time.Duration

	dir      string
	now      func() time.Time
	generate func() (*rsa.PrivateKey, error)

	ready    chan struct{}
	openErr  error // written before ready is closed
	ring     atomic.Pointer[keyring]
	rotating sync.Mutex
}

// keyring is never changed once stored; the signing key comes first.
type keyring []*key

type key struct {
	id      string
	private *rsa.PrivateKey
	until   time.Time // end of the overlap; zero for the signing key
}

func (k *key) verifies(now time.Time) bool {
	return k.until.IsZero() || now.Before(k.until)
}

func newKey(private *rsa.PrivateKey) *key {
	return &key{id: thumbprint(&private.PublicKey), private: private}
}

// OpenKeys returns at once and loads the keys of dir in the background, or makes the first one and writes it there
// (folder 0700, file 0600). With dir "" the keys live in memory. A nil now means the wall clock.
//
// Making a key takes 100 to 300 ms, which is why nothing waits for it but those who need it; what went wrong is told by
// [Keys.Ready] and [Keys.Sign]. A file that cannot be read is never overwritten. Two processes may share a
// folder, but neither sees the other's rotations before it opens the folder again.
func OpenKeys(dir string, now func() time.Time) *Keys {
	return openKeys(dir, now, generateKey)
}

func openKeys(dir string, now func() time.Time, generate func() (*rsa.PrivateKey, error)) *Keys {
	k := &Keys{Overlap: DefaultOverlap, dir: dir, now: now, generate: generate, ready: make(chan struct{})}
	k.ring.Store(&keyring{})
	go k.open()
	return k
}

func generateKey() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, keyBits)
}

func (k *Keys) open() {
	defer close(k.ready)
	ring, err := loadKeys(k.dir)
	if err == nil && len(ring) == 0 {
		ring, err = k.renew(nil)
	}
	if err != nil {
		k.openErr = err
		return
	}
	k.ring.Store(&ring)
}

// renew puts a new signing key before old, drops the keys whose overlap is over, and keeps the result.
func (k *Keys) renew(old keyring) (keyring, error) {
	private, err := k.generate()
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	now := clock(k.now)
	ring := keyring{newKey(private)}
	for _, o := range old {
		if o.until.IsZero() {
			o = &key{id: o.id, private: o.private, until: now.Add(k.Overlap)}
		}
		if o.verifies(now) {
			ring = append(ring, o)
		}
	}
	return ring, saveKeys(k.dir, ring)
}

// Ready waits until the keys can be used, or ctx ends. Its error says why they cannot be.
func (k *Keys) Ready(ctx context.Context) error {
	select {
	case <-k.ready:
		return k.openErr
	case <-ctx.Done():
		return fmt.Errorf("wait for the signing keys: %w", ctx.Err())
	}
}

// Sign returns claims as a compact RS256 token whose header names the signing key. It waits for the keys as
// [Keys.Ready] does.
func (k *Keys) Sign(ctx context.Context, claims jwt.Claims) (string, error) {
	if err := k.Ready(ctx); err != nil {
		return "", err
	}
	signing := (*k.ring.Load())[0]
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signing.id
	return token.SignedString(signing.private)
}

// Rotate makes a new signing key. The one it replaces goes on verifying for Overlap, so tokens already out stay good.
// If the new key cannot be made or kept, nothing changes.
func (k *Keys) Rotate(ctx context.Context) error {
	if err := k.Ready(ctx); err != nil {
		return err
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	ring, err := k.renew(*k.ring.Load())
	if err != nil {
		return err
	}
	k.ring.Store(&ring)
	return nil
}

// Public returns the key called kid if it may verify now. It waits for the keys to be loaded, so that a token from
// before a restart is not refused because it came early.
func (k *Keys) Public(kid string) (*rsa.PublicKey, bool) {
	<-k.ready
	now := clock(k.now)
	for _, candidate := range *k.ring.Load() {
		if candidate.id == kid && candidate.verifies(now) {
			return &candidate.private.PublicKey, true
		}
	}
	return nil, false
}

// JWKS returns the public keys that may verify now, the signing key first. It waits for the keys as [Keys.Ready] does.
func (k *Keys) JWKS(ctx context.Context) (JWKS, error) {
	if err := k.Ready(ctx); err != nil {
		return JWKS{}, err
	}
	now := clock(k.now)
	set := JWKS{Keys: []JWK{}}
	for _, candidate := range *k.ring.Load() {
		if candidate.verifies(now) {
			set.Keys = append(set.Keys, newJWK(candidate.id, &candidate.private.PublicKey))
		}
	}
	return set, nil
}

// seal returns a proof for a text that only the holder of the signing key can make: the key's ID and a keyed hash. It says
// nothing about the text to those who do not know it.
func (k *Keys) seal(ctx context.Context, text string) (string, error) {
	if err := k.Ready(ctx); err != nil {
		return "", err
	}
	signing := (*k.ring.Load())[0]
	return signing.id + "." + base64.RawURLEncoding.EncodeToString(signing.hash(text)), nil
}

// sealed reports whether a seal is one for the text, by a key that may verify now.
func (k *Keys) sealed(seal, text string) bool {
	<-k.ready
	id, hash, _ := strings.Cut(seal, ".")
	now := clock(k.now)
	for _, candidate := range *k.ring.Load() {
		if candidate.id == id && candidate.verifies(now) {
			given, err := base64.RawURLEncoding.Strict().DecodeString(hash)
			return err == nil && hmac.Equal(given, candidate.hash(text))
		}
	}
	return false
}

// hash is a keyed hash whose key is made from the private key for this purpose alone.
func (k *key) hash(text string) []byte {
	secret := sha256.Sum256(append([]byte("seal\x00"), x509.MarshalPKCS1PrivateKey(k.private)...))
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
