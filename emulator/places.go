package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// ErrNoIdentity reports that a place has no identity, and nobody was named instead.
var ErrNoIdentity = errors.New("the place has no identity")

// route finds a place and its way to a registry. No place is the machine itself.
func (e *Emulator) route(w *world, place, registryName string) (azure.Place, azure.Hop, error) {
	if place == "" {
		here := netip.MustParseAddr("127.0.0.1")
		return azure.Place{Name: here.String(), Address: here}, azure.Hop{Peer: here}, nil
	}
	at, err := azure.ResolvePlace(w.state, place)
	if err != nil {
		return azure.Place{}, azure.Hop{}, err
	}
	return at, azure.Route(w.state, at, registryName), nil
}

func placeStatus(at azure.Place, hop azure.Hop) PlaceStatus {
	return PlaceStatus{
		Name: at.Name, Kind: string(at.Kind), Address: hop.Peer.String(), Network: at.Network, Subnet: at.Subnet, Resource: at.Resource,
		Endpoint: hop.EndpointID, Quirk: hop.Quirk,
	}
}

// Place describes a place, and gives logins for the identity that is used there: ACR refresh tokens for every registry,
// whatever the network and its roles, so that a refusal is about the identity and not about the lack of a login. As names
// another principal; "anonymous" is nobody.
func (e *Emulator) Place(ctx context.Context, name, as string) (PlaceAnswer, error) {
	w := e.core.world.Load()
	at, hop, err := e.route(w, name, e.defaultRegistry())
	if err != nil {
		return PlaceAnswer{}, err
	}
	answer := PlaceAnswer{PlaceStatus: placeStatus(at, hop), IMDS: at.HasIMDS && at.Resource != ""}
	answer.Address, answer.Endpoint = at.Address.String(), ""
	if answer.IdentityHeader, err = e.identityHeader(ctx, at); err != nil {
		return PlaceAnswer{}, err
	}
	who, err := w.findCaller(as, at)
	if err != nil || !who.known {
		return answer, err
	}
	answer.Principal = who.principal.ID
	answer.Logins, err = e.logins(ctx, w, who)
	return answer, err
}

// logins are refresh tokens by login server. Where anybody may pull, one without a right does better without a login.
func (e *Emulator) logins(ctx context.Context, w *world, who caller) (map[string]string, error) {
	issued, err := e.issuer.Issue(ctx, who.principal, identity.ACR, who.host)
	if err != nil {
		return nil, err
	}
	tokens := map[string]string{}
	for _, d := range w.state.OfType(registryType) {
		r, ok := w.snapshot.Registry(d.ID.Name())
		if !ok || r.AnonymousPull && !w.snapshot.HasRight(gate.Request{Registry: azure.Fold(r.Name), Credential: who.credential()}) {
			continue
		}
		token, err := e.tokens.RefreshToken(ctx, azure.Fold(r.Name), issued.Claims)
		if err != nil {
			return nil, err
		}
		tokens[r.LoginServer] = token
	}
	return tokens, nil
}

// Token issues a token as no client of Azure could get it: of any principal, without its secret. It is an Entra token,
// or an ACR refresh token if a registry is named. Without a principal and a place it is the development service
// principal's.
func (e *Emulator) Token(ctx context.Context, q TokenRequest) (TokenAnswer, error) {
	w := e.core.world.Load()
	if q.Subject != "" {
		return e.federatedToken(ctx, w, q)
	}
	if q.As == "" && q.From == "" {
		q.As = azure.DevelopmentClientID
	}
	at, _, err := e.route(w, q.From, e.defaultRegistry())
	if err != nil {
		return TokenAnswer{}, err
	}
	who, err := w.findCaller(q.As, at)
	if err != nil {
		return TokenAnswer{}, err
	}
	if !who.known {
		return TokenAnswer{}, fmt.Errorf("%w: %s", ErrNoIdentity, at.Name)
	}
	issued, err := e.issuer.Issue(ctx, who.principal, orDefault(q.Audience, identity.ACR), who.host)
	if err != nil {
		return TokenAnswer{}, err
	}
	answer := TokenAnswer{Token: issued.AccessToken, Principal: who.principal.ID, ExpiresOn: issued.Claims.ExpiresAt.Unix()}
	if q.Registry == "" {
		return answer, nil
	}
	answer.Token, err = e.tokens.RefreshToken(ctx, azure.Fold(q.Registry), issued.Claims)
	return answer, err
}
