package sandbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Names of interfaces.
const (
	bridgeName    = "net0"
	containerName = "eth0"
)

// makeGateway makes the bridge that containers meet at, all addresses of emulated hosts, and the sockets that listen there:
// one for each port, then the one for names. Nothing of the machine's network is in this namespace, so that there is no way
// out but through these sockets.
func makeGateway(ports []int) ([]*os.File, error) {
	quiet()
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	steps := []func() error{
		func() error { return netlink.LinkSetUp(lo) },
		func() error { return netlink.AddrAdd(lo, address(imds, 32)) },
		func() error { return netlink.LinkAdd(bridge) },
		func() error { return netlink.AddrAdd(bridge, address(Gateway, Prefix)) },
		func() error { return netlink.LinkSetUp(bridge) },
		func() error { return localRange(lo) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
	}
	return listen(ports)
}

// quiet switches IPv6 and forwarding off. Where /proc/sys cannot be written, there is still nothing to forward to.
func quiet() {
	for name, value := range map[string]string{
		"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1", "ipv4/ip_forward": "0",
	} {
		_ = os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
	}
}

func address(ip string, bits int) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip).To4(), Mask: net.CIDRMask(bits, 32)}}
}

// localRange makes every address of emulated hosts one of this namespace.
func localRange(lo netlink.Link) error {
	_, all, err := net.ParseCIDR(hostRange)
	if err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Dst: all, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
	})
}

func listen(ports []int) ([]*os.File, error) {
	var sockets []*os.File
	for _, port := range ports {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", ":"+strconv.Itoa(port))
		if err != nil {
			return nil, err
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, f)
		_ = l.Close()
	}
	c, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp4", Gateway+":53")
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	f, err := c.(*net.UDPConn).File()
	return append(sockets, f), err
}

// connect gives a container an interface at the bridge. peer is its network: a netlink.NsPid or a netlink.NsFd.
func connect(number int, peer any) error {
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	attrs := netlink.LinkAttrs{Name: "c" + strconv.Itoa(number), MasterIndex: bridge.Attrs().Index, Flags: net.FlagUp}
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: containerName, PeerNamespace: peer}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nil
}

// joinNetwork is the container's side of connect: its address, and the ways to emulated hosts. There is no default route:
// every other address is unreachable at once.
func joinNetwork(own string) error {
	quiet()
	// As Docker has it: every user may listen on any port.
	_ = os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0)
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	eth, err := netlink.LinkByName(containerName)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	if err := netlink.AddrAdd(eth, address(own, Prefix)); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(eth); err != nil {
		return err
	}
	for _, to := range []string{hostRange, imds + "/32"} {
		_, dst, err := net.ParseCIDR(to)
		if err != nil {
			return err
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Dst: dst, Gw: net.ParseIP(Gateway)}); err != nil {
			return fmt.Errorf("route to %s: %w", to, err)
		}
	}
	return nil
}
