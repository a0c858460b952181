package executor

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// streams are the standard streams of a program: pipes, or one terminal.
type streams struct {
	in, out, err *os.File // the program's ends
	toIn         *os.File // ours; nil without input
	fromOut      *os.File
	fromErr      *os.File // nil if it is the same as standard output
	copies       sync.WaitGroup
}

// drain is how long output is awaited of a program that was run in a container and has ended, but left others there.
const drain = 2 * time.Second

// openStreams makes the streams of a process, and gives the program's ends to the container's root, so that it can open
// them again, as /dev/stdout.
func openStreams(p Process, who ids) (_ *streams, err error) {
	s := &streams{}
	defer func() {
		if err != nil {
			s.handedOver()
			s.close()
		}
	}()
	if p.Terminal {
		err = s.openTerminal()
	} else {
		err = s.openPipes(p)
	}
	if err != nil || who.flat {
		return s, err
	}
	for _, f := range s.inner() {
		if info, err := f.Stat(); err == nil && (info.Mode()&os.ModeNamedPipe != 0 || p.Terminal) {
			if err := f.Chown(who.base, who.base); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

func (s *streams) openPipes(p Process) (err error) {
	if p.Stdin == nil {
		s.in, err = os.Open(os.DevNull)
	} else {
		s.in, s.toIn, err = os.Pipe()
	}
	if err != nil {
		return err
	}
	if s.fromOut, s.out, err = os.Pipe(); err != nil {
		return err
	}
	if same(p.Stdout, p.Stderr) {
		s.err = s.out
		return nil
	}
	s.fromErr, s.err, err = os.Pipe()
	return err
}

// same reports whether two writers are one, which then gets both streams in order.
func same(a, b io.Writer) (equal bool) {
	defer func() { _ = recover() }() // writers that cannot be compared are not
	return a == b
}

// openTerminal opens a new pseudoterminal.
func (s *streams) openTerminal() error {
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	s.fromOut = outer
	raw, err := outer.SyscallConn()
	if err != nil {
		return err
	}
	var number int
	var ioctlErr error
	if err := raw.Control(func(fd uintptr) {
		if ioctlErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctlErr == nil {
			number, ioctlErr = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || ioctlErr != nil {
		return errors.Join(err, ioctlErr)
	}
	s.in, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	s.out, s.err, s.toIn = s.in, s.in, outer
	return err
}

// inner are the program's ends.
func (s *streams) inner() []*os.File { return []*os.File{s.in, s.out, s.err} }

// handedOver closes the program's ends here.
func (s *streams) handedOver() { closeFiles(s.inner()) }

// copy starts to copy.
func (s *streams) copy(p Process) {
	if p.Stdin != nil && s.toIn != nil {
		in := s.toIn
		go func() { // it may wait for input forever: nobody waits for it
			_, _ = io.Copy(in, p.Stdin)
			if !p.Terminal {
				_ = in.Close()
			}
		}()
	}
	s.copyOut(p.Stdout, s.fromOut)
	if s.fromErr != nil {
		s.copyOut(p.Stderr, s.fromErr)
	}
}

func (s *streams) copyOut(to io.Writer, from *os.File) {
	if to == nil {
		to = io.Discard
	}
	s.copies.Go(func() {
		if _, err := io.Copy(to, from); err != nil {
			_, _ = io.Copy(io.Discard, from) // the program does not notice that nobody reads
		}
	})
}

// finish waits until all that the program wrote is copied. With a patience, it does not wait longer for others that the
// program left behind and that hold its streams.
func (s *streams) finish(patience time.Duration) {
	if patience > 0 {
		defer time.AfterFunc(patience, s.close).Stop()
	}
	s.copies.Wait()
}

// close closes our ends.
func (s *streams) close() {
	if s != nil {
		closeFiles([]*os.File{s.toIn, s.fromOut, s.fromErr})
	}
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
