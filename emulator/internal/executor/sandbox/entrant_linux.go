package sandbox

import (
	"encoding/json"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// entrantEnd asks an entrant to kill its program. If it were killed itself, the program would go on.
const entrantEnd = unix.SIGTERM

// enter is the role of the entrant: it joins a container, starts a program in it, and ends as that does. It stays outside of
// the container's process namespace, where nobody sees it; what it starts is inside, and was never this binary.
func enter() error {
	runtime.LockOSThread()
	talk, err := inherited(talkFD)
	if err != nil {
		return err
	}
	var e Entry
	if err := json.NewDecoder(talk).Decode(&e); err != nil {
		return err
	}
	said := json.NewEncoder(talk)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, entrantEnd)
	pid, err := e.start()
	if err != nil {
		return said.Encode(refusal(err))
	}
	_ = said.Encode(Answer{})
	_ = talk.Close()
	go end(asked, pid)
	os.Exit(outcome(pid))
	return nil
}

func (e *Entry) start() (pid int, err error) {
	for n := range e.Groups + 1 {
		unix.CloseOnExec(talkFD + 1 + n)
	}
	beExpendable()
	if err := joinGroups(talkFD+2, e.Groups); err != nil {
		return 0, wrap("control groups", err)
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // or this thread could not change its root
		return 0, err
	}
	all := unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET
	if e.Groups > 0 { // or the container has the keeper's
		all |= unix.CLONE_NEWCGROUP
	}
	if err := unix.Setns(talkFD+1, all); err != nil {
		return 0, wrap("container", err)
	}
	terminal := e.Terminal
	e.Terminal = false // it is the child's
	p, err := confine(&e.Program)
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(p.path, p.args, &syscall.ProcAttr{
		Env: p.env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: terminal},
	})
}

// end kills the program when this process is asked to end. This goroutine's thread has kept its rights, so that it can also
// kill what has become another user's.
func end(asked <-chan os.Signal, pid int) {
	<-asked
	_ = unix.Kill(pid, unix.SIGKILL)
}

// outcome waits for a process and returns its exit code, or 128 and the signal's number.
func outcome(pid int) int {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR { //nolint:errorlint // a bare errno
			continue
		}
		if err != nil {
			return 128
		}
		if status.Signaled() {
			return 128 + int(status.Signal())
		}
		return status.ExitStatus()
	}
}
