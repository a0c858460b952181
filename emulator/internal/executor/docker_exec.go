package executor

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// execution is what an engine is asked to run in a container (Docker's API, "Create an exec instance").
type execution struct {
	AttachStdin, AttachStdout, AttachStderr, Tty bool
	Cmd, Env                                     []string
	User, WorkingDir                             string
}

// Exit codes with which an engine says that a program did not start, and where it says why.
const (
	notExecutable = 126
	notFound      = 127
	runtimeFailed = "OCI runtime exec failed"
)

// Exec runs another program in the container. When ctx ends, nobody listens to the program any more; the engine has no way to
// end it before the container ends.
func (c *dockerRunning) Exec(ctx context.Context, p Process) (int, error) {
	p = c.process(p)
	var made struct{ ID string }
	if err := c.engine().call(ctx, http.MethodPost, "/containers/"+c.id+"/exec", execution{
		AttachStdin: p.Stdin != nil, AttachStdout: true, AttachStderr: true, Tty: p.Terminal,
		Cmd: p.Args, Env: p.Env, User: p.User, WorkingDir: p.Dir,
	}, &made); err != nil {
		return 0, err
	}
	connection, err := c.engine().hijack(ctx, "/exec/"+made.ID+"/start", map[string]bool{"Tty": p.Terminal})
	if err != nil {
		return 0, c.problem(err)
	}
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	said := &beginning{}
	p.Stdout = said.before(p.Stdout)
	carried := connection.carry(p)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var end struct{ ExitCode int }
	if err := c.engine().call(ctx, http.MethodGet, "/exec/"+made.ID+"/json", nil, &end); err != nil {
		return 0, err
	}
	if (end.ExitCode == notExecutable || end.ExitCode == notFound) && bytes.HasPrefix(said.text, []byte(runtimeFailed)) {
		return 0, c.problem(&engineError{http.StatusBadRequest, string(bytes.TrimSpace(said.text))})
	}
	return end.ExitCode, carried
}

// beginning remembers what a program said first.
type beginning struct{ text []byte }

// before returns a writer that remembers, and writes on.
func (b *beginning) before(to io.Writer) io.Writer {
	if to == nil {
		return b
	}
	return io.MultiWriter(b, to)
}

// Write remembers what there is room for.
func (b *beginning) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), maxTail-len(b.text))]...)
	return len(p), nil
}
