package sdk

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	older "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
	acr "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry/v2"

	"github.com/acrlocal/acrlocal/gate"
)

// full is a registry with everything set that a client may set.
func full() acr.Registry {
	return acr.Registry{
		Location: to.Ptr("West Europe"),
		SKU:      &acr.SKU{Name: to.Ptr(acr.SKUNamePremium)},
		Tags:     map[string]*string{"team": to.Ptr("shop")},
		Identity: &acr.IdentityProperties{Type: to.Ptr(acr.ResourceIdentityTypeSystemAssigned)},
		Properties: &acr.RegistryProperties{
			AdminUserEnabled: to.Ptr(true), AnonymousPullEnabled: to.Ptr(true), DataEndpointEnabled: to.Ptr(true),
			NetworkRuleBypassAllowedForTasks: to.Ptr(true),
			NetworkRuleBypassOptions:         to.Ptr(acr.NetworkRuleBypassOptionsNone),
			NetworkRuleSet: &acr.NetworkRuleSet{
				DefaultAction: to.Ptr(acr.DefaultActionDeny),
				IPRules:       []*acr.IPRule{{Action: to.Ptr(acr.ActionAllow), IPAddressOrRange: to.Ptr("203.0.113.0/24")}},
			},
			Policies: &acr.Policies{
				AzureADAuthenticationAsArmPolicy: &acr.AzureADAuthenticationAsArmPolicy{Status: to.Ptr(acr.AzureADAuthenticationAsArmPolicyStatusDisabled)},
				ExportPolicy:                     &acr.ExportPolicy{Status: to.Ptr(acr.ExportPolicyStatusEnabled)},
				QuarantinePolicy:                 &acr.QuarantinePolicy{Status: to.Ptr(acr.PolicyStatusDisabled)},
				RetentionPolicy:                  &acr.RetentionPolicy{Status: to.Ptr(acr.PolicyStatusEnabled), Days: to.Ptr[int32](30)},
				TrustPolicy:                      &acr.TrustPolicy{Status: to.Ptr(acr.PolicyStatusDisabled), Type: to.Ptr(acr.TrustPolicyTypeNotary)},
			},
			PublicNetworkAccess: to.Ptr(acr.PublicNetworkAccessEnabled),
			RoleAssignmentMode:  to.Ptr(acr.RoleAssignmentModeLegacyRegistryPermissions),
			ZoneRedundancy:      to.Ptr(acr.ZoneRedundancyDisabled),
		},
	}
}

