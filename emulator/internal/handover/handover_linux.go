package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files the kernel hands over with one message (SCM_MAX_FD).
const maxFiles = 253

// Pair makes two connected sockets of a kind, unix.SOCK_SEQPACKET or unix.SOCK_STREAM: one to use here, one to hand to
// another process.
func Pair(kind int) (outer *net.UnixConn, inner *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	inner = os.NewFile(uintptr(fds[1]), "handover")
	file := os.NewFile(uintptr(fds[0]), "handover")
	if outer, err = Conn(file); err != nil {
		_ = inner.Close()
		return nil, nil, err
	}
	return outer, inner, nil
}

// Conn makes a connection of a socket that was handed over, and closes the file.
func Conn(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, errors.New("not a Unix socket")
	}
	return unixConn, nil
}

// Send sends a message, which must not be empty, with files. The files stay open here.
func Send(c *net.UnixConn, message []byte, files ...*os.File) error {
	if len(files) > maxFiles {
		return fmt.Errorf("%d files in one message, at most %d", len(files), maxFiles)
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err := c.WriteMsgUnix(message, rights, nil)
	return err
}

// Receive reads one message and its files. The error is io.EOF when the other end is closed.
func Receive(c *net.UnixConn, message []byte) (n int, files []*os.File, err error) {
	oob := make([]byte, unix.CmsgSpace(maxFiles*4))
	n, oobn, _, _, err := c.ReadMsgUnix(message, oob)
	if err != nil {
		return 0, nil, err
	}
	if n == 0 {
		return 0, nil, io.EOF
	}
	files, err = filesIn(oob[:oobn])
	return n, files, err
}

func filesIn(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handover"))
		}
	}
	return files, nil
}

// CloseAll closes files.
func CloseAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
