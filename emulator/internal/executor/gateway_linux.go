package executor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/handover"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

const acceptPause = 20 * time.Millisecond

// openGateway serves sockets, one for each port and one for names. Their files are closed.
func openGateway(dial func(context.Context, string) (net.Conn, error), ports []int, sockets []*os.File) (*gateway, error) {
	defer handover.CloseAll(sockets)
	g := newGateway(dial)
	for n := range ports {
		l, err := net.FileListener(sockets[n])
		if err != nil {
			return nil, err
		}
		g.closers = append(g.closers, l)
		g.served.Go(func() { g.accept(l) })
	}
	c, err := net.FilePacketConn(sockets[len(ports)])
	if err != nil {
		return nil, err
	}
	g.closers = append(g.closers, c)
	g.served.Go(func() { g.names.Serve(c) })
	return g, nil
}

// accept serves the connections to one port. None is taken that there is no room for: what containers open must not take
// the emulator's files.
func (g *gateway) accept(l net.Listener) {
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
			g.forward(c)
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

// forward connects a container to the host whose address it dialled.
func (g *gateway) forward(c net.Conn) {
	dialled, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return
	}
	upstream, err := g.reach(dialled)
	if err != nil {
		return
	}
	defer upstream.Close()
	stop := context.AfterFunc(g.ctx, func() { _, _ = c.Close(), upstream.Close() })
	defer stop()
	vantage.Join(c, upstream)
}
