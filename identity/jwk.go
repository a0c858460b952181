package identity

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
)

// JWKS is a JSON Web Key set (RFC 7517 §5).
type JWKS struct {
	// Keys are the public keys, the one that signs first.
	Keys []JWK `json:"keys"`
}

// JWK is a public RSA key as JSON (RFC 7517 §4, RFC 7518 §6.3.1).
type JWK struct {
	// KeyType is always RSA.
	KeyType string `json:"kty"`
	// Use is always sig.
	Use string `json:"use"`
	// Algorithm is always RS256.
	Algorithm string `json:"alg"`
	// ID is the RFC 7638 thumbprint of the key; tokens name it in their header.
	ID string `json:"kid"`
	// Modulus is unsigned, big endian, base64url.
	Modulus string `json:"n"`
	// Exponent is unsigned, big endian, base64url.
	Exponent string `json:"e"`
}

func newJWK(id string, public *rsa.PublicKey) JWK {
	n, e := parts(public)
	return JWK{KeyType: "RSA", Use: "sig", Algorithm: "RS256", ID: id, Modulus: n, Exponent: e}
}

func parts(public *rsa.PublicKey) (n, e string) {
	return encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
}

// thumbprint is the key ID of RFC 7638: the hash of the required members, in lexical order, without spaces.
func thumbprint(public *rsa.PublicKey) string {
	n, e := parts(public)
	sum := sha256.Sum256(fmt.Appendf(nil, `{"e":%q,"kty":"RSA","n":%q}`, e, n))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Public returns the key called kid, if it is one for signatures and strong enough; it makes a JWKS the [PublicKeys] of a
// [TrustedIssuer].
func (s JWKS) Public(kid string) (*rsa.PublicKey, bool) {
	for _, k := range s.Keys {
		if k.ID == kid {
			return k.public()
		}
	}
	return nil, false
}

// public reads the key. The bounds are those of crypto/rsa; smaller keys are not believed.
func (k JWK) public() (*rsa.PublicKey, bool) {
	modulus, modulusErr := base64.RawURLEncoding.DecodeString(k.Modulus)
	exponent, exponentErr := base64.RawURLEncoding.DecodeString(k.Exponent)
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	switch {
	case modulusErr != nil, exponentErr != nil, k.KeyType != "RSA", k.Use == "enc":
	case n.BitLen() < keyBits, n.BitLen() > maxKeyBits, e.BitLen() < 2, e.BitLen() > 31:
	default:
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, true
	}
	return nil, false
}

// maxKeyBits is the length of the longest key looked at: a signature of it takes about a millisecond to verify.
const maxKeyBits = 16384
