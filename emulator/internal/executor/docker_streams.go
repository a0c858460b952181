package executor

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Streams of a container without a terminal, as the engine interleaves them: a header says of which stream how many bytes
// follow (Docker's API, "Attach to a container", stream format).
const (
	frameHeader = 8
	stdoutFrame = 1
	stderrFrame = 2
)

// separate copies what comes of both streams until the end. A writer that fails is not written to any more.
func separate(from io.Reader, stdout, stderr io.Writer) error {
	writers := [...]io.Writer{stdoutFrame: &patient{to: stdout}, stderrFrame: &patient{to: stderr}}
	var header [frameHeader]byte
	for {
		if _, err := io.ReadFull(from, header[:]); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		stream := int(header[0])
		if stream < stdoutFrame || stream > stderrFrame {
			return fmt.Errorf("the engine sent something of a stream %d", stream)
		}
		if _, err := io.CopyN(writers[stream], from, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return err
		}
	}
}

// patient is a writer that takes everything: a program does not notice that nobody reads any more.
type patient struct {
	to     io.Writer
	failed bool
}

// Write writes on, unless that failed before.
func (p *patient) Write(b []byte) (int, error) {
	if p.to != nil && !p.failed {
		_, err := p.to.Write(b)
		p.failed = err != nil
	}
	return len(b), nil
}

// carry copies what a program says, until it ends, and what it is told.
func (h *hijacked) carry(p Process) error {
	if p.Stdin != nil {
		go func() { // it may wait for input forever: nobody waits for it
			_, _ = io.Copy(h.Conn, p.Stdin)
			if !p.Terminal {
				h.closeWrite()
			}
		}()
	}
	if p.Terminal {
		_, err := io.Copy(&patient{to: p.Stdout}, h)
		return err
	}
	return separate(h, p.Stdout, p.Stderr)
}
