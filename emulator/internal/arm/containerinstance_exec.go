package arm

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// A program in a container is asked for by POST exec, whose answer says where its terminal is: a WebSocket, to which the client
// sends the password first, and then what is typed (ACI REST API, "Execute Command"; az container exec).

// The bounds of such terminals.
const (
	maxTerminals = 64              // that wait for their client; the oldest go first
	terminalLife = time.Minute     // of one that waits
	maxFrame     = 1 << 20         // bytes
	firstFrame   = 5 * time.Second // that a client has to send its password
	maxUnread    = time.Minute     // that a client may leave what is printed unread
)

var errCommand = refusal{400, "InvalidExecRequest", "'command' is the program to run, such as /bin/sh."}

// terminal is one that waits for its client.
type terminal struct {
	id, password string
	principal    string // who asked for it
	group        azure.ResourceID
	container    string
	args         []string
	ends         time.Time
}

// terminals are those that wait.
type terminals struct {
	mu      sync.Mutex
	waiting []terminal
}

func (t *terminals) add(one terminal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = append(t.waiting, one)
	t.waiting = t.waiting[max(0, len(t.waiting)-maxTerminals):]
}

// take finds the terminal with an ID, which nobody else gets then.
func (t *terminals) take(id string, now time.Time) (terminal, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, one := range t.waiting {
		if one.id == id {
			t.waiting = append(t.waiting[:i:i], t.waiting[i+1:]...)
			return one, now.Before(one.ends)
		}
	}
	return terminal{}, false
}

const execRight = "exec/action"

// postContainerExec answers with where the terminal of a program in a container is.
func postContainerExec(c *call) (answer, error) {
	id, name, err := c.container(execRight)
	if err != nil {
		return answer{}, err
	}
	given, err := c.optionalObject()
	if err != nil {
		return answer{}, err
	}
	args := strings.Fields(textAt(given, "command"))
	if len(args) == 0 {
		return answer{}, errCommand.about("command")
	}
	if _, err := c.Instances.Logs(id, name, 1, false); err != nil {
		return answer{}, err // there is no such container
	}
	t := terminal{
		id: strings.ToLower(rand.Text()), password: rand.Text(), principal: c.principal, group: id, container: name, args: args, ends: c.Now().Add(terminalLife),
	}
	c.terminals.add(t)
	at := strings.Replace(origin(c.r), "http", "ws", 1) + id.String() + "/containers/" + name + "/exec/" + t.id
	return ok(map[string]any{"webSocketUri": at, "password": t.password}), nil
}

// serveTerminal is the WebSocket of a terminal. Whoever knows the password has been given the right, and must have it still.
func (s *server) serveTerminal(w http.ResponseWriter, r *http.Request) {
	_, id := cutLast(cleanPath(r.URL.Path))
	t, found := s.terminals.take(id, s.Now())
	if !found || !s.Backend.Authorize(t.principal, azure.TypeContainerGroup+"/containers/"+execRight, t.group.Key()).Allowed {
		s.fail(w, r, errOperationMissing.with(id))
		return
	}
	socket := websocket.Server{
		Handshake: func(*websocket.Config, *http.Request) error { return nil }, // clients are no pages with an origin
		Handler:   func(conn *websocket.Conn) { s.talk(conn, t) },
	}
	socket.ServeHTTP(w, r)
}

// talk runs the program of a terminal for its client.
func (s *server) talk(conn *websocket.Conn, t terminal) {
	conn.MaxPayloadBytes, conn.PayloadType = maxFrame, websocket.BinaryFrame
	var password string
	_ = conn.SetReadDeadline(time.Now().Add(firstFrame))
	err := websocket.Message.Receive(conn, &password)
	if err != nil || subtle.ConstantTimeCompare([]byte(password), []byte(t.password)) != 1 {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(context.WithoutCancel(conn.Request().Context()))
	defer cancel()
	typed, typing := io.Pipe()
	go func() {
		_, err := io.Copy(typing, conn)
		_ = typing.CloseWithError(errors.Join(err, io.EOF))
		cancel() // the client is gone
	}()
	defer func() { _ = typed.Close() }()
	if err := s.Instances.Exec(ctx, t.group, t.container, t.args, stream{typed, reader{conn}}); err != nil && ctx.Err() == nil {
		said := asError(err)
		if said.Cause != nil {
			s.Log.Error("exec in a container failed", "group", t.group, "container", t.container, "cause", said.Cause)
		}
		_, _ = fmt.Fprintf(conn, "%s\r\n", said.Message)
	}
}

// reader is a client that reads what is printed, or is taken for gone.
type reader struct{ *websocket.Conn }

// Write sends what was printed.
func (r reader) Write(p []byte) (int, error) {
	_ = r.SetWriteDeadline(time.Now().Add(maxUnread))
	return r.Conn.Write(p)
}

// stream reads from one end and writes to another.
type stream struct {
	io.Reader
	io.Writer
}
