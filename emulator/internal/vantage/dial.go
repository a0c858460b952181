package vantage

import (
	"context"
	"errors"
	"net"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// FindPlace finds a place among the documents as they are. It is asked again when they have changed.
type FindPlace func(*azure.State) (azure.Place, error)

// ErrRefused says that the proxy lets a connection go nowhere: to a host that is not emulated, or from a place that is
// not there any more.
var ErrRefused = errors.New("refused")

// Dial connects to an emulated host, given as host:port, from a place, without leaving the process. It is how the emulated
// services reach a registry: through the tunnels that every other client uses, and so through the gate.
func (p *Proxy) Dial(ctx context.Context, find FindPlace, address string) (net.Conn, error) {
	t, err := p.target(address, true)
	if err == nil {
		t.find = find
		_, err = p.from(t)
	}
	if err != nil {
		return nil, errors.Join(ErrRefused, err)
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	near, far := net.Pipe()
	c := wrap(&counted{Conn: far, release: func() { <-p.slots }})
	c.tunnel = t
	p.tunnels.offer(c)
	return near, nil
}
