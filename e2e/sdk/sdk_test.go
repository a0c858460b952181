package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
)

const (
	subscription = "acac10ca-2000-4000-8000-000000000001"
	group        = "acrlocal"
	groupID      = "/subscriptions/" + subscription + "/resourceGroups/" + group
	inside       = "203.0.113.7" // an address that the rules of myregistry let in
)

// judge is the SDK at a place: its transport leads there, everything else is as it comes.
type judge struct {
	*emulatortest.Emulator
	transport  policy.Transporter
	credential azcore.TokenCredential
}

// newJudge starts an emulator that knows the real time, which the SDK asks of nobody, and logs in as the owner.
func newJudge(t *testing.T) *judge {
	t.Helper()
	e := start(t)
	j := &judge{Emulator: e, transport: at(e, inside)}
	ends := e.Endpoints()
	credential, err := azidentity.NewClientSecretCredential(ends.TenantID, ends.ClientID, ends.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: j.options()})
	if err != nil {
		t.Fatal(err)
	}
	j.credential = credential
	return j
}

// TestMain gives all tests the same signing keys: the SDK keeps the tokens of managed identities for all that run in one
// process, and would come to one emulator with the tokens of another.
func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "acrlocal-sdk-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "sdk:", err)
		os.Exit(1)
	}
	os.Setenv(stateVariable, directory)
	code := m.Run()
	os.RemoveAll(directory)
	os.Exit(code)
}

const stateVariable = "SDK_TEST_STATE"

func start(t *testing.T, seeds ...emulator.Seed) *emulatortest.Emulator {
	t.Helper()
	return emulatortest.StartWith(t, emulator.Options{Now: time.Now, State: os.Getenv(stateVariable), Seeds: seeds})
}

// at is the way from a place.
func at(e *emulatortest.Emulator, place string) *http.Client {
	return &http.Client{Transport: e.At(place)}
}

// options are the SDK's own, with no wait between its attempts.
func (j *judge) options() policy.ClientOptions {
	return policy.ClientOptions{Transport: j.transport, Retry: policy.RetryOptions{MaxRetries: -1}}
}

func (j *judge) arm() *arm.ClientOptions { return &arm.ClientOptions{ClientOptions: j.options()} }

// client makes one of the SDK's clients, all of which are made alike.
func client[C any](t *testing.T, j *judge, create func(string, azcore.TokenCredential, *arm.ClientOptions) (C, error)) C {
	t.Helper()
	c, err := create(subscription, j.credential, j.arm())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// done waits for what the SDK calls a long-running operation, as its users do.
func done[T any](p *runtime.Poller[T], err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return p.PollUntilDone(context.Background(), nil)
}

// all reads every page.
func all[T any](t *testing.T, p *runtime.Pager[T]) []T {
	t.Helper()
	var pages []T
	for p.More() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
	}
	return pages
}

// must ends the test at an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// kept fails unless everything that was sent is in what came back, both as the SDK's types write themselves.
func kept(t *testing.T, sent, got any) {
	t.Helper()
	for _, lost := range missing("", plain(t, sent), plain(t, got)) {
		t.Error(lost)
	}
}

func plain(t *testing.T, value any) any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// missing lists what of one value another lacks. Regions may be spelled in both ways.
func missing(path string, sent, got any) []string {
	var lost []string
	switch s := sent.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name, value := range s {
			lost = append(lost, missing(path+"."+name, value, g[name])...)
		}
		return lost
	case []any:
		g, _ := got.([]any)
		if len(g) != len(s) {
			return []string{fmt.Sprintf("%s: sent %d items, got %v", path, len(s), got)}
		}
		for i := range s {
			lost = append(lost, missing(fmt.Sprintf("%s[%d]", path, i), s[i], g[i])...)
		}
		return lost
	}
	if !reflect.DeepEqual(sent, got) && !(strings.HasSuffix(path, ".location") && got == "westeurope") {
		lost = append(lost, fmt.Sprintf("%s: sent %v, got %v", path, sent, got))
	}
	return lost
}

// refused checks the SDK's own error.
func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var response *azcore.ResponseError
	switch {
	case !errors.As(err, &response):
		t.Errorf("error %v; want %d %s", err, status, code)
	case response.StatusCode != status || response.ErrorCode != code:
		t.Errorf("refused with %d %s; want %d %s", response.StatusCode, response.ErrorCode, status, code)
	}
}

func id(kind, name string) *string { return to.Ptr(groupID + "/providers/" + kind + "/" + name) }
