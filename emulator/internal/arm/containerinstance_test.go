package arm_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/net/websocket"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// instances runs nothing. Every group has a container called c, and those called denied and slow do not begin.
type instances struct{ begun chan func(error) }

var errDenied = &azure.Error{Code: "InaccessibleImage", Message: "The image is not accessible."}

func (i instances) Settle(group azure.ResourceID, done func(error)) {
	switch group.Name() {
	case "denied":
		done(errDenied)
	case "slow":
		i.begun <- done
	default:
		done(nil)
	}
}

func (instances) Show(_ azure.ResourceID, properties map[string]any) {
	properties["instanceView"] = map[string]any{"state": "Running"}
}

func (i instances) Start(group azure.ResourceID, done func(error)) { i.Settle(group, done) }

func (instances) Stop(context.Context, azure.ResourceID) error    { return nil }
func (instances) Restart(context.Context, azure.ResourceID) error { return nil }

func (instances) Logs(_ azure.ResourceID, container string, tail int, times bool) (string, error) {
	if container != "c" {
		return "", &azure.Error{Code: azure.CodeNotFound, Message: "no such container"}
	}
	return fmt.Sprintf("%s %d %v", container, tail, times), nil
}

// Exec says what it runs, and then what is typed, line by line and in capitals, up to a line that says end.
func (instances) Exec(ctx context.Context, group azure.ResourceID, container string, args []string, terminal io.ReadWriter) error {
	if _, err := fmt.Fprintf(terminal, "%s/%s %q\n", group.Name(), container, args); err != nil {
		return err
	}
	typed := bufio.NewScanner(terminal)
	for typed.Scan() && ctx.Err() == nil {
		if typed.Text() == "end" {
			return errors.New("a cause that no client may see")
		}
		if _, err := fmt.Fprintf(terminal, "%s\n", strings.ToUpper(typed.Text())); err != nil {
			return err
		}
	}
	return nil
}

// learner runs nothing either.
type learner struct{ instances }

func (learner) Show(_ azure.ResourceID, properties map[string]any) {
	properties["provisioningState"] = "Tried"
}
func (learner) Cancel(context.Context, azure.ResourceID) error { return nil }
func (learner) Logs(of azure.ResourceID, tail int) string {
	return fmt.Sprintf("%s %d", of.Name(), tail)
}

func newInstances(t *testing.T) (http.Handler, instances) {
	t.Helper()
	i := instances{make(chan func(error), 10)}
	return arm.New(arm.Options{Backend: fixture(t), Now: func() time.Time { return now }, Instances: i, Learning: learner{i}}), i
}

// TestWorkloads plays conversations about what runs containers.
func TestWorkloads(t *testing.T) {
	for _, name := range []string{"groups", "learning"} {
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", "instances", name+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			handler, _ := newInstances(t)
			for i, entry := range archive.Files {
				t.Run(fmt.Sprintf("%02d", i), func(t *testing.T) { exchange(t, handler, entry) })
			}
		})
	}
}

const oneContainer = `{"location": "westeurope", "properties": {"containers": [{"name": "c", "properties": {"image": "first.azurecr.io/hello:v1"}}]}}`

// TestContainerGroupOperation follows the operation of a group, as az does: a group that does not begin is an operation that
// fails, in the words of Azure.
func TestContainerGroupOperation(t *testing.T) {
	handler, i := newInstances(t)
	for _, c := range []struct {
		name, status, code string
		end                func()
	}{
		{"denied", "Failed", "InaccessibleImage", nil},
		{"slow", "InProgress", "", nil},
		{"slow", "Failed", "InaccessibleImage", func() { (<-i.begun)(errDenied) }},
		{"slow", "Succeeded", "", func() { (<-i.begun)(nil) }},
	} {
		t.Run(c.name+" "+c.status, func(t *testing.T) {
			for len(i.begun) > 0 {
				<-i.begun
			}
			put := send(handler, newRequest("owner", "PUT", expand("{aci}/")+c.name, oneContainer))
			at := put.Header().Get("Azure-AsyncOperation")
			if put.Code/100 != 2 || at == "" {
				t.Fatalf("%d %v %s", put.Code, put.Header(), put.Body)
			}
			if c.end != nil {
				c.end()
			}
			got := send(handler, newRequest("owner", "GET", strings.TrimPrefix(at, "https://management.azure.com"), ""))
			var told struct {
				Status string
				Error  struct{ Code string }
			}
			if err := json.Unmarshal(got.Body.Bytes(), &told); err != nil || told.Status != c.status || told.Error.Code != c.code {
				t.Errorf("%v, %+v; want %s %s", err, told, c.status, c.code)
			}
		})
	}
}

