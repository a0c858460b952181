package emulator

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks"
)

// newTasks makes ACR Tasks, which work from Start on.
func (e *Emulator) newTasks() *tasks.Service {
	s := tasks.New(tasks.Options{
		Cloud: cloud{e}, Login: e.runLogin, Blobs: e.blobs, Executor: e.executor, Mirror: e.mirror, Dir: filepath.Join(e.content.dir, "runs"),
		Log: e.options.Logger,
	})
	if e.options.isPrivate() {
		servers := &http.Transport{DialContext: e.dialServer, DisableKeepAlives: true}
		s.Repositories = []string{"/"}
		s.Local = func(host string) http.RoundTripper {
			if isThisMachine(host) {
				return servers
			}
			return nil
		}
	}
	e.tasks, e.services = s, append(e.services, s)
	return s
}

// postGitHook takes what a webhook of GitHub or Azure DevOps tells, for the tasks that wait for a commit (acr-tasks §1.5). It is on
// the management listener, since whoever reaches that may start any task anyway.
func (e *Emulator) postGitHook(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	started, err := e.tasks.Webhook(r.Context(), r.Header, body)
	return map[string]int{"started": started}, err
}

// isPrivate reports whether this machine alone reaches the emulator. Otherwise the sources of runs are none of its files and
// servers, since anybody can schedule runs.
func (o Options) isPrivate() bool {
	for _, address := range append([]string{o.Listen, o.Manage}, o.ListenAlso...) {
		if host, _, err := net.SplitHostPort(address); err != nil || !isThisMachine(host) {
			return false
		}
	}
	return len(o.RegistryListen)+len(o.Attach) == 0
}

// isThisMachine reports whether a host can be nothing else.
func isThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

// dialServer connects to a server of this machine from which the source of a run may come. The emulator's own listeners are
// none: what a run wants of them, it asks as the place that it is.
func (e *Emulator) dialServer(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(c.RemoteAddr().String())
	own := func(d door) bool { return portOf(d.listener.Addr()) == to.Port() }
	if err != nil || !to.Addr().Unmap().IsLoopback() || slices.ContainsFunc(e.listeners.doors, own) {
		_ = c.Close()
		return nil, fmt.Errorf("%s is outside this emulator", address)
	}
	return c, nil
}

// mirror finds an image that no registry here has. Mirrors that are registries are asked with pull, as whoever needs the image.
func (e *Emulator) mirror(ctx context.Context, reference string, platform *v1.Platform, pull agent.Pull) (v1.Image, error) {
	return e.mirrors.With(pull).Resolve(ctx, reference, platform)
}

// runLogin is the credential with which a run logs in to its own registry by default.
func (e *Emulator) runLogin(ctx context.Context, id azure.ResourceID, pass string) (agent.Credential, error) {
	token, err := e.tokens.RunToken(ctx, id.Name(), pass)
	return agent.RefreshToken(token), err
}