// TestRegistry takes a registry through its life in the SDK of today.
func TestRegistry(t *testing.T) {
	j := newJudge(t)
	registries := client(t, j, acr.NewRegistriesClient)
	ctx := t.Context()
	available := must[acr.RegistriesClientCheckNameAvailabilityResponse](t)(registries.CheckNameAvailability(ctx,
		acr.RegistryNameCheckRequest{Name: to.Ptr("judged"), Type: to.Ptr("Microsoft.ContainerRegistry/registries")}, nil))
	if !*available.NameAvailable {
		t.Error("the name is taken before it is used")
	}
	sent := full()
	created := must[acr.RegistriesClientCreateResponse](t)(done(registries.BeginCreate(ctx, group, "judged", sent, nil)))
	kept(t, sent, created.Registry)
	got := must[acr.RegistriesClientGetResponse](t)(registries.Get(ctx, group, "judged", nil))
	kept(t, sent, got.Registry)
	kept(t, created.Registry, got.Registry)
	if p := got.Properties; *p.LoginServer != "judged.azurecr.io" || *p.ProvisioningState != acr.ProvisioningStateSucceeded || p.CreationDate == nil {
		t.Errorf("filled in: %+v", p)
	}
	j.At("containerGroups/worker").MustDeny("judged.azurecr.io/any:v1", gate.BypassOff)

	updated := must[acr.RegistriesClientUpdateResponse](t)(done(registries.BeginUpdate(ctx, group, "judged", acr.RegistryUpdateParameters{
		Properties: &acr.RegistryPropertiesUpdateParameters{NetworkRuleBypassOptions: to.Ptr(acr.NetworkRuleBypassOptionsAzureServices)},
	}, nil)))
	if len(updated.Properties.NetworkRuleSet.IPRules) != 1 || *updated.Properties.NetworkRuleBypassOptions != acr.NetworkRuleBypassOptionsAzureServices {
		t.Errorf("after the update: %+v", updated.Properties)
	}
	names := 0
	for _, page := range all(t, registries.NewListByResourceGroupPager(group, nil)) {
		names += len(page.Value)
	}
	if names != 3 {
		t.Errorf("%d registries in the group; want 3", names)
	}
	credentials := must[acr.RegistriesClientListCredentialsResponse](t)(registries.ListCredentials(ctx, group, "judged", nil))
	renewed := must[acr.RegistriesClientRegenerateCredentialResponse](t)(registries.RegenerateCredential(ctx, group, "judged",
		acr.RegenerateCredentialParameters{Name: to.Ptr(acr.PasswordNamePassword)}, nil))
	if *credentials.Username != "judged" || *credentials.Passwords[0].Value == *renewed.Passwords[0].Value {
		t.Error("the password was not renewed")
	}
	usages := must[acr.RegistriesClientListUsagesResponse](t)(registries.ListUsages(ctx, group, "judged", nil))
	if len(usages.Value) == 0 {
		t.Error("no usages")
	}
	must[acr.RegistriesClientDeleteResponse](t)(done(registries.BeginDelete(ctx, group, "judged", nil)))
	_, err := registries.Get(ctx, group, "judged", nil)
	refused(t, err, http.StatusNotFound, "ResourceNotFound")
}

// TestOlderRegistry does the main things with the SDK of 2023, to which new members mean nothing.
func TestOlderRegistry(t *testing.T) {
	j := newJudge(t)
	registries := client(t, j, older.NewRegistriesClient)
	ctx := t.Context()
	sent := older.Registry{
		Location: to.Ptr("westeurope"), SKU: &older.SKU{Name: to.Ptr(older.SKUNamePremium)},
		Properties: &older.RegistryProperties{
			NetworkRuleSet: &older.NetworkRuleSet{
				DefaultAction: to.Ptr(older.DefaultActionDeny),
				IPRules:       []*older.IPRule{{Action: to.Ptr(older.ActionAllow), IPAddressOrRange: to.Ptr("198.51.100.1")}},
			},
			PublicNetworkAccess: to.Ptr(older.PublicNetworkAccessDisabled),
			Policies:            &older.Policies{ExportPolicy: &older.ExportPolicy{Status: to.Ptr(older.ExportPolicyStatusDisabled)}},
		},
	}
	must[older.RegistriesClientCreateResponse](t)(done(registries.BeginCreate(ctx, group, "olderjudge", sent, nil)))
	got := must[older.RegistriesClientGetResponse](t)(registries.Get(ctx, group, "olderjudge", nil))
	kept(t, sent, got.Registry)
	if *got.Properties.NetworkRuleBypassOptions != older.NetworkRuleBypassOptionsAzureServices {
		t.Errorf("the default of the bypass is %v", *got.Properties.NetworkRuleBypassOptions)
	}
	newer := client(t, j, acr.NewRegistriesClient)
	must[acr.RegistriesClientUpdateResponse](t)(done(newer.BeginUpdate(ctx, group, "olderjudge", acr.RegistryUpdateParameters{
		Properties: &acr.RegistryPropertiesUpdateParameters{RoleAssignmentMode: to.Ptr(acr.RoleAssignmentModeAbacRepositoryPermissions)},
	}, nil)))
	must[older.RegistriesClientUpdateResponse](t)(done(registries.BeginUpdate(ctx, group, "olderjudge", older.RegistryUpdateParameters{Tags: map[string]*string{"a": to.Ptr("b")}}, nil)))
	now := must[acr.RegistriesClientGetResponse](t)(newer.Get(ctx, group, "olderjudge", nil))
	if *now.Properties.RoleAssignmentMode != acr.RoleAssignmentModeAbacRepositoryPermissions {
		t.Error("an update in an older version dropped what that version does not know")
	}
}

