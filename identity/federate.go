package identity

import (
	"context"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// federatedLifetime is how long a token for a federated credential is good; that of Kubernetes' projected tokens.
const federatedLifetime = time.Hour

// Federate makes a token as another issuer would: a cluster, a build service. An [Endpoint] takes it as one of that issuer,
// where a federated credential names it and no keys of its own are configured. Whoever may call this decides who is
// believed, so that it belongs on no endpoint of Azure's. The error is that of [Keys.Sign].
func (i *Issuer) Federate(ctx context.Context, issuer, subject, audience string) (string, error) {
	now := clock(i.Now)
	return i.Keys.Sign(ctx, jwt.RegisteredClaims{
		Issuer: issuer, Subject: subject, Audience: jwt.ClaimStrings{audience}, ID: tokenID(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(federatedLifetime)),
	})
}
