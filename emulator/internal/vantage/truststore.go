package vantage

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the format's own check, not a protection
	"encoding/binary"
	"encoding/pem"
	"errors"
	"unicode/utf16"
)

// The trust store for Java. Java reads neither SSL_CERT_FILE nor PEM, but its own format, JKS, which is simple: entries,
// then a digest over the password, a fixed phrase and the entries.
const (
	trustStoreFile     = "trust.jks"
	trustStorePassword = "changeit" // Java's own default; nothing secret is in there
	jksMagic           = 0xFEEDFEED
	jksVersion         = 2
	jksTrusted         = 2
	jksPhrase          = "Mighty Aphrodite"
)

// JavaTrustStore returns a certificate in PEM as a store of roots in Java's own format.
func JavaTrustStore(ca []byte) ([]byte, error) {
	block, _ := pem.Decode(ca)
	if block == nil {
		return nil, errors.New("the certificate is not PEM")
	}
	var b bytes.Buffer
	number := func(v any) { _ = binary.Write(&b, binary.BigEndian, v) } // a buffer cannot fail
	text := func(s string) {
		number(uint16(len(s)))
		b.WriteString(s)
	}
	number(uint32(jksMagic))
	number(uint32(jksVersion))
	number(uint32(1)) // entries
	number(uint32(jksTrusted))
	text("acrlocal")
	number(uint64(0)) // made in 1970
	text("X.509")
	number(uint32(len(block.Bytes)))
	b.Write(block.Bytes)
	digest := sha1.New() //nolint:gosec // as above
	_ = binary.Write(digest, binary.BigEndian, utf16.Encode([]rune(trustStorePassword)))
	digest.Write([]byte(jksPhrase))
	digest.Write(b.Bytes())
	return digest.Sum(b.Bytes()), nil
}
