package vantage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol (haproxy.org, proxy-protocol.txt): a header with which a load balancer tells the real ends of a
// connection. Version 1 is a line of text, version 2 binary.
const (
	proxyV1         = "PROXY "
	proxyV2         = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV1Longest  = 107     // bytes, with the line's end
	proxyV2Fixed    = 16      // bytes before the addresses
	proxyV2Longest  = 2 << 10 // bytes of addresses and extras that are read at most
	proxyV2TCP4     = 0x11
	proxyV2TCP6     = 0x21
	proxyV2Local    = 0x20
	proxyV2Proxy    = 0x21
	proxyV2SizeTCP4 = 12
	proxyV2SizeTCP6 = 36
)

var errProxyHeader = errors.New("malformed PROXY header")

// ends are the two ends of a connection.
type ends struct{ source, destination netip.AddrPort }

// isProxyHeader reports whether a connection that begins so begins with a PROXY header. The beginning must be as long as
// its first byte calls for; see proxyHeaderSize.
func isProxyHeader(head []byte) bool {
	return bytes.HasPrefix(head, []byte(proxyV1)) || bytes.HasPrefix(head, []byte(proxyV2))
}

// readProxyHeader takes a PROXY header off a connection and makes its ends those of the connection. A header without
// addresses (LOCAL, UNKNOWN) leaves them: a health check of the load balancer itself.
func readProxyHeader(c *conn) error {
	size, told, err := proxyHeaderOf(c)
	if err != nil {
		return err
	}
	c.head = c.head[size:]
	if told.source.IsValid() {
		c.remote, c.local = net.TCPAddrFromAddrPort(told.source), net.TCPAddrFromAddrPort(told.destination)
	}
	return nil
}

func proxyHeaderOf(c *conn) (size int, told ends, err error) {
	if bytes.HasPrefix(c.head, []byte(proxyV1)) {
		line, err := peekLine(c)
		if err != nil {
			return 0, ends{}, err
		}
		told, err = parseProxyV1(line)
		return len(line), told, err
	}
	head, err := c.peek(proxyV2Fixed)
	if err != nil {
		return 0, ends{}, err
	}
	size = proxyV2Fixed + int(binary.BigEndian.Uint16(head[14:16]))
	if size > proxyV2Longest {
		return 0, ends{}, fmt.Errorf("%w: %d bytes", errProxyHeader, size)
	}
	if head, err = c.peek(size); err != nil {
		return 0, ends{}, err
	}
	told, err = parseProxyV2(head[:size])
	return size, told, err
}

// peekLine returns the first line, with its end.
func peekLine(c *conn) (string, error) {
	for n := 1; n <= proxyV1Longest; n++ {
		head, err := c.peek(n)
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(head, '\n'); end >= 0 && end < proxyV1Longest {
			return string(head[:end+1]), nil
		}
		n = max(n, len(head))
	}
	return "", errProxyHeader
}

// parseProxyV1 reads "PROXY TCP4 SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT\r\n".
func parseProxyV1(line string) (ends, error) {
	text, found := strings.CutSuffix(line, "\r\n")
	fields := strings.Split(text, " ")
	if !found || len(fields) < 2 || fields[0] != "PROXY" {
		return ends{}, errProxyHeader
	}
	if fields[1] == "UNKNOWN" {
		return ends{}, nil
	}
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return ends{}, errProxyHeader
	}
	source, err1 := parseEnd(fields[2], fields[4])
	destination, err2 := parseEnd(fields[3], fields[5])
	isTCP4 := fields[1] == "TCP4"
	if err1 != nil || err2 != nil || source.Addr().Is4() != isTCP4 || destination.Addr().Is4() != isTCP4 {
		return ends{}, errProxyHeader
	}
	return ends{source, destination}, nil
}

func parseEnd(address, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Zone() != "" {
		return netip.AddrPort{}, errProxyHeader
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(addr, uint16(n)), err
}

// parseProxyV2 reads a whole binary header; what follows the addresses (TLVs) is ignored.
func parseProxyV2(head []byte) (ends, error) {
	if len(head) < proxyV2Fixed || !bytes.HasPrefix(head, []byte(proxyV2)) {
		return ends{}, errProxyHeader
	}
	command, family, body := head[12], head[13], head[proxyV2Fixed:]
	switch {
	case len(body) != int(binary.BigEndian.Uint16(head[14:16])):
		return ends{}, errProxyHeader
	case command == proxyV2Local:
		return ends{}, nil
	case command != proxyV2Proxy:
		return ends{}, fmt.Errorf("%w: command %#x", errProxyHeader, command)
	case family == proxyV2TCP4 && len(body) >= proxyV2SizeTCP4:
		return binaryEnds(body, 4), nil
	case family == proxyV2TCP6 && len(body) >= proxyV2SizeTCP6:
		return binaryEnds(body, 16), nil
	}
	return ends{}, fmt.Errorf("%w: address family %#x", errProxyHeader, family)
}

// binaryEnds reads two addresses of a size in bytes, then two ports.
func binaryEnds(body []byte, size int) ends {
	source, _ := netip.AddrFromSlice(body[:size])
	destination, _ := netip.AddrFromSlice(body[size : 2*size])
	ports := body[2*size:]
	return ends{
		netip.AddrPortFrom(source.Unmap(), binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(destination.Unmap(), binary.BigEndian.Uint16(ports[2:])),
	}
}