// TestRegistryRefusals are mistakes, as the SDK reports them.
func TestRegistryRefusals(t *testing.T) {
	j := newJudge(t)
	registries := client(t, j, acr.NewRegistriesClient)
	for _, row := range []struct {
		why, name, code string
		status          int
		spoil           func(*acr.Registry)
	}{
		{"the name of another", "myregistry2-", "InvalidResourceName", 400, func(*acr.Registry) {}},
		{"rules of version 6", "judged", "", 400, func(r *acr.Registry) {
			r.Properties.NetworkRuleSet.IPRules[0].IPAddressOrRange = to.Ptr("2001:db8::1")
		}},
		{"rules without Premium", "judged", "", 400, func(r *acr.Registry) { r.SKU.Name = to.Ptr(acr.SKUNameBasic) }},
		{"no location", "judged", "LocationRequired", 400, func(r *acr.Registry) { r.Location = nil }},
	} {
		t.Run(row.why, func(t *testing.T) {
			sent := full()
			row.spoil(&sent)
			_, err := done(registries.BeginCreate(t.Context(), group, row.name, sent, nil))
			if row.code != "" {
				refused(t, err, row.status, row.code)
			} else if err == nil {
				t.Error("it was taken")
			}
		})
	}
}

// TestRegistryChildren are the documents below a registry.
func TestRegistryChildren(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	maps, tokens := client(t, j, acr.NewScopeMapsClient), client(t, j, acr.NewTokensClient)
	sentMap := acr.ScopeMap{Properties: &acr.ScopeMapProperties{
		Actions: []*string{to.Ptr("repositories/hello/content/read")}, Description: to.Ptr("reads hello"),
	}}
	made := must[acr.ScopeMapsClientCreateResponse](t)(done(maps.BeginCreate(ctx, group, "myregistry", "readers", sentMap, nil)))
	kept(t, sentMap, made.ScopeMap)
	sentToken := acr.Token{Properties: &acr.TokenProperties{ScopeMapID: made.ID, Status: to.Ptr(acr.TokenStatusEnabled)}}
	token := must[acr.TokensClientCreateResponse](t)(done(tokens.BeginCreate(ctx, group, "myregistry", "pipeline", sentToken, nil)))
	kept(t, sentToken, token.Token)
	generated := must[acr.RegistriesClientGenerateCredentialsResponse](t)(done(client(t, j, acr.NewRegistriesClient).BeginGenerateCredentials(ctx,
		group, "myregistry", acr.GenerateCredentialsParameters{TokenID: token.ID}, nil)))
	if len(generated.Passwords) != 2 {
		t.Errorf("%d passwords; want 2", len(generated.Passwords))
	}
	if n := len(all(t, maps.NewListPager(group, "myregistry", nil))[0].Value); n < 4 {
		t.Errorf("%d scope maps; want the system's and ours", n)
	}

	hooks := client(t, j, acr.NewWebhooksClient)
	sentHook := acr.WebhookCreateParameters{Location: to.Ptr("westeurope"), Properties: &acr.WebhookPropertiesCreateParameters{
		ServiceURI: to.Ptr("http://127.0.0.1:9/hook"), Actions: []*acr.WebhookAction{to.Ptr(acr.WebhookActionPush)}, Scope: to.Ptr("hello:*"),
		Status: to.Ptr(acr.WebhookStatusEnabled), CustomHeaders: map[string]*string{"x-a": to.Ptr("b")},
	}}
	hook := must[acr.WebhooksClientCreateResponse](t)(done(hooks.BeginCreate(ctx, group, "myregistry", "judgedhook", sentHook, nil)))
	if *hook.Properties.Scope != "hello:*" || *hook.Properties.Status != acr.WebhookStatusEnabled {
		t.Errorf("webhook: %+v", hook.Properties)
	}
	config := must[acr.WebhooksClientGetCallbackConfigResponse](t)(hooks.GetCallbackConfig(ctx, group, "myregistry", "judgedhook", nil))
	kept(t, map[string]any{"serviceUri": "http://127.0.0.1:9/hook", "customHeaders": map[string]any{"x-a": "b"}}, config.CallbackConfig)

	replications := client(t, j, acr.NewReplicationsClient)
	sentReplica := acr.Replication{Location: to.Ptr("northeurope"), Properties: &acr.ReplicationProperties{RegionEndpointEnabled: to.Ptr(false)}}
	kept(t, sentReplica, must[acr.ReplicationsClientCreateResponse](t)(done(replications.BeginCreate(ctx, group, "myregistry", "northeurope", sentReplica, nil))).Replication)

	rules, sets := client(t, j, acr.NewCacheRulesClient), client(t, j, acr.NewCredentialSetsClient)
	sentSet := acr.CredentialSet{
		Identity: &acr.IdentityProperties{Type: to.Ptr(acr.ResourceIdentityTypeSystemAssigned)},
		Properties: &acr.CredentialSetProperties{LoginServer: to.Ptr("docker.io"), AuthCredentials: []*acr.AuthCredential{{
			Name: to.Ptr(acr.CredentialNameCredential1), UsernameSecretIdentifier: to.Ptr("https://v.vault.azure.net/secrets/u"),
			PasswordSecretIdentifier: to.Ptr("https://v.vault.azure.net/secrets/p"),
		}}},
	}
	set := must[acr.CredentialSetsClientCreateResponse](t)(done(sets.BeginCreate(ctx, group, "myregistry", "dockerhub", sentSet, nil)))
	kept(t, sentSet, set.CredentialSet)
	sentRule := acr.CacheRule{Properties: &acr.CacheRuleProperties{
		SourceRepository: to.Ptr("docker.io/library/alpine"), TargetRepository: to.Ptr("alpine"), CredentialSetResourceID: set.ID,
	}}
	kept(t, sentRule, must[acr.CacheRulesClientCreateResponse](t)(done(rules.BeginCreate(ctx, group, "myregistry", "alpine", sentRule, nil))).CacheRule)
}

