package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
	"github.com/acrlocal/acrlocal/emulator/internal/handover"
)

// running is a container, or a program beside one, that the keeper has started.
type running struct {
	cmd  *exec.Cmd
	talk *net.UnixConn // to the process, until it has become the program
	told *json.Decoder

	deadly unix.Signal // what ends it
	pidfd  int
	mu     sync.Mutex
	reason string
	gone   chan struct{}
}

// start starts this binary in a role, with the streams and files of a job.
func (k *keeper) start(role string, j *job, attr *syscall.SysProcAttr, more ...*os.File) (*running, error) {
	talk, inner, err := handover.Pair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer inner.Close()
	r := &running{talk: talk, told: json.NewDecoder(talk), deadly: unix.SIGKILL, pidfd: -1, gone: make(chan struct{})}
	attr.PidFD = &r.pidfd
	r.cmd = &exec.Cmd{
		Path: k.binary, Args: append(append([]string(nil), k.hello.Command...), role), Env: []string{},
		Stdin: j.files[0], Stdout: j.files[1], Stderr: j.files[2], SysProcAttr: attr,
		ExtraFiles: append(append([]*os.File{inner}, more...), j.files[standardStreams:]...),
	}
	if err := r.cmd.Start(); err != nil {
		_ = talk.Close()
		return nil, err
	}
	return r, nil
}

// instruct sends the plan and waits until the process has become the program: what it tells first is an answer, and what
// it tells after that a problem.
func (r *running) instruct(plan any) (Answer, error) {
	defer func() { _ = r.talk.Close() }()
	if err := json.NewEncoder(r.talk).Encode(plan); err != nil {
		return Answer{}, err
	}
	var first, last Answer
	if err := r.told.Decode(&first); err != nil {
		return Answer{}, fmt.Errorf("the container ended before it began: %w", err)
	}
	if first.Problem != "" {
		return first, nil
	}
	if err := r.told.Decode(&last); err == nil && last.Problem != "" {
		return last, nil
	}
	return first, nil
}

// kill ends the program and all of its container.
func (r *running) kill(reason string) {
	r.mu.Lock()
	if r.reason == "" {
		r.reason = reason
	}
	r.mu.Unlock()
	r.signal(r.deadly)
}

// signal sends a signal to the program, unless it has ended.
func (r *running) signal(s unix.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pidfd >= 0 {
		_ = unix.PidfdSendSignal(r.pidfd, s, nil, 0)
	}
}

// release gives up the reference to the process.
func (r *running) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = unix.Close(r.pidfd)
	r.pidfd = -1
}

// wait waits for the end.
func (r *running) wait() End {
	err := r.cmd.Wait()
	close(r.gone)
	r.mu.Lock()
	defer r.mu.Unlock()
	end := End{Reason: r.reason}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		end.Code = exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			end.Code = 128 + int(status.Signal())
		}
	}
	return end
}

// obey passes signals on until the other end of the job is closed, which ends the program.
func (r *running) obey(j *job) {
	for {
		var s Signal
		if err := j.in.Decode(&s); err != nil {
			r.kill("")
			return
		}
		r.signal(unix.Signal(s.Number))
	}
}

// run starts a container and stays with it to its end.
func (k *keeper) run(p *Plan, j *job) {
	if len(j.files) < standardStreams {
		j.answer(Answer{}, io.ErrUnexpectedEOF)
		return
	}
	r, err := k.start(RoleInit, j, &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
	})
	handover.CloseAll(j.files)
	if err != nil {
		j.answer(Answer{}, err)
		return
	}
	defer k.forget(p.Number, r)
	err = connect(p.Number, netlink.NsPid(r.cmd.Process.Pid))
	var a Answer
	if err == nil {
		a, err = r.instruct(p)
	}
	if err != nil || a.Problem != "" {
		r.kill("")
		r.wait()
		j.answer(a, err)
		return
	}
	k.remember(p.Number, r)
	j.answer(a, nil)
	go r.obey(j)
	go r.watch(p)
	_ = j.out.Encode(r.wait())
}

