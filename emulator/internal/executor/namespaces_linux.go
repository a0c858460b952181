package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// Child is what a program calls that was started with Options.ChildArguments; args are what follows them. It returns only if
// that failed, or at its end.
func Child(args []string) error { return sandbox.Child(args) }

// namespaces is the executor of this binary's own containers.
type namespaces struct {
	options Options
	ids     ids
	slot    *slot
	cache   *cache
	groups  *groups

	mu       sync.Mutex
	networks map[*network]bool
	closed   bool
}

// openNamespaces makes a first network, to see whether that can be done here.
func openNamespaces(ctx context.Context, o Options) (Executor, error) {
	if os.Getenv(childMark) != "" {
		return nil, &UnavailableError{"this process was started as a child of an emulator: its program must call emulator.Main first"}
	}
	n := &namespaces{options: o, ids: whoseIDs(), networks: map[*network]bool{}}
	slot, err := openSlot(o, n.ids)
	if err != nil {
		return nil, &UnavailableError{err.Error()}
	}
	n.slot, n.cache = slot, newCache(slot, o.Cache)
	n.groups = openGroups(slot.leftovers)
	if err := n.try(ctx); err != nil {
		return nil, &UnavailableError{errors.Join(err, n.Close()).Error()}
	}
	return n, nil
}

func (n *namespaces) try(ctx context.Context) error {
	w, err := n.newNetwork(ctx, NetworkOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	a, err := w.keeper.ask(ctx, sandbox.Order{Probe: w.next("probe")})
	if err == nil {
		err = a.Err()
	}
	if err == nil {
		return nil
	}
	if onOverlay(n.slot.path) {
		return fmt.Errorf("%s is on an overlay, where overlays cannot be mounted: put the emulator's state on a volume (%w)", n.slot.path, err)
	}
	return explain(err)
}

// explain adds what would help to an error of the kernel.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return fmt.Errorf("%w: there may be no more user namespaces (user.max_user_namespaces)", err)
	case os.Geteuid() == 0:
		return fmt.Errorf("%w: in a container it takes --privileged, or --cap-add SYS_ADMIN and no seccomp and AppArmor profiles", err)
	}
	return fmt.Errorf("%w: the kernel may not let everybody make user namespaces (kernel.unprivileged_userns_clone, "+
		"kernel.apparmor_restrict_unprivileged_userns)", err)
}

// overlayMagic is the type of overlayfs (OVERLAYFS_SUPER_MAGIC).
const overlayMagic = 0x794c7630

func onOverlay(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && int64(fs.Type) == overlayMagic //nolint:unconvert // its type differs between architectures
}

// Network makes a network for one piece of work.
func (n *namespaces) Network(ctx context.Context, o NetworkOptions) (Network, error) {
	w, err := n.newNetwork(ctx, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Status says how it works here.
func (n *namespaces) Status() Status {
	who := "as an ordinary account: one user and group per container"
	if !n.ids.flat {
		who = "containers have users of their own, without rights over this machine"
	}
	return Status{Kind: Namespaces, Detail: "Linux namespaces; " + who + "; " + n.groups.describe()}
}

// Close ends all networks.
func (n *namespaces) Close() error {
	n.mu.Lock()
	n.closed = true
	open := make([]*network, 0, len(n.networks))
	for w := range n.networks {
		open = append(open, w)
	}
	n.mu.Unlock()
	var errs []error
	for _, w := range open {
		errs = append(errs, w.Close())
	}
	return errors.Join(append(errs, n.groups.close(), n.slot.close())...)
}

func (n *namespaces) add(w *network) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return &UnavailableError{"the emulator has ended"}
	}
	n.networks[w] = true
	return nil
}

func (n *namespaces) remove(w *network) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.networks, w)
}

// ids say whom the users of containers are for the machine.
type ids struct {
	flat bool // one alone
	base int  // who root is for the machine; if not flat
	size int
}

// Users of containers are for the machine these, who are nobody else's (systemd, "Users, Groups, UIDs and GIDs": unused).
const (
	idBase = 0x70000000
	idSize = 0x0f000000
)

// whoseIDs finds out whether this process may give ids to others: as root it may, unless it is root of a user namespace
// that has not as many.
func whoseIDs() ids {
	if os.Geteuid() != 0 {
		return ids{flat: true}
	}
	f, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return ids{flat: true}
	}
	defer f.Close()
	var inner, outer, size uint32
	if _, err := fmt.Fscan(f, &inner, &outer, &size); err != nil || inner != 0 || size < idBase+idSize {
		return ids{flat: true}
	}
	return ids{base: idBase, size: idSize}
}

// attributes are those of a keeper: new namespaces of all kinds, in a user namespace that has no right over the machine.
func (i ids) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if i.flat {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		return attr
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: i.base, Size: i.size}}
	attr.GidMappings = attr.UidMappings
	attr.GidMappingsEnableSetgroups = true
	attr.Credential = &syscall.Credential{Uid: 0, Gid: 0}
	return attr
}