// TestTerminal types into the terminal of a program, with the password of its own and with others.
func TestTerminal(t *testing.T) {
	handler, _ := newInstances(t)
	server := httptest.NewServer(handler)
	defer server.Close()
	if put := send(handler, newRequest("owner", "PUT", expand("{aci}/worker"), oneContainer)); put.Code != http.StatusCreated {
		t.Fatalf("%d %s", put.Code, put.Body)
	}
	ask := func(t *testing.T, who string) (told struct{ WebSocketURI, Password string }) {
		t.Helper()
		r := newRequest(who, "POST", expand("{aci}/worker/containers/c/exec"), "Host: "+server.Listener.Addr().String()+"\n"+`{"command": "/bin/sh -l"}`)
		r.URL.Scheme, r.TLS = "", nil
		if err := json.Unmarshal(send(handler, r).Body.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		return told
	}
	open := func(t *testing.T) (*websocket.Conn, string, string) {
		t.Helper()
		told := ask(t, "owner")
		conn, err := websocket.Dial(told.WebSocketURI, "", "http://localhost")
		if err != nil {
			t.Fatalf("%s: %v", told.WebSocketURI, err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn, told.WebSocketURI, told.Password
	}
	t.Run("password", func(t *testing.T) {
		conn, at, password := open(t)
		_, _ = io.WriteString(conn, password)
		said := bufio.NewReader(conn)
		for i, want := range []string{"worker/c [\"/bin/sh\" \"-l\"]\n", "HELLO\n", "Encountered an internal server error. The emulator's log has the cause.\r\n"} {
			if got, err := said.ReadString('\n'); err != nil || got != want {
				t.Fatalf("%q, %v; want %q", got, err, want)
			}
			_, _ = io.WriteString(conn, []string{"hello\n", "end\n", ""}[i])
		}
		if _, err := websocket.Dial(at, "", "http://localhost"); err == nil {
			t.Error("a terminal is there twice")
		}
	})
	t.Run("a right that is taken meanwhile", func(t *testing.T) { // it was once enough to have had it
		assignment := expand("{g}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-4111-8111-111111111111")
		body := expand(`{"properties": {"principalId": "{nobody}", "roleDefinitionId": "/{roles}/b24988ac-6180-42a0-ab88-20f7382dd24c"}}`)
		if got := send(handler, newRequest("owner", "PUT", assignment, body)); got.Code != http.StatusCreated {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		told := ask(t, "nobody")
		if got := send(handler, newRequest("owner", "DELETE", assignment, "")); got.Code != http.StatusOK || told.WebSocketURI == "" {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		if conn, err := websocket.Dial(told.WebSocketURI, "", "http://localhost"); err == nil {
			_ = conn.Close()
			t.Error("there is a terminal")
		}
	})
	for _, wrong := range []string{"", "guess"} {
		t.Run("wrong password "+wrong, func(t *testing.T) {
			conn, _, _ := open(t)
			_ = websocket.Message.Send(conn, wrong)
			if said, err := io.ReadAll(conn); len(said) > 0 {
				t.Errorf("%q, %v", said, err)
			}
		})
	}
}

// TestTooManyGroups: a subscription has so many groups that run containers, however they come to it; those that are places count for
// nothing, and one that is there can be written again. (There once was no bound.)
func TestTooManyGroups(t *testing.T) {
	const most = 100
	handler, _ := newInstances(t)
	put := func(name, body string) int {
		return send(handler, newRequest("owner", http.MethodPut, expand("{aci}/")+name, body)).Code
	}
	const place = `{"location": "westeurope"}`
	for i := range most {
		if got := put(fmt.Sprintf("g%d", i), oneContainer); got != http.StatusCreated {
			t.Fatalf("the group %d: %d", i, got)
		}
	}
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"place", place, http.StatusCreated},
		{"one-more", oneContainer, http.StatusConflict},
		{"place", oneContainer, http.StatusConflict},
		{"g7", oneContainer, http.StatusOK},
	} {
		if got := put(c.name, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
