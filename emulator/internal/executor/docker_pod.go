package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// pod is the emulator's side of a network at an engine. Its gateway is a container of this very binary without any network of
// the engine's; what comes to it is sent here over its standard streams, as HTTP/2. So no port is opened anywhere, and it works
// with an engine on another machine. The containers share the gateway's network, where nothing else is.
type pod struct {
	docker  *docker
	id      string
	image   *loadedImage
	gateway *gateway
	stream  *podStream
	server  *http.Server
	ready   chan struct{}
	once    sync.Once
	said    *tail
	ended   chan struct{} // closed when the stream has ended
}

// podAddress is that of all containers of a pod.
var podAddress = netip.MustParseAddr(sandbox.FirstContainer)

// Bounds of the gateway's container.
const (
	gatewayMemory    = 256 << 20
	gatewayProcesses = 256
)

// openPod starts a gateway and serves it.
func openPod(ctx context.Context, w *dockerNetwork) (*pod, error) {
	p := &pod{docker: w.docker, gateway: newGateway(w.options.Dial), ready: make(chan struct{}), said: &tail{}, ended: make(chan struct{})}
	if err := p.start(ctx, w); err != nil {
		return nil, errors.Join(err, p.close())
	}
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	var err error
	select {
	case <-p.ready:
		return p, nil
	case <-p.ended:
		err = errors.New("the gateway of the network ended")
	case <-ctx.Done():
		err = ctx.Err()
	}
	err = fmt.Errorf("the gateway of the network did not answer: does this program call emulator.Main first? (%w)", err)
	return nil, errors.Join(err, p.said.err(), p.close())
}

// start starts the container of the gateway.
func (p *pod) start(ctx context.Context, w *dockerNetwork) error {
	image, err := p.docker.options.Image()
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	if p.image, err = p.docker.images.acquire(ctx, image); err != nil {
		return err
	}
	if p.id, err = p.docker.create(ctx, p.container(w, config.Config, p.image.id)); err != nil {
		return err
	}
	connection, err := p.docker.attach(ctx, p.id, true)
	if err != nil {
		return err
	}
	p.serve(connection)
	return p.docker.engine.call(ctx, http.MethodPost, "/containers/"+p.id+"/start", nil, nil)
}

// container is that of the gateway. It may make networks inside of its own, and nothing else.
func (p *pod) container(w *dockerNetwork, of v1.Config, image string) dockerContainer {
	labels := p.docker.labels(w.id)
	labels[gatewayLabel] = "1"
	args := append(slices.Clone(Command(of, nil, nil)[:1]), p.docker.options.ChildArguments...)
	args = append(args, sandbox.RolePod)
	for _, port := range slices.Compact(slices.Sorted(slices.Values(append([]int{80, 443}, w.options.Ports...)))) {
		args = append(args, strconv.Itoa(port))
	}
	return dockerContainer{
		Image: image, Entrypoint: args, Env: []string{childMark + "=pod"}, User: "0", Labels: labels,
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		HostConfig: dockerHost{
			NetworkMode: "none", AutoRemove: true, DNS: []string{sandbox.Gateway}, CapDrop: []string{"ALL"}, CapAdd: []string{"NET_ADMIN", "NET_BIND_SERVICE", "SYS_ADMIN"},
			Memory: gatewayMemory, MemorySwap: gatewayMemory, PidsLimit: gatewayProcesses, LogConfig: noLog,
		},
	}
}

// serve serves the gateway's requests over the streams of its container.
func (p *pod) serve(connection *hijacked) {
	reader, writer := io.Pipe()
	p.stream = &podStream{Conn: connection, from: reader}
	go func() {
		defer close(p.ended)
		writer.CloseWithError(separate(connection, writer, p.said))
	}()
	p.server = &http.Server{Handler: p, Protocols: &http.Protocols{}, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 2 * maxConnections}} //nolint:gosec // one peer, over a pipe
	p.server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = p.server.Serve(&onlyConn{conn: p.stream, ended: p.ended}) }()
}

// ServeHTTP answers the gateway.
func (p *pod) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	switch q.URL.Path {
	case sandbox.PodReady:
		p.once.Do(func() { close(p.ready) })
	case sandbox.PodNames:
		question, err := io.ReadAll(io.LimitReader(q.Body, sandbox.MaxName))
		answer, ok := p.gateway.names.Answer(question)
		if err != nil || !ok {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(answer)
	case sandbox.PodConnect:
		p.connect(w, q)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// connect forwards a connection of a container. When the emulated host ends it, the answer ends, and with it the request.
func (p *pod) connect(w http.ResponseWriter, q *http.Request) {
	select {
	case p.gateway.slots <- struct{}{}:
		defer func() { <-p.gateway.slots }()
	case <-q.Context().Done():
		return
	}
	dialled, err := netip.ParseAddrPort(q.Header.Get(sandbox.PodDialled))
	var upstream net.Conn
	if err == nil {
		upstream, err = p.gateway.reach(dialled)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer upstream.Close()
	for _, ctx := range []context.Context{q.Context(), p.gateway.ctx} {
		defer context.AfterFunc(ctx, func() { _ = upstream.Close() })()
	}
	go func() {
		if _, err := io.Copy(upstream, q.Body); err != nil {
			_ = upstream.Close()
		} else if half, ok := upstream.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	answer := &flushed{w, http.NewResponseController(w)}
	_, _ = answer.Write(nil) // the gateway sends when it has an answer
	_, _ = io.Copy(answer, upstream)
}

// flushed sends what is written at once.
type flushed struct {
	to      io.Writer
	control *http.ResponseController
}

// Write writes and sends.
func (f *flushed) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	return n, errors.Join(err, f.control.Flush())
}

// close ends the gateway.
func (p *pod) close() error {
	p.gateway.close()
	if p.server != nil {
		_ = p.stream.Close()
		<-p.ended
		_ = p.server.Close()
	}
	if p.image != nil {
		p.docker.images.release(p.image)
	}
	if p.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return p.docker.drop(ctx, query("/containers/"+p.id, "force", "1", "v", "1"))
}

// podStream is the connection to a gateway: the standard streams of its container.
type podStream struct {
	net.Conn
	from *io.PipeReader
}

// Read reads what the gateway writes to its standard output.
func (s *podStream) Read(p []byte) (int, error) { return s.from.Read(p) }

// Close ends both ways.
func (s *podStream) Close() error { return errors.Join(s.from.Close(), s.Conn.Close()) }

// SetDeadline does nothing: the stream is one for all connections.
func (s *podStream) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *podStream) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *podStream) SetWriteDeadline(time.Time) error { return nil }

// onlyConn is a listener that has one connection.
type onlyConn struct {
	conn  net.Conn
	ended chan struct{}
	once  sync.Once
}

// Accept returns the connection, and after that waits for its end.
func (l *onlyConn) Accept() (c net.Conn, err error) {
	l.once.Do(func() { c = l.conn })
	if c == nil {
		<-l.ended
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close has nothing to do.
func (l *onlyConn) Close() error { return nil }

// Addr is that of the connection.
func (l *onlyConn) Addr() net.Addr { return l.conn.LocalAddr() }
