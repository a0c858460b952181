package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
	"github.com/acrlocal/acrlocal/emulator/internal/handover"
)

// keeper is the outer end of a sandbox keeper.
type keeper struct {
	control *net.UnixConn
	cmd     *exec.Cmd
	users   *os.File // its user namespace
	ended   chan struct{}
	stderr  *tail

	mu sync.Mutex // orders are announced one by one
}

// startKeeper starts a keeper and returns it with its sockets.
func startKeeper(ctx context.Context, n *namespaces, hello sandbox.Hello) (*keeper, []*os.File, error) {
	k := &keeper{ended: make(chan struct{}), stderr: &tail{}}
	inner, err := k.prepare(n)
	if err != nil {
		return nil, nil, err
	}
	started := make(chan error)
	go k.live(n.slot.dir, started)
	err = <-started
	handover.CloseAll(inner)
	if err != nil {
		_ = k.control.Close()
		return nil, nil, explain(err)
	}
	sockets, err := k.greet(ctx, hello)
	if err != nil {
		handover.CloseAll(sockets)
		k.close()
		return nil, nil, explain(errors.Join(err, k.stderr.err()))
	}
	return k, sockets, nil
}

func (k *keeper) prepare(n *namespaces) (inner []*os.File, err error) {
	executable := n.options.Executable
	if executable == "" {
		executable = "/proc/self/exe"
	}
	binary, err := os.Open(executable)
	if err != nil {
		return nil, err
	}
	control, talk, err := handover.Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		_ = binary.Close()
		return nil, err
	}
	k.control = control
	// The binary is handed over open: whoever the keeper is need not find the way to it.
	k.cmd = &exec.Cmd{
		Path: "/proc/self/fd/4", Args: append(append([]string{"acrlocal"}, n.options.ChildArguments...), sandbox.RoleKeeper), Env: []string{childMark + "=keeper"},
		ExtraFiles: []*os.File{talk, binary}, SysProcAttr: n.ids.attributes(), Stderr: k.stderr,
	}
	return []*os.File{talk, binary}, nil
}

// live starts the process in the slot, and stays with it: it dies with the thread that started it. The thread has a working
// directory of its own, which the keeper inherits: as somebody else it could not find the way there.
func (k *keeper) live(dir *os.File, started chan<- error) {
	runtime.LockOSThread() // and never unlocked, so that the thread ends here
	err := unix.Unshare(unix.CLONE_FS)
	if err == nil {
		err = dir.Chdir()
	}
	if err == nil {
		err = k.cmd.Start()
	}
	started <- err
	if err == nil {
		_ = k.cmd.Wait()
	}
	close(k.ended)
}

func (k *keeper) greet(ctx context.Context, hello sandbox.Hello) ([]*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = k.control.Close() })
	defer stop()
	message, err := json.Marshal(hello)
	if err != nil {
		return nil, err
	}
	if err := handover.Send(k.control, message); err != nil {
		return nil, err
	}
	answer := make([]byte, 64<<10)
	n, sockets, err := handover.Receive(k.control, answer)
	if err != nil {
		return nil, fmt.Errorf("the keeper of the network did not answer: does this program call emulator.Main first? (%w)", errors.Join(ctx.Err(), err))
	}
	var w sandbox.Welcome
	if err := json.Unmarshal(answer[:n], &w); err != nil {
		return sockets, err
	}
	if w.Problem != "" {
		return sockets, errors.New(w.Problem)
	}
	if len(sockets) != len(hello.Ports)+1 {
		return sockets, fmt.Errorf("%d sockets came out of the network, not %d", len(sockets), len(hello.Ports)+1)
	}
	k.users, err = os.Open(fmt.Sprintf("/proc/%d/ns/user", k.cmd.Process.Pid))
	return sockets, err
}

// close ends the keeper, and with it all that it started.
func (k *keeper) close() {
	_ = k.control.Close()
	_ = k.cmd.Process.Kill()
	<-k.ended
	if k.users != nil {
		_ = k.users.Close()
	}
}

// order is one that was given to a keeper.
type order struct {
	conn *net.UnixConn
	in   *json.Decoder
	out  *json.Encoder
}

// give gives an order, with files that stay open here.
func (k *keeper) give(o sandbox.Order, files ...*os.File) (*order, error) {
	conn, inner, err := handover.Pair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer inner.Close()
	g := &order{conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}
	k.mu.Lock()
	err = handover.Send(k.control, []byte("order"), append([]*os.File{inner}, files...)...)
	k.mu.Unlock()
	if err == nil {
		err = g.out.Encode(o)
	}
	if err != nil {
		_ = conn.Close()
		return nil, errKeeper(err)
	}
	return g, nil
}

// ask gives an order and waits for the answer, or for the end of the context.
func (k *keeper) ask(ctx context.Context, o sandbox.Order, files ...*os.File) (sandbox.Answer, error) {
	g, err := k.give(o, files...)
	if err != nil {
		return sandbox.Answer{}, err
	}
	defer func() { _ = g.conn.Close() }()
	return g.answer(ctx)
}

// answer waits for the answer to an order; when the context ends, the order is withdrawn.
func (g *order) answer(ctx context.Context) (a sandbox.Answer, err error) {
	stop := context.AfterFunc(ctx, func() { _ = g.conn.Close() })
	defer stop()
	if err := g.in.Decode(&a); err != nil {
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		return a, errKeeper(err)
	}
	return a, nil
}

func errKeeper(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the network of the containers has ended: %w", err)
}
