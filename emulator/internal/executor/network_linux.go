package executor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// network is a keeper, the containers in it, and what serves them.
type network struct {
	namespaces *namespaces
	options    NetworkOptions
	id         string // of its directory and control groups
	keeper     *keeper
	gateway    *gateway
	trust      []byte // the authority for Java
	env        []string

	mu         sync.Mutex
	counter    int
	address    netip.Addr // of the next container
	containers map[*container]bool
	closed     bool
	once       sync.Once
	err        error
}

// newNetwork starts a keeper and serves its sockets.
func (n *namespaces) newNetwork(ctx context.Context, o NetworkOptions) (*network, error) {
	id := make([]byte, 6)
	_, _ = rand.Read(id) // it never fails
	w := &network{
		namespaces: n, options: o, id: hex.EncodeToString(id), address: netip.MustParseAddr(sandbox.FirstContainer),
		containers: map[*container]bool{},
	}
	var err error
	if w.trust, w.env, err = trust(o); err != nil {
		return nil, err
	}
	if err := w.makeDirectory(w.path()); err != nil {
		return nil, err
	}
	ports := slices.Compact(slices.Sorted(slices.Values(append([]int{80, 443}, o.Ports...))))
	hello := sandbox.Hello{Command: append([]string{"acrlocal"}, n.options.ChildArguments...), Ports: ports, Flat: n.ids.flat}
	k, sockets, err := startKeeper(ctx, n, hello)
	if err != nil {
		return nil, errors.Join(err, layer.Remove(w.path()))
	}
	w.keeper = k
	if w.gateway, err = openGateway(o.Dial, ports, sockets); err == nil {
		err = n.add(w)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *network) path() string { return filepath.Join(w.namespaces.slot.path, runsDir, w.id) }

// next names a new file or directory of the network, relative to the slot.
func (w *network) next(kind string) string {
	return path.Join(runsDir, w.id, fmt.Sprintf("%s-%d", kind, w.number()))
}

func (w *network) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counter++
	return w.counter
}

// makeDirectory makes a directory that the keeper may write to.
func (w *network) makeDirectory(name string) error {
	if err := os.Mkdir(name, 0o700); err != nil {
		return err
	}
	return w.namespaces.ids.give(name)
}

// Start starts a container.
func (w *network) Start(ctx context.Context, s Spec) (Container, error) {
	c, err := w.start(ctx, s, false)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Layer runs a container to its end, and takes what it changed.
func (w *network) Layer(ctx context.Context, s Spec) (v1.Layer, error) {
	c, err := w.start(ctx, s, true)
	if err != nil {
		return nil, err
	}
	defer c.remove()
	code, err := c.Wait(ctx)
	if err != nil {
		c.kill()
		return nil, err
	}
	if code != 0 {
		return nil, &ExitError{Code: code}
	}
	return w.diff(ctx, c)
}

// Close ends all containers with the keeper, and removes what is left of them.
func (w *network) Close() error {
	w.once.Do(func() { w.err = w.close() })
	return w.err
}

func (w *network) close() error {
	w.mu.Lock()
	w.closed = true
	open := make([]*container, 0, len(w.containers))
	for c := range w.containers {
		open = append(open, c)
	}
	w.mu.Unlock()
	if w.gateway != nil {
		w.gateway.close()
	}
	if w.keeper != nil {
		w.keeper.close()
	}
	for _, c := range open {
		<-c.ended
		c.forget()
	}
	w.namespaces.remove(w)
	return layer.Remove(w.path())
}

// join registers a container, and gives it an address.
func (w *network) join(c *container) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return &UnavailableError{"the network is closed"}
	}
	if !netip.PrefixFrom(netip.MustParseAddr(sandbox.Gateway), sandbox.Prefix).Masked().Contains(w.address.Next()) {
		return errors.New("the network has no address left")
	}
	c.address, w.address = w.address, w.address.Next()
	w.counter++
	c.number = w.counter
	if err := w.gateway.name(c.name, c.address); err != nil {
		return err
	}
	w.containers[c] = true
	return nil
}

func (w *network) leave(c *container) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.containers, c)
	w.gateway.unname(c.name, c.address)
}
