package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/registry"
	"github.com/acrlocal/acrlocal/gate"
)

// RefreshTokenUser is the user name that goes with an ACR refresh token as password (acr-behaviour §4.1).
const RefreshTokenUser = registry.RefreshTokenUser

// Session acts from a place of the imagined network as a principal. It is an http.RoundTripper whose requests go
// through the emulator's own proxy, by real host names, as any client's would.
type Session struct {
	e         *Emulator
	place, as string
	transport *http.Transport

	mu      sync.Mutex
	refused refused
}

// refused is a decision that was not to allow.
type refused struct {
	id string
	// challenge says that it asks for a credential, which a client may answer.
	challenge bool
}

// errNotStarted reports the use of an emulator that has no addresses yet.
var errNotStarted = errors.New("the emulator has not been started")

// Session begins to act from a place. The principal is named as in ExplainRequest.As; empty is the identity of the
// place. The emulator must have been started.
func (e *Emulator) Session(place, as string) (*Session, error) {
	if e.listeners.manage == nil {
		return nil, errNotStarted
	}
	pem, err := e.ca.PEM()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the certificate authority cannot be read")
	}
	proxy := &url.URL{Scheme: "http", Host: clientAddress(e.listeners.manage), User: url.UserPassword(place, "-")}
	return &Session{e: e, place: place, as: as, transport: &http.Transport{
		Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}, nil
}

// Close drops the session's idle connections.
func (s *Session) Close() { s.transport.CloseIdleConnections() }

// RoundTrip sends a request from the place.
func (s *Session) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if fields := strings.Split(response.Header.Get("X-Acrlocal-Decision"), "; "); len(fields) > 1 {
		s.note(fields[0], fields[1])
	}
	return response, nil
}

// note notes a decision. A challenge that was answered is no refusal.
func (s *Session) note(id, verdict string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case verdict != gate.Allow.String():
		s.refused = refused{id: id, challenge: verdict == gate.Challenge.String()}
	case s.refused.challenge:
		s.refused = refused{}
	}
}

// begin forgets what was refused to an earlier attempt.
func (s *Session) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = refused{}
}

// Refused returns the decision by which the last pull or push was refused, or, where the session is used as an
// http.RoundTripper, the last decision that was not to allow. A challenge that the client answered is none.
func (s *Session) Refused() (DecisionEntry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.e.Decision(s.refused.id)
	return d, err == nil
}

// Login exchanges the principal's Entra token for an ACR refresh token, as az acr login does. The error is an
// *ExchangeError if the registry refuses. A place without an identity gives the empty token.
func (s *Session) Login(ctx context.Context, loginServer string) (string, error) {
	token, err := s.e.Token(ctx, TokenRequest{From: s.place, As: s.as})
	if errors.Is(err, ErrNoIdentity) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {loginServer}, "access_token": {token.Token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+loginServer+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	return readRefreshToken(response)
}

// ExchangeError is a registry's refusal to exchange a token.
type ExchangeError struct {
	// Status is the HTTP status.
	Status int
	// Body is what the registry said.
	Body string
}

// Error says what the registry said.
func (e *ExchangeError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

func readRefreshToken(response *http.Response) (string, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxQuestion))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", &ExchangeError{Status: response.StatusCode, Body: strings.TrimSpace(string(body))}
	}
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	err = json.Unmarshal(body, &answer)
	return answer.RefreshToken, err
}

// Options are what go-containerregistry needs to act in the session: the transport, and the login to the registry.
func (s *Session) Options(ctx context.Context, loginServer string) ([]remote.Option, error) {
	refresh, err := s.Login(ctx, loginServer)
	if err != nil {
		return nil, err
	}
	auth := authn.Anonymous
	if refresh != "" {
		auth = &authn.Basic{Username: RefreshTokenUser, Password: refresh}
	}
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(s), remote.WithAuth(auth)}, nil
}

// Pull logs in and pulls an image with all its layers.
func (s *Session) Pull(ctx context.Context, reference string) (v1.Image, error) {
	s.begin()
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	options, err := s.Options(ctx, ref.Context().RegistryStr())
	if err != nil {
		return nil, err
	}
	image, err := remote.Image(ref, options...)
	if err != nil {
		return nil, err
	}
	return image, readLayers(image)
}

// readLayers reads every layer to its end, by which its digest is verified.
func readLayers(image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Push logs in and pushes an image.
func (s *Session) Push(ctx context.Context, reference string, image v1.Image) error {
	s.begin()
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	options, err := s.Options(ctx, ref.Context().RegistryStr())
	if err != nil {
		return err
	}
	return remote.Write(ref, image, options...)
}

// direct sends requests to the emulator itself; a proxy of the environment has no business with them.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// apiVersion is the api-version of the emulator's own calls to ARM.
const apiVersion = "2025-06-01-preview"

// ARM calls Azure Resource Manager as the development service principal, which owns the subscription: method is GET,
// PUT, PATCH, POST or DELETE, body a document or nil. The answer is read into answer, unless that is nil. A resource ID may have
// a query behind it, with another api-version than 2025-06-01-preview.
func (e *Emulator) ARM(ctx context.Context, method, resourceID string, body, answer any) error {
	token, err := e.Token(ctx, TokenRequest{As: azure.DevelopmentClientID, Audience: "https://management.azure.com/"})
	if err != nil {
		return err
	}
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	if !strings.Contains(resourceID, "?") {
		resourceID += "?api-version=" + apiVersion
	}
	r, err := http.NewRequestWithContext(ctx, method, e.Endpoints().Service+resourceID, bytes.NewReader(content))
	if err != nil {
		return err
	}
	r.Host = "management.azure.com"
	r.Header.Set("Authorization", "Bearer "+token.Token)
	r.Header.Set("Content-Type", "application/json")
	response, err := direct.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 64*maxQuestion))
	switch {
	case err != nil:
		return err
	case response.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %s: %s", method, resourceID, response.Status, data)
	case answer == nil || len(data) == 0:
		return nil
	}
	return json.Unmarshal(data, answer)
}