func (k *keeper) remember(number int, r *running) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.containers[number] = r
}

func (k *keeper) forget(number int, r *running) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.containers, number)
	r.release()
}

// enter starts a program in a container.
func (k *keeper) enter(e *Entry, j *job) {
	k.mu.Lock()
	into, ok := k.containers[e.Number]
	pidfd := -1
	if ok {
		pidfd, _ = unix.FcntlInt(uintptr(into.pidfd), unix.F_DUPFD_CLOEXEC, 0)
	}
	k.mu.Unlock()
	if pidfd < 0 || len(j.files) < standardStreams {
		j.answer(Answer{}, errors.New("the container does not run"))
		return
	}
	target := os.NewFile(uintptr(pidfd), "container")
	r, err := k.start(RoleEntrant, j, &syscall.SysProcAttr{}, target)
	_ = target.Close()
	handover.CloseAll(j.files)
	if err != nil {
		j.answer(Answer{}, err)
		return
	}
	defer r.release()
	a, err := r.instruct(e)
	if err != nil || a.Problem != "" {
		r.kill("")
		r.wait()
		j.answer(a, err)
		return
	}
	r.deadly = entrantEnd
	j.answer(a, nil)
	go r.obey(j)
	_ = j.out.Encode(r.wait())
}

// Pace and floor of the watch over what a container writes. Walking a tree takes time; the pace leaves most of it to
// others.
const (
	watchPace   = 200 * time.Millisecond
	watchShare  = 10
	maxFiles    = 1 << 20
	leaveOnDisk = 256 << 20 // bytes that stay free for everybody else
)

// watch ends a container that writes more to its root than it may.
func (r *running) watch(p *Plan) {
	w := &watch{bound: p.Disk, due: time.Now()}
	var err error
	if w.bundle, err = os.Open(p.Bundle); err == nil {
		defer w.bundle.Close()
		w.upper, err = os.Open(p.Bundle + "/" + UpperDir)
	}
	if err != nil {
		r.kill(err.Error())
		return
	}
	defer w.upper.Close()
	ticker := time.NewTicker(watchPace)
	defer ticker.Stop()
	for {
		select {
		case <-r.gone:
			return
		case now := <-ticker.C:
			if reason := w.look(now); reason != "" {
				r.kill(reason)
				return
			}
		}
	}
}

// watch is what is known of what a container wrote.
type watch struct {
	bundle, upper *os.File
	bound         int64
	used          int64     // at the last walk
	free          int64     // on the disk, then
	due           time.Time // of the next one
}

// look says what is too much. The room on the disk is looked at each time; the tree only when that is due, or when so much
// has been written since, by whomever, that the bound may be reached.
func (w *watch) look(now time.Time) string {
	var fs unix.Statfs_t
	free := int64(1 << 62)
	if err := unix.Fstatfs(int(w.upper.Fd()), &fs); err == nil {
		free = int64(fs.Bavail) * fs.Bsize
	}
	if free < leaveOnDisk {
		return "the machine's disk is almost full"
	}
	if now.Before(w.due) && (w.bound <= 0 || w.free-free <= w.bound-w.used) {
		return ""
	}
	began := time.Now()
	reason := w.excess()
	w.free, w.due = free, now.Add(watchShare*time.Since(began))
	return reason
}

// excess says what is too much in what a container writes to: its root, and the files that tell it of its network.
func (w *watch) excess() string {
	bytes, files, err := layer.Usage(w.upper)
	for _, name := range bundleFiles {
		var st unix.Stat_t
		if unix.Fstatat(int(w.bundle.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			bytes += st.Blocks * 512
		}
	}
	w.used = bytes
	switch {
	case err != nil:
		return "its root file system: " + err.Error()
	case w.bound > 0 && bytes > w.bound:
		return fmt.Sprintf("it wrote more than %d MiB to its root file system", w.bound>>20)
	case files > maxFiles:
		return fmt.Sprintf("it made more than %d files", maxFiles)
	}
	return ""
}
