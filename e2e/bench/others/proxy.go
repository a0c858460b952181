package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// tunnels are the connections that a proxy was asked for; as a listener they are accepted by a server.
type tunnels chan net.Conn

// Accept waits for the next tunnel.
func (t tunnels) Accept() (net.Conn, error) { return <-t, nil }

// Addr returns no address.
func (t tunnels) Addr() net.Addr { return &net.TCPAddr{} }

// Close does nothing: the process ends instead.
func (t tunnels) Close() error { return nil }

// newProxy is an HTTP proxy that ends all tunnels itself, with TLS, and answers in them as newHTTP does.
func newProxy() http.Handler {
	open := tunnels(make(chan net.Conn))
	server := &http.Server{Handler: newHTTP(), TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{newCertificate()}, SessionTicketsDisabled: true, NextProtos: []string{"http/1.1"},
	}}
	go func() { log.Fatal(server.ServeTLS(open, "", "")) }()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			log.Fatal(err)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		open <- c
	})
}

// newCertificate makes a certificate of the kind that the emulator has, which nobody has to trust.
func newCertificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"management.azure.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
