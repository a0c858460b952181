package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// credentials are what a run logs in with (acr-tasks §1.3).
type credentials struct {
	SourceRegistry struct {
		LoginMode string `json:"loginMode"`
		Identity  string `json:"identity"`
	} `json:"sourceRegistry"`
	CustomRegistries map[string]*customRegistry `json:"customRegistries"`
}

// customRegistry is a login of the task's own: by an identity, or by user name and password.
type customRegistry struct {
	Identity string `json:"identity"`
	UserName secret `json:"userName"`
	Password secret `json:"password"`
}

type secret struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// The words for identities in credentials.
const (
	systemIdentity = "[system]"
	callerIdentity = "[caller]"
	noIdentity     = "none"
)

// hosts are the registries of the run's own logins, sorted.
func (c credentials) hosts() []any {
	var hosts []any
	for _, host := range slices.Sorted(maps.Keys(c.CustomRegistries)) {
		hosts = append(hosts, host)
	}
	return hosts
}

// resolveLogins gets the logins of a run, before any step: whoever is refused here fails at once. The names of the
// registries are sorted, so that logs are alike.
func (r *run) resolveLogins(ctx context.Context) error {
	if r.logins != nil {
		return nil
	}
	if err := r.resolveAll(ctx); err != nil {
		return fmt.Errorf("failed to unmarshal task before running: failed to resolve secrets: %w", err)
	}
	for _, login := range r.logins {
		r.log.hide(login.Password)
	}
	return nil
}

func (r *run) resolveAll(ctx context.Context) error {
	r.logins = agent.Keychain{}
	if err := r.resolveOwn(ctx); err != nil {
		return err
	}
	for _, host := range slices.Sorted(maps.Keys(r.Credentials.CustomRegistries)) {
		given := r.Credentials.CustomRegistries[host]
		if given == nil {
			continue
		}
		login, err := r.resolve(ctx, host, given)
		if err != nil {
			return err
		}
		r.logins[azure.Fold(host)] = login
	}
	return nil
}

// resolveOwn gets the login to the run's own registry. By default it is the service's: it is not an identity's, and so
// passes no firewall.
func (r *run) resolveOwn(ctx context.Context) (err error) {
	own, host := r.Credentials.SourceRegistry, azure.Fold(r.loginServer())
	switch {
	case own.Identity == noIdentity, own.Identity == "" && azure.Fold(own.LoginMode) == noIdentity:
		return nil
	case own.Identity != "":
		r.logins[host], err = r.exchange(ctx, host, own.Identity)
	default:
		r.logins[host], err = r.s.Login(ctx, r.registry, r.pass)
	}
	return err
}

// letPass makes the pass of a run that begins: what it is given in its own name is good as long as that is known.
func (s *Service) letPass() (pass string) {
	pass = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passes[pass] = true
	return pass
}

func (s *Service) stopPassing(pass string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.passes, pass)
}

// Running reports whether the run with a pass goes on.
func (s *Service) Running(pass string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passes[pass]
}

func (r *run) resolve(ctx context.Context, host string, c *customRegistry) (agent.Credential, error) {
	for _, given := range []secret{c.UserName, c.Password} {
		if given.Type != "" && azure.Fold(given.Type) != "opaque" {
			return agent.Credential{}, fmt.Errorf("the credentials for %s are in a key vault, which this emulator has none of; give user name and password, or an identity", host)
		}
	}
	if c.Identity != "" && c.Password.Value == "" {
		return r.exchange(ctx, host, c.Identity)
	}
	return agent.Credential{User: c.UserName.Value, Password: c.Password.Value}, nil
}

// exchange gets a login by an identity of the task: its own, or a user-assigned one by its client ID.
func (r *run) exchange(ctx context.Context, host, identity string) (agent.Credential, error) {
	as, err := r.findIdentity(identity)
	if err != nil {
		return agent.Credential{}, err
	}
	return r.agent.Exchange(ctx, host, as)
}

func (r *run) findIdentity(identity string) (agent.Identity, error) {
	if identity == callerIdentity {
		return agent.Identity{}, errors.New("a run cannot log in as its caller here; give the task an identity")
	}
	if r.host.IsZero() {
		return agent.Identity{}, fmt.Errorf("failed to get token: the run has no identity %s, since it is of no task", identity)
	}
	state := r.s.Cloud.State()
	d, err := r.hostIn(state)
	if err != nil {
		return agent.Identity{}, fmt.Errorf("failed to get token: %w", err)
	}
	has, err := azure.ReadManagedIdentity(*d)
	if err != nil {
		return agent.Identity{}, err
	}
	if identity == systemIdentity && has.System {
		return agent.Identity{Resource: d.ID.String()}, nil
	}
	for _, id := range has.UserAssigned {
		if user, ok := state.Get(id.Key()); ok && clientID(user) == azure.Fold(identity) {
			return agent.Identity{Resource: user.ID.String(), Host: d.ID.String()}, nil
		}
	}
	return agent.Identity{}, fmt.Errorf("failed to get token: Identity not found: %s is not assigned to %s", identity, d.ID.Name())
}

func clientID(d *azure.Document) string {
	return azure.Fold(textOf(properties(d)["clientId"]))
}

// maxLogins is how often a login is tried (acb: once, and three times more).
const maxLogins = 4

// logIn logs in to every registry, as docker login does.
func (r *run) logIn(ctx context.Context) error {
	for _, host := range slices.Sorted(maps.Keys(r.logins)) {
		r.log.printf("Logging in to registry: %s", host)
		err := r.tryLogin(ctx, host)
		if err != nil {
			return fmt.Errorf("failed to login, ran out of retries: failed to set docker credentials: %w\n: exit status 1", err)
		}
		r.log.printf("Successfully logged into %s", host)
	}
	return nil
}

func (r *run) tryLogin(ctx context.Context, host string) (err error) {
	for attempt := range maxLogins {
		if attempt > 0 {
			if stopped := r.wait(ctx, backoff(attempt-1)); stopped != nil {
				return stopped
			}
		}
		if err = r.agent.Login(ctx, host, r.logins[host]); err == nil {
			return nil
		}
	}
	return err
}