// TestConnections reads the private endpoint's connection, rejects it, and approves it again; clients feel it.
func TestConnections(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	connections := client(t, j, acr.NewPrivateEndpointConnectionsClient)
	listed := all(t, connections.NewListPager(group, "myregistry", nil))[0].Value
	if len(listed) != 1 {
		t.Fatalf("%d connections; want 1", len(listed))
	}
	j.At("virtualMachines/jumpbox").MustPull("myregistry.azurecr.io/hello:v1")
	for _, row := range []struct {
		status acr.ConnectionStatus
		reason gate.Reason
	}{
		{acr.ConnectionStatusRejected, gate.NotATrustedService},
		{acr.ConnectionStatusApproved, ""},
	} {
		sent := acr.PrivateEndpointConnection{Properties: &acr.PrivateEndpointConnectionProperties{
			PrivateLinkServiceConnectionState: &acr.PrivateLinkServiceConnectionState{Status: to.Ptr(row.status), Description: to.Ptr("judged")},
		}}
		got := must[acr.PrivateEndpointConnectionsClientCreateOrUpdateResponse](t)(done(connections.BeginCreateOrUpdate(ctx, group, "myregistry", *listed[0].Name, sent, nil)))
		kept(t, sent, got.PrivateEndpointConnection)
		if row.reason == "" {
			j.At("virtualMachines/jumpbox").MustPull("myregistry.azurecr.io/hello:v1")
		} else {
			j.At("virtualMachines/jumpbox").MustDeny("myregistry.azurecr.io/hello:v1", row.reason)
		}
	}
}
