package identity_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/acrlocal/acrlocal/identity"
)

// A container group asks for a token of its identity; a registry checks it, and does not believe it for another
// audience.
func Example() {
	const group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerInstance/containerGroups/worker"
	worker := identity.Principal{
		ID:       "0b5f1d5e-6a0c-4c36-9d3c-5a3d0f1f2a10",
		Kind:     identity.SystemAssigned,
		ClientID: "5c1f8d0e-0000-4000-8000-000000000001",
		Resource: group,
	}
	now := func() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }
	issuer := &identity.Issuer{
		Tenant: "11111111-1111-1111-1111-111111111111",
		Keys:   identity.OpenKeys("", now),
		Now:    now,
	}

	token, err := issuer.Issue(context.Background(), worker, identity.ACR, group)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("lives for", token.Lifetime())

	claims, err := issuer.Verifier(identity.ACR).Verify(token.AccessToken)
	fmt.Println("object ID", claims.ObjectID, err)
	fmt.Println("resource ", claims.Resource())

	_, err = issuer.Verifier(identity.Graph).Verify(token.AccessToken)
	var refused *identity.VerifyError
	if errors.As(err, &refused) {
		fmt.Println("for Graph:", refused.Code)
	}
	// Output:
	// lives for 24h0m0s
	// object ID 0b5f1d5e-6a0c-4c36-9d3c-5a3d0f1f2a10 <nil>
	// resource  /subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerInstance/containerGroups/worker
	// for Graph: audience-wrong
}
