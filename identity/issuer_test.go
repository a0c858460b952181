package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// payload decodes what a token says, and takes out the part that is random.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	if uti, _ := claims["uti"].(string); len(uti) != 22 {
		t.Errorf("uti is %q", uti)
	}
	delete(claims, "uti")
	return claims
}

// What each kind of principal's token says, claim by claim (acr-behaviour §3.3). At noon, for tenant 1111.
func TestClaims(t *testing.T) {
	issuer, _ := newIssuer()
	issuer.Audiences = append(WellKnownAudiences(), Audience{URI: "api://shop", V2: true})
	common := `"tid":"11111111-1111-1111-1111-111111111111","iat":1768478400,"nbf":1768478400,`
	v1 := common + `"ver":"1.0","iss":"https://sts.windows.net/11111111-1111-1111-1111-111111111111/",`
	v2 := common + `"ver":"2.0","iss":"https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0",`
	for _, row := range []struct {
		name           string
		who            Principal
		audience, host string
		want           string
	}{
		{
			"system-assigned", workerSystem, "https://management.azure.com", worker,
			v1 + `"aud":"https://management.azure.com/","exp":1768564800,"oid":"oid-worker","sub":"oid-worker",
			"appid":"app-worker","appidacr":"2","idtyp":"app","xms_mirid":"` + worker + `"`,
		},
		{
			"user-assigned, used by a container group", builderID, ClassicARM, strings.ToUpper(worker),
			v1 + `"aud":"https://management.core.windows.net/","exp":1768564800,"oid":"oid-builder","sub":"oid-builder",
			"appid":"app-builder","appidacr":"2","idtyp":"app","xms_mirid":"` + builder + `","xms_az_rid":"` + strings.ToUpper(worker) + `"`,
		},
		{
			"user-assigned, used nowhere", builderID, ACR, "",
			v1 + `"aud":"https://containerregistry.azure.net","exp":1768564800,"oid":"oid-builder","sub":"oid-builder",
			"appid":"app-builder","appidacr":"2","idtyp":"app","xms_mirid":"` + builder + `"`,
		},
		{
			"service principal", pipeline, ACR + "/", "",
			v1 + `"aud":"https://containerregistry.azure.net","exp":1768482900,"oid":"oid-pipeline","sub":"oid-pipeline",
			"appid":"app-pipeline","appidacr":"1","idtyp":"app"`,
		},
		{
			"first-party service", defender, ACR, "",
			v1 + `"aud":"https://containerregistry.azure.net","exp":1768482900,"oid":"oid-defender","sub":"oid-defender",
			"appid":"app-defender","appidacr":"2","idtyp":"app"`,
		},
		{
			"user", alice, Graph, "",
			v1 + `"aud":"https://graph.microsoft.com/","exp":1768482900,"oid":"oid-alice","sub":"oid-alice","appid":"` + AzureCLI + `",
			"appidacr":"0","name":"Alice","upn":"alice@example.com","unique_name":"alice@example.com","scp":"user_impersonation","groups":["oid-devs"]`,
		},
		{
			"user, version 2.0", alice, "API://Shop", "",
			v2 + `"aud":"api://shop","exp":1768482900,"oid":"oid-alice","sub":"oid-alice","azp":"` + AzureCLI + `",
			"azpacr":"0","name":"Alice","preferred_username":"alice@example.com","scp":"user_impersonation","groups":["oid-devs"]`,
		},
		{
			"service principal, version 2.0", pipeline, "api://shop", "",
			v2 + `"aud":"api://shop","exp":1768482900,"oid":"oid-pipeline","sub":"oid-pipeline","azp":"app-pipeline","azpacr":"1","idtyp":"app"`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			token := mustIssue(t, issuer, row.who, row.audience, row.host)
			var want map[string]any
			if err := json.Unmarshal([]byte("{"+row.want+"}"), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, payload(t, token.AccessToken)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensThatAreNotIssued(t *testing.T) {
	issuer, _ := newIssuer()
	elsewhere := worker + "2" // the name of worker is a prefix of it
	for _, row := range []struct {
		name           string
		who            Principal
		audience, host string
		want           error
	}{
		{"to a group", devs, ARM, "", ErrNoTokens},
		{"to nobody", Principal{}, ARM, "", ErrNoTokens},
		{"for no audience", alice, "", "", ErrUnknownAudience},
		{"for an unknown audience", alice, "https://vault.azure.net", "", ErrUnknownAudience},
		{"system-assigned, asked for by another resource", workerSystem, ARM, elsewhere, ErrNotHosted},
		{"user-assigned, asked for by a resource without it", builderID, ARM, elsewhere, ErrNotHosted},
		{"user-assigned, asked for by itself", builderID, ARM, builder, ErrNotHosted},
	} {
		token, err := issuer.Issue(t.Context(), row.who, row.audience, row.host)
		if !errors.Is(err, row.want) || token.AccessToken != "" {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
	broken := &Issuer{Tenant: tenant, Keys: openKeys("", nil, supply())}
	if token, err := broken.Issue(t.Context(), alice, ARM, ""); err == nil || token.AccessToken != "" {
		t.Error("a token was issued without keys")
	}
}

func TestLifetimes(t *testing.T) {
	issuer, _ := newIssuer()
	if got := mustIssue(t, issuer, workerSystem, ARM, "").Lifetime(); got != 24*time.Hour {
		t.Errorf("managed identity: %v", got)
	}
	if got := mustIssue(t, issuer, alice, ARM, "").Lifetime(); got != 75*time.Minute {
		t.Errorf("user: %v", got)
	}
	issuer.Lifetimes = Lifetimes{ManagedIdentity: time.Hour, Other: time.Minute}
	if got := mustIssue(t, issuer, builderID, ARM, "").Lifetime(); got != time.Hour {
		t.Errorf("managed identity, set: %v", got)
	}
	if got := mustIssue(t, issuer, pipeline, ARM, "").Lifetime(); got != time.Minute {
		t.Errorf("service principal, set: %v", got)
	}
}

// Without a clock of its own an issuer goes by the wall's.
func TestWallClock(t *testing.T) {
	issuer := &Issuer{Tenant: tenant, Keys: openKeys("", nil, supply(0))}
	token := mustIssue(t, issuer, alice, ARM, "")
	if age := time.Since(token.Claims.IssuedAt.Time); age < 0 || age > time.Minute {
		t.Errorf("issued %v ago", age)
	}
	if _, err := issuer.Verifier(ARM).Verify(token.AccessToken); err != nil {
		t.Error(err)
	}
}

func TestGroupsInTokens(t *testing.T) {
	issuer, _ := newIssuer()
	for count, want := range map[int]int{200: 200, 201: 0} {
		popular := alice
		popular.Groups = nil
		for i := range count {
			popular.Groups = append(popular.Groups, fmt.Sprint("oid-", i))
		}
		token, err := issuer.Issue(context.Background(), popular, ARM, "")
		if got := len(token.Claims.Groups); err != nil || got != want {
			t.Errorf("of %d groups %d are in the token, want %d (%v)", count, got, want, err)
		}
	}
}

// Which resource a token speaks for, and by which kind of identity.
func TestClaimsSayWhoseTheyAre(t *testing.T) {
	for _, row := range []struct {
		name         string
		claims       Claims
		resource     string
		userAssigned bool
		client       string
	}{
		{"user", Claims{AZP: AzureCLI}, "", false, AzureCLI},
		{"system-assigned", Claims{AppID: "a", ManagedIdentity: worker}, worker, false, "a"},
		{"user-assigned", Claims{AppID: "a", ManagedIdentity: builder, AzureResource: worker}, worker, true, "a"},
		{"user-assigned, nowhere", Claims{AppID: "a", ManagedIdentity: builder}, "", true, "a"},
		{"other case", Claims{ManagedIdentity: strings.ToLower(builder)}, "", true, ""},
		{"a resource with a telling name", Claims{ManagedIdentity: group + "Microsoft.Web/sites/userAssignedIdentities"}, group + "Microsoft.Web/sites/userAssignedIdentities", false, ""},
		{"a child of an identity", Claims{ManagedIdentity: builder + "/federatedIdentityCredentials/f"}, builder + "/federatedIdentityCredentials/f", false, ""},
		{"no resource ID", Claims{ManagedIdentity: "x"}, "x", false, ""},
		{"hardly a resource ID", Claims{ManagedIdentity: "/x"}, "/x", false, ""},
	} {
		c := row.claims
		if c.Resource() != row.resource || c.UserAssigned() != row.userAssigned || c.ClientID() != row.client {
			t.Errorf("%s: resource %q, user-assigned %v, client %q", row.name, c.Resource(), c.UserAssigned(), c.ClientID())
		}
	}
}

func TestAudiences(t *testing.T) {
	for resource, want := range map[string]string{
		"https://management.azure.com/":                 ARM,
		"https://management.azure.com":                  ARM,
		"HTTPS://Management.Azure.com":                  ARM,
		"https://management.azure.localhost/":           ARM,
		"https://management.azure.localhost:5080/":      ARM,
		"https://management.core.windows.net/":          ClassicARM,
		"https://containerregistry.azure.net":           ACR,
		"https://containerregistry.azure.net/":          ACR,
		"https://graph.microsoft.com":                   Graph,
		"https://graph.azure.localhost:5080":            Graph,
		"":                                              "",
		"/":                                             "",
		"https://management.azure.com//":                "",
		"https://management.azure.com:5080":             "",
		"https://management.azure.com.evil.example":     "",
		"https://management.azure.com/x":                "",
		"http://management.azure.com/":                  "",
		"management.azure.com":                          "",
		"https://%zz":                                   "",
		"https://x:y@management.azure.localhost":        "",
		"https://containerregistry.azure.net/.default":  "",
		"https://containerregistry.azure.net.localhost": "",
	} {
		got, ok := WellKnownAudiences().Resolve(resource)
		if got.URI != want || ok != (want != "") {
			t.Errorf("%q is %q, want %q", resource, got.URI, want)
		}
		if isARM := want == ARM || want == ClassicARM; IsARM(resource) != isARM {
			t.Errorf("%q: ARM %v", resource, !isARM)
		}
	}
}

func TestStaticDirectory(t *testing.T) {
	for _, row := range []struct {
		by    By
		value string
		want  string
	}{
		{ByObjectID, "oid-devs", "oid-devs"},
		{ByClientID, "APP-worker", "oid-worker"},
		{ByUserName, "Alice@Example.com", "oid-alice"},
		{ByResource, strings.ToUpper(builder), "oid-builder"},
		{ByResource, worker, "oid-worker"},
		{ByResource, worker + "2", ""},
		{ByClientID, "oid-worker", ""},
		{ByClientID, "", ""},
		{By("shoe size"), "", ""},
		{By("shoe size"), "44", ""},
	} {
		found, ok := everybody.Find(row.by, row.value)
		if found.ID != row.want || ok != (row.want != "") {
			t.Errorf("%s %q: found %q, want %q", row.by, row.value, found.ID, row.want)
		}
	}
}
