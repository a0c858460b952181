package imports

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// transfer is an import being carried out.
type transfer struct {
	Request
	source, target end
	image          name.Reference    // in the source
	from           origin            // where it is read
	names          []name.Tag        // that the image gets in the target
	untagged       []name.Repository // that get the image without a tag
	repositories   []name.Repository // all of them, once
	progress
}

// end is a registry as one end of a transfer.
type end struct {
	// registry is its resource ID; of a source that was named by its address, the address.
	registry string
	puller   *remote.Puller
	pusher   *remote.Pusher
}

// refuse notes which registry an error came from, unless that is known.
func (e end) refuse(err error) error {
	if _, known := errors.AsType[*refusal](err); known || err == nil {
		return err
	}
	return &refusal{e.registry, err}
}

// open logs in at both ends. The target comes first, as it does for ACR: what is wrong there is said first.
func (s *Service) open(ctx context.Context, worker *agent.Agent, r Request) (*transfer, error) {
	t := &transfer{Request: r}
	into := azure.LoginServer(r.Target.Name())
	login, err := worker.Exchange(ctx, into, agent.Identity{Resource: azure.ServiceImport})
	t.target.registry = r.Target.String()
	if err != nil {
		return nil, t.target.refuse(err)
	}
	if err := t.target.connect(worker.Remote(ctx, agent.Keychain{azure.Fold(into): login})); err != nil {
		return nil, err
	}
	from, logins, err := t.openSource(ctx, worker)
	if err != nil {
		return nil, t.source.refuse(err)
	}
	if err := t.source.connect(worker.Remote(ctx, logins)); err != nil {
		return nil, err
	}
	if err := t.resolve(from, into); err != nil {
		return nil, err
	}
	return t, s.choose(ctx, worker, t)
}

func (e *end) connect(options []remote.Option) (err error) {
	if e.puller, err = remote.NewPuller(options...); err == nil {
		e.pusher, err = remote.NewPusher(options...)
	}
	return err
}

// openSource finds the host and the login of the source. Credentials that were given are used, and judged, as anybody's.
func (t *transfer) openSource(ctx context.Context, worker *agent.Agent) (host string, logins agent.Keychain, err error) {
	host, t.source.registry = t.Host, t.Host
	if !t.Source.IsZero() {
		host, t.source.registry = azure.LoginServer(t.Source.Name()), t.Source.String()
	}
	login := agent.Credential{User: t.User, Password: t.Password}
	switch {
	case login.User != "":
	case login.Password != "":
		login, err = exchangeToken(ctx, worker, host, login.Password)
	case !t.Source.IsZero():
		login, err = worker.Exchange(ctx, host, agent.Identity{Resource: azure.ServiceImport})
	default:
		return host, nil, nil
	}
	return host, agent.Keychain{azure.Fold(host): login}, err
}

// exchangeToken makes a login of a password without a user: an Entra token, or what the registry itself gave for one.
func exchangeToken(ctx context.Context, worker *agent.Agent, host, token string) (agent.Credential, error) {
	login, err := worker.ExchangeToken(ctx, host, token)
	if said, ok := errors.AsType[*agent.ExchangeError](err); ok && !strings.HasPrefix(said.Status, "403") {
		return agent.RefreshToken(token), nil
	}
	return login, err
}

// latest is the tag of what is named without one.
const latest = "latest"

// resolve finds what the image is called in the source and will be called in the target. A target without a tag gets the
// source's, or latest, as the API's specification has it.
func (t *transfer) resolve(from, into string) (err error) {
	if t.image, err = name.ParseReference(from+"/"+t.Image, name.WithDefaultTag(latest)); err != nil {
		return err
	}
	repository, tag := t.image.Context().RepositoryStr(), latest
	if tagged, ok := t.image.(name.Tag); ok {
		tag = tagged.TagStr()
	}
	wanted := t.Tags
	if len(wanted)+len(t.Repositories) == 0 {
		wanted = []string{repository + ":" + tag}
	}
	registry, err := name.NewRegistry(into)
	if err != nil {
		return err
	}
	for _, one := range wanted {
		in, as, tagged := strings.Cut(one, ":")
		if !tagged {
			as = tag
		}
		t.names = append(t.names, registry.Repo(in).Tag(as))
		t.repositories = append(t.repositories, registry.Repo(in))
	}
	for _, in := range t.Request.Repositories {
		t.untagged = append(t.untagged, registry.Repo(in))
	}
	t.repositories = unique(append(t.repositories, t.untagged...))
	return nil
}

// unique drops what is named again.
func unique(all []name.Repository) []name.Repository {
	slices.SortFunc(all, func(a, b name.Repository) int { return strings.Compare(a.Name(), b.Name()) })
	return slices.Compact(all)
}

// run copies: content, then the manifests that an index names, then the image itself, tags last.
func (t *transfer) run(ctx context.Context) error {
	if err := t.checkFree(ctx); err != nil {
		return err
	}
	found, err := t.read(ctx)
	if err != nil {
		return err
	}
	t.progress = progress{total: found.bytes() * int64(len(t.repositories)), tell: t.Progress}
	for _, into := range t.repositories {
		if err := t.write(ctx, found, into); err != nil {
			return err
		}
	}
	if err := t.checkFree(ctx); err != nil { // it took its time
		return err
	}
	image := found.root()
	for _, tag := range t.names {
		if err := t.target.pusher.Put(ctx, tag, image); err != nil {
			return t.target.refuse(err)
		}
	}
	for _, in := range t.untagged {
		if err := t.target.pusher.Put(ctx, in.Digest(image.digest.String()), image); err != nil {
			return t.target.refuse(err)
		}
	}
	return nil
}

// checkFree refuses to move a tag that is there, unless that was asked for.
func (t *transfer) checkFree(ctx context.Context) error {
	if t.Force {
		return nil
	}
	for _, tag := range t.names {
		_, err := t.target.puller.Head(ctx, tag)
		if missing, ok := errors.AsType[*transport.Error](err); ok && missing.StatusCode == http.StatusNotFound {
			continue
		}
		if err != nil {
			return t.target.refuse(err)
		}
		return errExists.of(t.Request, tag.RepositoryStr()+":"+tag.TagStr())
	}
	return nil
}
