package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The pod is the network that containers of a Docker engine share, of which this process is the first: nothing of the
// machine's networks is in it. Behind it is another, the gateway's own, where emulated hosts have their addresses; so the
// containers may listen on any port. What comes in there goes to the emulator over the standard streams, since no address
// and no file leads there from every engine.
type pod struct {
	client *http.Client
	slots  chan struct{}
	ended  chan struct{} // closed when the emulator has gone
}

// servePod is the role of the gateway of a pod. It ends with its standard input.
func servePod(args []string) error {
	ports := make([]int, len(args))
	for n, arg := range args {
		port, err := strconv.ParseUint(arg, 10, 16)
		if err != nil {
			return err
		}
		ports[n] = int(port)
	}
	sockets, err := makePod(ports)
	if err != nil {
		return err
	}
	p := &pod{slots: make(chan struct{}, MaxConnections), ended: make(chan struct{})}
	p.client = &http.Client{Transport: overStreams(p.ended)}
	for _, s := range sockets[:len(ports)] {
		l, err := net.FileListener(s)
		if err != nil {
			return err
		}
		go p.accept(l)
	}
	c, err := net.FilePacketConn(sockets[len(ports)])
	if err != nil {
		return err
	}
	go p.answer(c)
	if _, err := p.ask(PodReady, nil); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// makePod makes the gateway's own network, with its sockets, and joins it to the pod.
func makePod(ports []int) ([]*os.File, error) {
	outer, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer func() { _ = outer.Close() }()
	var sockets []*os.File
	done := make(chan error)
	beside(func() {
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			sockets, err = makeGateway(ports)
		}
		if err == nil {
			err = connect(1, netlink.NsFd(int(outer.Fd())))
		}
		done <- err
		select {} // the network lasts as long as the thread
	})
	if err := <-done; err != nil {
		return nil, err
	}
	return sockets, joinNetwork(FirstContainer)
}

// beside calls a function on a thread of its own that is not the first of the process: the first stays in the pod, since its
// network is what the engine gives to other containers.
func beside(f func()) {
	go func() {
		runtime.LockOSThread() // and never unlocked
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		beside(f) // on another thread, since this one is held
		select {}
	}()
}

// standardStream is the connection to the emulator.
type standardStream struct {
	once  *sync.Once
	ended chan struct{}
}

// Read reads standard input, whose end is the emulator's.
func (s standardStream) Read(p []byte) (int, error) {
	n, err := os.Stdin.Read(p)
	if err != nil {
		_ = s.Close()
	}
	return n, err
}

// Write writes to standard output.
func (s standardStream) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

// Close ends the gateway.
func (s standardStream) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

// LocalAddr is a name: there is no address.
func (s standardStream) LocalAddr() net.Addr { return &net.UnixAddr{Name: "stdout", Net: "unix"} }

// RemoteAddr is a name: there is no address.
func (s standardStream) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "stdin", Net: "unix"} }

// SetDeadline does nothing: requests have their own.
func (s standardStream) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s standardStream) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s standardStream) SetWriteDeadline(time.Time) error { return nil }

// overStreams is HTTP/2 over the standard streams, which are one connection and cannot be opened again.
func overStreams(ended chan struct{}) *http.Transport {
	streams := make(chan net.Conn, 1)
	streams <- standardStream{&sync.Once{}, ended}
	t := &http.Transport{Protocols: &http.Protocols{}, DisableCompression: true, HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}}
	t.Protocols.SetUnencryptedHTTP2(true)
	t.DialContext = func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-streams:
			return c, nil
		default:
			return nil, errors.New("the emulator has gone")
		}
	}
	return t
}

// ask puts a question to the emulator and returns its answer.
func (p *pod) ask(path string, question []byte) ([]byte, error) {
	answer, err := p.client.Post("http://emulator"+path, "application/octet-stream", bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 64<<10))
}

// answer answers questions for names.
func (p *pod) answer(c net.PacketConn) {
	question := make([]byte, MaxName)
	for {
		n, peer, err := c.ReadFrom(question)
		if err != nil {
			return
		}
		if answer, err := p.ask(PodNames, question[:n]); err == nil {
			_, _ = c.WriteTo(answer, peer)
		}
	}
}

// accept takes connections while there is room for them.
func (p *pod) accept(l net.Listener) {
	for {
		p.slots <- struct{}{}
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { <-p.slots }()
			defer func() { _ = c.Close() }()
			p.forward(c.(*net.TCPConn))
		}()
	}
}

// sending is what a container sends: it can be ended while the answer goes on.
type sending struct{ *net.TCPConn }

// Close ends what is read alone.
func (s sending) Close() error { return s.CloseRead() }

// forward lets the emulator serve a connection.
func (p *pod) forward(c *net.TCPConn) {
	q, err := http.NewRequest(http.MethodPost, "http://emulator"+PodConnect, sending{c}) //nolint:noctx // the connection's end is its own
	if err != nil {
		return
	}
	q.Header.Set(PodDialled, c.LocalAddr().String())
	answer, err := p.client.Do(q)
	if err != nil {
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusOK {
		_, _ = io.Copy(c, answer.Body)
	}
}
