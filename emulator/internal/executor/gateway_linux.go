package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
	"github.com/acrlocal/acrlocal/emulator/internal/handover"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// maxConnections is how many connections a network has open to emulated hosts. More wait.
const maxConnections = 256

const acceptPause = 20 * time.Millisecond

// gateway serves the sockets of a network: connections to emulated hosts, and questions for names.
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

// openGateway serves sockets, one for each port and one for names. Their files are closed.
func openGateway(dial func(context.Context, string) (net.Conn, error), ports []int, sockets []*os.File) (*gateway, error) {
	defer handover.CloseAll(sockets)
	g := &gateway{dial: dial, slots: make(chan struct{}, maxConnections), containers: map[string]netip.Addr{}}
	g.names = vantage.NewNames(netip.MustParseAddr(sandbox.FirstHost), g.container)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	for n, port := range ports {
		l, err := net.FileListener(sockets[n])
		if err != nil {
			return nil, err
		}
		g.closers = append(g.closers, l)
		g.served.Go(func() { g.accept(l, port) })
	}
	c, err := net.FilePacketConn(sockets[len(ports)])
	if err != nil {
		return nil, err
	}
	g.closers = append(g.closers, c)
	g.served.Go(func() { g.names.Serve(c) })
	return g, nil
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

// accept serves the connections to one port. None is taken that there is no room for: what containers open must not take
// the emulator's files.
func (g *gateway) accept(l net.Listener, port int) {
	for {
		select {
		case g.slots <- struct{}{}:
		case <-g.ctx.Done():
			return
		}
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			<-g.slots
			g.pause()
			continue
		}
		g.served.Go(func() {
			defer func() { <-g.slots }()
			defer c.Close()
			g.forward(c, port)
		})
	}
}

// pause waits a moment, such as for files to become free.
func (g *gateway) pause() {
	select {
	case <-time.After(acceptPause):
	case <-g.ctx.Done():
	}
}

// forward connects a container to the host whose address it dialled. Port 80 alone is the metadata service's.
func (g *gateway) forward(c net.Conn, port int) {
	dialled, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil || g.dial == nil {
		return
	}
	host, ok := g.names.Host(dialled.Addr())
	if !ok || host == vantage.IMDSHost && port != 80 {
		return
	}
	upstream, err := g.dial(g.ctx, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return
	}
	defer upstream.Close()
	stop := context.AfterFunc(g.ctx, func() { _, _ = c.Close(), upstream.Close() })
	defer stop()
	vantage.Join(c, upstream)
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
