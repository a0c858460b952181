package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Keychain are logins by registry host, folded. A registry without one is asked as nobody.
type Keychain map[string]Credential

// Resolve finds the login of a registry; it makes a Keychain an authn.Keychain.
func (k Keychain) Resolve(of authn.Resource) (authn.Authenticator, error) {
	c, found := k[azure.Fold(of.RegistryStr())]
	if !found {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: c.User, Password: c.Password}, nil
}

// Remote are the options with which go-containerregistry acts as the agent.
func (a *Agent) Remote(ctx context.Context, logins Keychain) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(a), remote.WithAuthFromKeychain(logins), remote.WithRetryPredicate(never)}
}

// never keeps a request that failed from being sent again: whoever works for a service knows how often it tries.
func never(error) bool { return false }

// Pull returns an image. Its layers are read when they are asked for, so that the context has to last as long. A refusal is
// a *DaemonError.
func (a *Agent) Pull(ctx context.Context, reference string, platform *v1.Platform, logins Keychain) (v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	options := a.Remote(ctx, logins)
	if platform != nil {
		options = append(options, remote.WithPlatform(*platform))
	}
	image, err := remote.Image(ref, options...)
	if err != nil {
		return nil, PullError(ref, err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, PullError(ref, err)
	}
	if size := manifest.Config.Size; size > maxConfig {
		return nil, &DaemonError{Method: "Get", URL: urlOf(ref, "blobs", manifest.Config.Digest.String()), Message: fmt.Sprintf("the configuration has %d bytes, at most %d are read", size, maxConfig)}
	}
	return image, nil
}

// maxConfig is the largest configuration of an image that is pulled, in bytes: it is anybody's, and read into memory.
const maxConfig = 8 << 20

// urlOf is the address of something in a registry.
func urlOf(ref name.Reference, kind, id string) string {
	return fmt.Sprintf("https://%s/v2/%s/%s/%s", ref.Context().RegistryStr(), ref.Context().RepositoryStr(), kind, id)
}

// Pull pulls an image of a registry of this emulator, as whoever needs it. A nil platform is that of this machine.
type Pull func(ctx context.Context, reference string, platform *v1.Platform) (v1.Image, error)

// Mirror returns an image that no registry of this emulator has, by the name under which people know it; a nil platform is that of
// this machine. Where a registry here has the image in that one's place, it is asked with pull: mirrors are no way around the gate.
// The error is for people.
type Mirror func(ctx context.Context, reference string, platform *v1.Platform, pull Pull) (v1.Image, error)

// DaemonError is a registry's refusal in the words of the Docker engine, which several services of Azure show
// (acr-behaviour §2.1).
type DaemonError struct {
	// Method and URL are the request that was refused, as the engine writes it: Get or Head.
	Method, URL string
	// Code is the registry's, such as DENIED; empty if it gave none.
	Code string
	// Message is the registry's, or whatever else is known.
	Message string
}

// Error says it as the engine does.
func (e *DaemonError) Error() string {
	said := e.Message
	if e.Code != "" {
		said = words(e.Code) + ": " + e.Message
	}
	return fmt.Sprintf("Error response from daemon: %s %q: %s", e.Method, e.URL, said)
}

// NotFoundError says that a registry has no such image, in the engine's words.
type NotFoundError struct {
	// Reference is the image that was asked for.
	Reference string
	// Message is the registry's.
	Message string
}

// Error says it as the engine does.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("Error response from daemon: manifest for %s not found: manifest unknown: %s", e.Reference, e.Message)
}

// PullError puts what a pull ended with into the engine's words.
func PullError(ref name.Reference, err error) error {
	code, message := "", err.Error()
	if refused, ok := errors.AsType[*transport.Error](err); ok && len(refused.Errors) > 0 {
		code, message = string(refused.Errors[0].Code), refused.Errors[0].Message
	}
	if code == string(transport.ManifestUnknownErrorCode) || code == string(transport.NameUnknownErrorCode) {
		return &NotFoundError{Reference: ref.Name(), Message: message}
	}
	return &DaemonError{Method: "Head", URL: urlOf(ref, "manifests", ref.Identifier()), Code: code, Message: message}
}

// Push pushes an image or an index, with all that it needs. A refusal is in the engine's words, which name no request.
func (a *Agent) Push(ctx context.Context, ref name.Reference, content remote.Taggable, logins Keychain) error {
	options := a.Remote(ctx, logins)
	var err error
	switch content := content.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, content, options...)
	case v1.Image:
		err = remote.Write(ref, content, options...)
	default:
		err = remote.Put(ref, content, options...)
	}
	if refused, ok := errors.AsType[*transport.Error](err); ok && refused.Request != nil && refused.Request.Method == http.MethodHead {
		// The answer to HEAD has no body. What the registry has to say, it says to GET.
		if _, said := remote.Get(ref, options...); said != nil {
			err = said
		}
	}
	return pushError(err)
}

func pushError(err error) error {
	refused, ok := errors.AsType[*transport.Error](err)
	if !ok || len(refused.Errors) == 0 {
		return err
	}
	return fmt.Errorf("%s: %s", words(string(refused.Errors[0].Code)), refused.Errors[0].Message)
}

// words is an error code as the engine writes it.
func words(code string) string { return strings.ReplaceAll(strings.ToLower(code), "_", " ") }
