package vantage

import (
	"io"
	"net"
)

// conn is a connection of which the first bytes were read already, and whose ends may have been told by a trusted proxy.
type conn struct {
	net.Conn
	head          []byte // read from Conn, but not yet by the reader
	remote, local net.Addr
	tunnel        *tunnel // nil on a real network
}

// wrap returns c as a conn, without reading from it.
func wrap(c net.Conn) *conn { return &conn{Conn: c, remote: c.RemoteAddr(), local: c.LocalAddr()} }

// peek returns at least the first n bytes, and reads more only if there are fewer.
func (c *conn) peek(n int) ([]byte, error) {
	for len(c.head) < n {
		more := make([]byte, max(n-len(c.head), sniffSize))
		got, err := c.Conn.Read(more)
		c.head = append(c.head, more[:got]...)
		if got == 0 && err != nil {
			return c.head, err
		}
	}
	return c.head, nil
}

// Read reads what was peeked at, then the rest.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	if c.head = c.head[n:]; len(c.head) == 0 {
		c.head = nil
	}
	return n, nil
}

// ReadFrom lets a file be sent by the kernel, as net/http would do on a plain connection.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite tells the other end that no more will come, where the connection can.
func (c *conn) CloseWrite() error { return closeWrite(c.Conn) }

// RemoteAddr returns the peer's address.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// LocalAddr returns the address that the peer dialled.
func (c *conn) LocalAddr() net.Addr { return c.local }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
