package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
	"github.com/acrlocal/acrlocal/emulator/internal/handover"
)

// controlFD is the socket that a keeper is started with. After it comes this binary, for the kernel alone.
const (
	controlFD = 3
	binaryFD  = 4
)

// standardStreams is how many files come before the others of an order to run something.
const standardStreams = 3

// maxHello is the size of the first message and of those that announce orders.
const maxHello = 64 << 10

// Child runs one of the roles; args are what follows the command of Hello. It returns only if that failed, or when a keeper
// has nothing more to do.
func Child(args []string) error {
	if len(args) > 1 && args[0] == RolePod {
		return servePod(args[1:])
	}
	roles := map[string]func() error{RoleKeeper: keep, RoleInit: initialize, RoleEntrant: enter}
	if len(args) != 1 || roles[args[0]] == nil {
		return errors.New("not started by an executor")
	}
	return roles[args[0]]()
}

// keeper serves the orders of one network.
type keeper struct {
	hello  Hello
	binary string // where this program is started from

	mu         sync.Mutex
	containers map[int]*running
}

// keep is the role of the keeper. It ends when the emulator does: the kernel closes the other end of the control socket.
func keep() error {
	control, err := inherited(controlFD)
	if err != nil {
		return err
	}
	_ = unix.Close(binaryFD)
	k := &keeper{containers: map[int]*running{}}
	sockets, err := k.prepare(control)
	if err := welcome(control, err, sockets); err != nil {
		return err
	}
	handover.CloseAll(sockets)
	for {
		_, files, err := handover.Receive(control, make([]byte, maxHello))
		if err != nil {
			return nil //nolint:nilerr // the emulator has gone, and so does the keeper
		}
		go k.take(files)
	}
}

// inherited is a socket that this process was started with.
func inherited(fd uintptr) (*net.UnixConn, error) {
	unix.CloseOnExec(int(fd))
	c, err := handover.Conn(os.NewFile(fd, "control"))
	if err != nil {
		return nil, fmt.Errorf("not started by an executor: %w", err)
	}
	return c, nil
}

func (k *keeper) prepare(control *net.UnixConn) ([]*os.File, error) {
	message := make([]byte, maxHello)
	n, _, err := handover.Receive(control, message)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(message[:n], &k.hello); err != nil {
		return nil, err
	}
	// What the machine unmounts is not held here.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	unix.Umask(0)
	k.binary = protectedBinary()
	return makeGateway(k.hello.Ports)
}

// thisBinary is this program, whatever its name.
const thisBinary = "/proc/self/exe"

// protectedBinary is where this program can be started from so that nobody changes it: a container whose program is
// /proc/self/exe, or a script for that, has it before its eyes, and without root on the machine a container's root owns it. On
// a mount of its own it is read-only. Where it cannot be found, its owner is nobody whom a container could be.
func protectedBinary() string {
	name, err := os.Readlink(thisBinary)
	if err != nil {
		return thisBinary
	}
	if err := unix.Mount(name, name, "", unix.MS_BIND, ""); err != nil {
		return thisBinary
	}
	var ours, found unix.Stat_t
	err = errors.Join(
		unix.MountSetattr(unix.AT_FDCWD, name, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}),
		unix.Stat(thisBinary, &ours), unix.Stat(name, &found),
	)
	if err != nil || ours.Dev != found.Dev || ours.Ino != found.Ino {
		return thisBinary
	}
	return name
}

func welcome(control *net.UnixConn, problem error, sockets []*os.File) error {
	var w Welcome
	if problem != nil {
		w.Problem, sockets = problem.Error(), nil
	}
	message, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return errors.Join(handover.Send(control, message, sockets...), problem)
}

// take carries out one order. The first file is the socket that it comes through.
func (k *keeper) take(files []*os.File) {
	defer func() { handover.CloseAll(files) }()
	if len(files) == 0 {
		return
	}
	c, err := handover.Conn(files[0])
	files = files[1:]
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	j := &job{conn: c, in: json.NewDecoder(c), out: json.NewEncoder(c), files: files}
	var o Order
	if err := j.in.Decode(&o); err == nil {
		k.carryOut(o, j)
	}
}

// job is an order on its way.
type job struct {
	conn  *net.UnixConn
	in    *json.Decoder
	out   *json.Encoder
	files []*os.File
}

// answer reports the outcome. An emulator that does not listen any more will end the keeper too.
func (j *job) answer(a Answer, err error) {
	if err != nil {
		a.Problem = err.Error()
	}
	_ = j.out.Encode(a)
}

func (k *keeper) carryOut(o Order, j *job) {
	switch {
	case o.Run != nil:
		k.run(o.Run, j)
	case o.Enter != nil:
		k.enter(o.Enter, j)
	case o.Unpack != nil && len(j.files) == 1:
		n, err := k.unpack(o.Unpack, j.files[0])
		j.answer(Answer{Bytes: n}, err)
	case o.Diff != nil && len(j.files) == 1:
		j.answer(Answer{}, diff(o.Diff, j.files[0]))
	case o.Remove != "":
		j.answer(Answer{}, layer.Remove(o.Remove))
	case o.Probe != "":
		j.answer(Answer{}, probe(o.Probe))
	default:
		j.answer(Answer{}, errors.New("not an order"))
	}
}

func (k *keeper) unpack(u *Unpacking, from *os.File) (int64, error) {
	if err := os.Mkdir(u.To, 0o755); err != nil {
		return 0, err
	}
	to, err := os.Open(u.To)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	n, err := layer.Unpack(to, from, k.hello.Flat, layer.Bounds{Bytes: u.Bytes, Entries: u.Entries})
	if err != nil {
		err = errors.Join(err, layer.Remove(u.To))
	}
	return n, err
}

func diff(d *Diffing, to *os.File) error {
	upper, err := os.Open(d.Bundle + "/" + UpperDir)
	if err != nil {
		return err
	}
	defer upper.Close()
	return layer.Diff(upper, d.Made, d.Bytes, to)
}
