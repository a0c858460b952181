package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// maxConnections is how many connections a network has open to emulated hosts. More wait.
const maxConnections = sandbox.MaxConnections

// gateway serves what leaves a network: connections to emulated hosts, and questions for names.
type gateway struct {
	dial   func(ctx context.Context, address string) (net.Conn, error)
	names  *vantage.Names
	ctx    context.Context //nolint:containedctx // of everything that is served
	cancel context.CancelFunc
	slots  chan struct{}
	served sync.WaitGroup

	mu         sync.Mutex
	containers map[string]netip.Addr
	closers    []io.Closer
}

// newGateway returns a gateway that leads where dial does.
func newGateway(dial func(context.Context, string) (net.Conn, error)) *gateway {
	g := &gateway{dial: dial, slots: make(chan struct{}, maxConnections), containers: map[string]netip.Addr{}}
	g.names = vantage.NewNames(netip.MustParseAddr(sandbox.FirstHost), g.container)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// name makes a container known by its name. Two cannot have one.
func (g *gateway) name(name string, addr netip.Addr) error {
	if name == "" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, taken := g.containers[name]; taken {
		return fmt.Errorf("the network has a container %q already", name)
	}
	g.containers[name] = addr
	return nil
}

func (g *gateway) unname(name string, addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.containers[name] == addr {
		delete(g.containers, name)
	}
}

// container returns the address of a container by its name.
func (g *gateway) container(name string) (netip.Addr, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	addr, ok := g.containers[strings.ToLower(name)]
	return addr, ok
}

// errNowhere says that an address leads to no emulated host.
var errNowhere = errors.New("no emulated host")

// reach connects to the host whose address a container dialled. Port 80 alone is the metadata service's.
func (g *gateway) reach(dialled netip.AddrPort) (net.Conn, error) {
	host, ok := g.names.Host(dialled.Addr())
	if !ok || g.dial == nil || host == vantage.IMDSHost && dialled.Port() != 80 {
		return nil, errNowhere
	}
	return g.dial(g.ctx, net.JoinHostPort(host, strconv.Itoa(int(dialled.Port()))))
}

// close ends everything that is served.
func (g *gateway) close() {
	g.cancel()
	g.mu.Lock()
	for _, c := range g.closers {
		_ = c.Close()
	}
	g.mu.Unlock()
	g.served.Wait()
}
