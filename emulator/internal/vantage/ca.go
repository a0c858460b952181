package vantage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"time"
)

// How long certificates are valid. The authority is made once for each person; leaves are made anew by each process.
const (
	authorityYears = 10
	leafLifetime   = 90 * 24 * time.Hour
	leafRenewal    = 24 * time.Hour // how long before its end a leaf is replaced
	maxLeaves      = 512            // kept at a time
	backdate       = time.Hour      // for clocks that are slow
)

// CA is the certificate authority that vouches for the emulated hosts. It is made once for each person and kept in their
// state directory; its name constraints make it worthless for any host that is not emulated. It is made or read at
// first use, and never on the way to the first answer. A CA may be used by several goroutines.
type CA struct {
	dir string

	once      sync.Once
	authority *authority
	err       error

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// authority is a CA's key and certificate, and the key that all its leaves share.
type authority struct {
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	leafKey *ecdsa.PrivateKey
}

// OpenCA returns the authority kept in dir; an empty dir means one that lives as long as the process. Nothing is read or
// made yet. The files are ca-key.pem (0600: key and certificate) and ca.pem (the certificate alone), the directory 0700.
func OpenCA(dir string) *CA { return &CA{dir: dir, leaves: map[string]*tls.Certificate{}} }

// PEM returns the authority's certificate, which clients must be told to trust. It fails if the authority can neither be
// read nor made.
func (c *CA) PEM() ([]byte, error) {
	a, err := c.open()
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), nil
}

// File returns the path of ca.pem, after making sure that it is there. An authority without a directory has none: "".
func (c *CA) File() (string, error) {
	if c.dir == "" {
		return "", nil
	}
	_, err := c.open()
	return filepath.Join(c.dir, certificateFile), err
}

// TLS returns the configuration of a server that is every emulated host. It presents a leaf for the host that a tunnel
// leads to; on a real network, for the name that the client asks for, or else the address that it dialled. It offers
// HTTP/1.1 alone: over HTTP/2 the uploads of one client share a window, so that one that waits for another can stop both.
// It gives out no session tickets: az and its like are processes that end before they could come back with one.
func (c *CA) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.Leaf(presented(hello))
		},
	}
}

func presented(hello *tls.ClientHelloInfo) string {
	if ours := connOf(hello.Conn); ours != nil && ours.tunnel != nil {
		return ours.tunnel.host
	}
	if hello.ServerName != "" {
		return hello.ServerName
	}
	return hello.Conn.LocalAddr().String()
}

// Leaf returns a certificate for a host, with or without port. It refuses hosts that the authority's own constraints do
// not cover.
func (c *CA) Leaf(host string) (*tls.Certificate, error) {
	host, _, err := FoldHost(host)
	if err != nil || !covers(host) {
		return nil, fmt.Errorf("no certificate for %.120q: not a host that is emulated", host)
	}
	a, err := c.open()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if leaf := c.leaves[host]; leaf != nil && now.Add(leafRenewal).Before(leaf.Leaf.NotAfter) {
		return leaf, nil
	}
	leaf, err := a.issue(host, now)
	if err == nil {
		c.keep(host, leaf)
	}
	return leaf, err
}

// keep remembers a leaf; if there are too many, any other one goes.
func (c *CA) keep(host string, leaf *tls.Certificate) {
	for other := range c.leaves {
		if len(c.leaves) < maxLeaves {
			break
		}
		delete(c.leaves, other)
	}
	c.leaves[host] = leaf
}

func (c *CA) open() (*authority, error) {
	c.once.Do(func() {
		c.authority, c.err = openAuthority(c.dir)
		if c.err != nil {
			c.err = fmt.Errorf("certificate authority: %w", c.err)
		}
	})
	return c.authority, c.err
}

// permittedIPs are the addresses for which the authority may vouch: the loopback ones and IMDS.
func permittedIPs() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv4(169, 254, 169, 254).To4(), Mask: net.CIDRMask(32, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

// covers reports whether the name constraints permit a folded host.
func covers(host string) bool {
	ip := net.ParseIP(host)
	if ip == nil {
		return InZone(host)
	}
	for _, permitted := range permittedIPs() {
		if permitted.Contains(ip) {
			return true
		}
	}
	return false
}

func newAuthority(now time.Time) (key *ecdsa.PrivateKey, der []byte, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:                newSerial(),
		Subject:                     pkix.Name{CommonName: "acrlocal development CA", Organization: []string{"acrlocal"}},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.AddDate(authorityYears, 0, 0),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         zones,
		PermittedIPRanges:           permittedIPs(),
	}
	der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return key, der, err
}

func (a *authority) issue(host string, now time.Time) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{Organization: []string{"acrlocal"}},
		NotBefore:    now.Add(-backdate),
		NotAfter:     earlier(now.Add(leafLifetime), a.cert.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, a.leafKey.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.leafKey, Leaf: leaf}, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f           // a serial number is positive
	return new(big.Int).SetBytes(b[:])
}
