package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Fetcher fetches contexts. What it is not given, it refuses.
type Fetcher struct {
	// Transport returns what carries requests to a host, and nil for one that is outside of the emulator.
	Transport func(host string) http.RoundTripper
	// Upload opens what a client uploaded, by its relative path.
	Upload func(path string) (io.ReadCloser, error)
	// Image finds an artifact, with the logins of the run.
	Image func(ctx context.Context, reference string) (v1.Image, error)
	// Repositories are the directories of this machine below which there may be repositories for file: URLs.
	Repositories []string
	// Git is the program git; empty is the one on PATH.
	Git string
	// Scratch is a directory for repositories while they are fetched; empty is that of the system for temporary files.
	Scratch string
	// Limits bound each context.
	Limits Limits
	// Log takes a line on what is done, as ACR's engine writes it. It may be nil.
	Log func(format string, args ...any)
}

// Result is what a context came to.
type Result struct {
	// Dir is the directory below the root that is the context; "." is the root itself.
	Dir string
	// Commit and Branch are those of a repository.
	Commit, Branch string
}

// Fetch brings a context into a directory. A [Path] is that of an upload.
func (f *Fetcher) Fetch(ctx context.Context, l Location, into *os.Root) (Result, error) {
	here := Result{Dir: "."}
	switch l.Kind {
	case Path:
		return here, f.upload(ctx, l.Path, into)
	case Archive:
		f.logf("Getting context from URL")
		return here, f.archive(ctx, l.URL, into)
	case Git:
		f.logf("Getting context from Git URL")
		return f.repository(ctx, l, into)
	case Artifact:
		f.logf("Getting context from registry")
		return here, f.artifact(ctx, l.Reference, into)
	default:
		return here, nil
	}
}

func (f *Fetcher) logf(format string, args ...any) {
	if f.Log != nil {
		f.Log(format, args...)
	}
}

func (f *Fetcher) upload(ctx context.Context, path string, into *os.Root) error {
	if f.Upload == nil {
		return fmt.Errorf("%q is no upload of this emulator", path)
	}
	content, err := f.Upload(path)
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // it is only read
	return Extract(ctx, content, into, f.Limits)
}

// maxRefusal is how much of a server's answer is told, in bytes.
const maxRefusal = 1 << 10

// archive fetches a tar archive from a server, and follows it to where it is, within the emulator.
func (f *Fetcher) archive(ctx context.Context, u *url.URL, into *os.Root) error {
	client := http.Client{Transport: f}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("unable to download remote context: %w", err)
	}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("unable to download remote context: %w", withoutURL(err))
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
		return fmt.Errorf("unable to download remote context: failed to GET %s with status %s: %s", u.Redacted(), answer.Status, strings.TrimSpace(string(body)))
	}
	f.logf("Read context with status code %d", answer.StatusCode)
	f.logf("Read context of %d bytes", answer.ContentLength)
	f.logf("starting to untar context")
	if err := Extract(ctx, answer.Body, into, f.Limits); err != nil {
		return fmt.Errorf("failed to untar context: %w", err)
	}
	return nil
}

// withoutURL is an error of a client without the address, which may have a password in it.
func withoutURL(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		return at.Err
	}
	return err
}

// RoundTrip makes a Fetcher an http.RoundTripper: each request is judged by its host, also one after a redirection.
func (f *Fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	transport, err := f.transport(r.URL)
	if err != nil {
		return nil, err
	}
	return transport.RoundTrip(r)
}

func (f *Fetcher) transport(u *url.URL) (http.RoundTripper, error) {
	if f.Transport != nil && (u.Scheme == "http" || u.Scheme == "https") {
		if transport := f.Transport(u.Hostname()); transport != nil {
			return transport, nil
		}
	}
	return nil, fmt.Errorf("%s is outside this emulator: give a repository on this machine (file:///DIR#BRANCH), a folder, an artifact of a registry, or a server on this machine", u.Host)
}
