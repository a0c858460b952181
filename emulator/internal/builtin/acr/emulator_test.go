package acr_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin/acr"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

const (
	server   = "myregistry.azurecr.io"
	allowed  = "203.0.113.7"
	stranger = "198.51.100.9"

	// developer is the development identity, which is Owner.
	developer = "acac10ca-3000-4000-8000-000000000001"
	secret    = "acrlocal-development-secret"
)

// acrAt runs acr at a place with a refresh token, and returns what it prints and its exit code.
func acrAt(t *testing.T, e *emulatortest.Emulator, place *emulatortest.Place, token string, args ...string) (string, int) {
	t.Helper()
	home := t.TempDir()
	login := base64.StdEncoding.EncodeToString([]byte(emulator.RefreshTokenUser + ":" + token))
	config, err := json.Marshal(map[string]any{"auths": map[string]any{server: map[string]string{"auth": login}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := acr.RunAt(t.Context(), program.Process{
		Args: append([]string{"acr"}, args...), Dir: home, Env: []string{"DOCKER_CONFIG=" + home},
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
	}, place, e.Clock.Now)
	return out.String(), code
}

func login(t *testing.T, place *emulatortest.Place) string {
	t.Helper()
	token, err := place.Login(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestPurge purges a registry of the emulator, through its gate.
func TestPurge(t *testing.T) {
	e := emulatortest.Start(t, "")
	owner := e.At(allowed).As(developer)
	for _, tag := range []string{"v2", "v3", "keep"} {
		image, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		owner.MustPush(server+"/hello:"+tag, image)
		e.Clock.Advance(time.Hour)
	}
	lock(t, owner, "v2")
	purge := []string{"purge", "--filter", "hello:^(?!keep).*", "--ago", "90m", "--concurrency", "1"}
	token := login(t, owner)

	t.Run("from an address that is not allowed", func(t *testing.T) {
		out, code := acrAt(t, e, e.At(stranger), token, purge...)
		if code != 1 || !strings.Contains(out, "GetAcrAccessToken") || !strings.Contains(out, `"code":"DENIED"`) || !strings.Contains(out, "Status=403") {
			t.Errorf("%d\n%s", code, out)
		}
	})
	t.Run("with AcrPull alone", func(t *testing.T) {
		worker := e.At("containerGroups/worker")
		out, code := acrAt(t, e, worker, login(t, worker), purge...)
		if code != 1 || !strings.Contains(out, `insufficient permissions to purge tags for repository "hello"`) {
			t.Errorf("%d\n%s", code, out)
		}
	})
	t.Run("dry", func(t *testing.T) {
		out, code := acrAt(t, e, owner, token, append(purge, "--dry-run", "--untagged")...)
		if code != 0 || !strings.Contains(out, "Would delete: "+server+"/hello:v3\n") || !strings.Contains(out, "Number of tags to be deleted: 2\n") {
			t.Errorf("%d\n%s", code, out)
		}
	})
	t.Run("locked ones stay", func(t *testing.T) {
		out, code := acrAt(t, e, owner, token, append(purge, "--untagged")...)
		if code != 0 || strings.Contains(out, "hello:v2") || !strings.Contains(out, "Deleted "+server+"/hello:v3\n") || !strings.Contains(out, "Number of deleted tags: 2\nNumber of deleted manifests: 2\n") {
			t.Errorf("%d\n%s", code, out)
		}
		tags, _ := acrAt(t, e, owner, token, "tag", "list", "--repository", "hello")
		if want := "Listing tags for the \"hello\" repository:\n" + server + "/hello:keep\n" + server + "/hello:v2\n"; tags != want {
			t.Errorf("%s\nwant %s", tags, want)
		}
	})
	t.Run("unless they are included", func(t *testing.T) {
		out, code := acrAt(t, e, owner, token, append(purge, "--include-locked")...)
		if code != 0 || !strings.Contains(out, "Unlocked "+server+"/hello:v2\nDeleted "+server+"/hello:v2\n") {
			t.Errorf("%d\n%s", code, out)
		}
	})
	t.Run("with a token that has ended", func(t *testing.T) {
		e.Clock.Advance(4 * time.Hour)
		out, code := acrAt(t, e, owner, token, purge...)
		if code != 1 || !strings.Contains(out, "acr.BaseClient#GetAcrAccessToken: Failure responding to request: StatusCode=401") {
			t.Errorf("%d\n%s", code, out)
		}
	})
}

// TestPurgeByRepository purges a registry whose roles are per repository: the scope of everything, with which acr-cli begins,
// is refused there (acr-behaviour §9 row 14; Azure/acr-cli#501, #611).
func TestPurgeByRepository(t *testing.T) {
	const scope = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/myregistry"
	e := emulatortest.Start(t, `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: myregistry, sku: {name: Premium}, properties: {roleAssignmentMode: AbacRepositoryPermissions}}
  - {type: Microsoft.Authorization/roleAssignments, scope: `+scope+`, roleDefinitionName: Container Registry Repository Contributor, principalName: purger}
  - {type: Microsoft.Authorization/roleAssignments, scope: `+scope+`, roleDefinitionName: Container Registry Repository Catalog Lister, principalName: purger}
principals:
  - {"@odata.type": servicePrincipal, appId: acac10ca-7400-4000-8000-000000000001, displayName: purger}
images:
  - {registry: myregistry, reference: "hello:v1"}
`)
	purger := e.At(allowed).As("acac10ca-7400-4000-8000-000000000001")
	out, code := acrAt(t, e, purger, login(t, purger), "purge", "--filter", "hello:.*", "--ago", "0d")
	if code != 1 || !strings.Contains(out, "acr.BaseClient#GetAcrAccessToken: Failure responding to request: StatusCode=401") {
		t.Errorf("%d\n%s", code, out)
	}
	purger.MustPull(server + "/hello:v1")
}

// lock keeps a tag from being deleted.
func lock(t *testing.T, place *emulatortest.Place, tag string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://"+server+"/acr/v1/hello/_tags/"+tag, strings.NewReader(`{"deleteEnabled":false}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(developer, secret)
	response, err := place.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal("lock:", response.Status)
	}
}
