package vantage

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// IMDSHost is the address of the instance metadata service.
const IMDSHost = "169.254.169.254"

// zones are the DNS names below which, themselves included, hosts can be emulated. Certificates are constrained to
// them, and an isolated program's resolver knows no others. Whether a certain host is emulated, World says.
var zones = []string{
	"azurecr.io",
	"azurecr.localhost",
	"azure.localhost",
	"management.azure.com",
	"login.microsoftonline.com",
	"login.windows.net",
	"sts.windows.net",
	"graph.microsoft.com",
	"blob.core.windows.net",
	"mcr.microsoft.com",
	"localhost",
}

// InZone reports whether a folded host is one that the emulator could answer for, judged by its name alone.
func InZone(host string) bool {
	for _, zone := range zones {
		if host == zone || strings.HasSuffix(host, "."+zone) {
			return true
		}
	}
	return host == IMDSHost
}

// errHost is what is wrong with a host that is no host.
var errHost = errors.New("not a host name or an address")

// FoldHost brings a host, with or without a port, to the form in which hosts are compared: lower case, no trailing dot.
// The port is 0 if there is none. What cannot be a host is an error: nothing is guessed from it.
func FoldHost(hostport string) (host string, port uint16, err error) {
	host, port, err = splitPort(hostport)
	if err == nil {
		host, err = foldName(host)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%.120q is %w", hostport, err)
	}
	return host, port, nil
}

func splitPort(hostport string) (host string, port uint16, err error) {
	if !strings.Contains(hostport, ":") || isAddress(hostport) {
		return hostport, 0, nil
	}
	bracketed := strings.HasPrefix(hostport, "[")
	if inner := strings.Trim(hostport, "[]"); isAddress(inner) && hostport == "["+inner+"]" {
		return inner, 0, nil
	}
	host, digits, err := net.SplitHostPort(hostport)
	if err != nil || bracketed != strings.Contains(host, ":") || bracketed && !isAddress(host) {
		return "", 0, errHost
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, errHost
	}
	return host, uint16(n), nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// foldName folds a DNS name or an IP address and refuses everything else.
func foldName(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return addr.Unmap().String(), nil
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return "", errHost
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return "", errHost
		}
	}
	return strings.ToLower(host), nil
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 {
		return false
	}
	for i := range len(label) {
		switch c := label[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
