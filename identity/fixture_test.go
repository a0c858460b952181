package identity

import (
	"context"
	"crypto/rsa"
	"errors"
	"sync"
	"testing"
	"time"
)

const (
	tenant      = "11111111-1111-1111-1111-111111111111"
	otherTenant = "22222222-2222-2222-2222-222222222222"

	group    = "/subscriptions/s/resourceGroups/g/providers/"
	worker   = group + "Microsoft.ContainerInstance/containerGroups/worker"
	jumpbox  = group + "Microsoft.Compute/virtualMachines/jumpbox"
	builder  = group + "Microsoft.ManagedIdentity/userAssignedIdentities/builder"
	deployer = group + "Microsoft.ManagedIdentity/userAssignedIdentities/deployer"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// The people and programs of the tests.
var (
	alice = Principal{
		ID: "oid-alice", Kind: User, DisplayName: "Alice", UserName: "alice@example.com", Groups: []string{"oid-devs"},
	}
	devs         = Principal{ID: "oid-devs", Kind: Group, DisplayName: "devs"}
	pipeline     = Principal{ID: "oid-pipeline", Kind: ServicePrincipal, ClientID: "app-pipeline", Secrets: []Secret{{Value: "old"}, {Value: "s3cret+/ %"}}}
	defender     = Principal{ID: "oid-defender", Kind: FirstParty, ClientID: "app-defender", Secrets: []Secret{{Value: "s"}}}
	workerSystem = Principal{ID: "oid-worker", Kind: SystemAssigned, ClientID: "app-worker", Resource: worker}
	builderID    = Principal{ID: "oid-builder", Kind: UserAssigned, ClientID: "app-builder", Resource: builder, Hosts: []string{jumpbox, worker}}
	deployerID   = Principal{ID: "oid-deployer", Kind: UserAssigned, ClientID: "app-deployer", Resource: deployer, Hosts: []string{worker}}

	everybody = StaticDirectory{alice, devs, pipeline, defender, workerSystem, builderID, deployerID}
)

// rsaKeys are made once: making one is the slow part of every test here.
var rsaKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	var made sync.WaitGroup
	for i := range keys {
		made.Go(func() { keys[i], _ = generateKey() })
	}
	made.Wait()
	return keys
})

// supply hands out the made keys by number, one a call, and then fails.
func supply(numbers ...int) func() (*rsa.PrivateKey, error) {
	return func() (*rsa.PrivateKey, error) {
		if len(numbers) == 0 {
			return nil, errors.New("out of entropy")
		}
		next := numbers[0]
		numbers = numbers[1:]
		return rsaKeys()[next], nil
	}
}

// testClock is a clock that its test moves.
type testClock struct{ time.Time }

func (c *testClock) Now() time.Time { return c.Time }

func (c *testClock) advance(d time.Duration) { c.Time = c.Add(d) }

// newIssuer is a tenant at noon whose signing key is number 0, and number 1 after a rotation.
func newIssuer() (*Issuer, *testClock) {
	at := &testClock{noon}
	return &Issuer{Tenant: tenant, Keys: openKeys("", at.Now, supply(0, 1)), Now: at.Now}, at
}

func mustIssue(t testing.TB, i *Issuer, p Principal, audience, host string) Token {
	t.Helper()
	token, err := i.Issue(context.Background(), p, audience, host)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
