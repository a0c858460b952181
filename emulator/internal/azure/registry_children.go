package azure

import "time"

// SystemDefined is the type of the scope maps that every registry has; those that people make are UserDefined.
const (
	SystemDefined = "SystemDefined"
	UserDefined   = "UserDefined"
)

// tables are the members of the container registry's types that mean something here, by folded type.
var tables = map[string][]memberRow{
	Fold(TypeRegistry): registryMembers,
	Fold(TypeReplication): {
		{path: "properties", form: isObject},
		{path: "properties.regionEndpointEnabled", form: isFlag},
		{path: "properties.zoneRedundancy", words: upperSwitch},
	},
	Fold(TypeWebhook): {
		{path: "properties", form: isObject},
		{path: "properties.serviceUri", form: isText},
		{path: "properties.customHeaders", form: isObject},
		{path: "properties.scope", form: isText},
		{path: "properties.status", words: lowerSwitch},
		{path: "properties.actions", form: isTexts},
		{path: "properties.actions[]", words: []string{"push", "delete", "quarantine", "chart_push", "chart_delete"}},
	},
	Fold(TypeScopeMap): {
		{path: "properties", form: isObject},
		{path: "properties.description", form: isText},
		{path: "properties.actions", form: isTexts},
	},
	Fold(TypeToken): {
		{path: "properties", form: isObject},
		{path: "properties.scopeMapId", form: isID},
		{path: "properties.status", words: lowerSwitch},
		{path: "properties.credentials", form: isObject},
		{path: "properties.credentials.passwords", form: isList},
		{path: "properties.credentials.certificates", form: isList},
	},
	Fold(TypePrivateEndpointConnection): {
		{path: "properties", form: isObject},
		{path: "properties.privateLinkServiceConnectionState", form: isObject},
		{path: "properties.privateLinkServiceConnectionState.status", words: []string{StatusApproved, StatusPending, StatusRejected, StatusDisconnected}},
		{path: "properties.privateLinkServiceConnectionState.description", form: isText},
	},
	Fold(TypeCacheRule): {
		{path: "properties", form: isObject},
		{path: "properties.sourceRepository", form: isText},
		{path: "properties.targetRepository", form: isText},
		{path: "properties.credentialSetResourceId", form: isID},
	},
	Fold(TypeCredentialSet): {
		{path: "properties", form: isObject},
		{path: "properties.loginServer", form: isText},
		{path: "properties.authCredentials", form: isList},
		{path: "properties.authCredentials[].name", words: []string{"Credential1"}},
		{path: "properties.authCredentials[].usernameSecretIdentifier", form: isText},
		{path: "properties.authCredentials[].passwordSecretIdentifier", form: isText},
	},
	Fold(TypeConnectedRegistry): {
		{path: "properties", form: isObject},
		{path: "properties.mode", words: []string{"ReadWrite", "ReadOnly", "Registry", "Mirror"}},
		{path: "properties.parent", form: isObject},
		{path: "properties.parent.id", form: isID},
		{path: "properties.parent.syncProperties", form: isObject},
		{path: "properties.parent.syncProperties.tokenId", form: isID},
		{path: "properties.clientTokenIds", form: isTexts},
		{path: "properties.notificationsList", form: isTexts},
		{path: "properties.logging", form: isObject},
		{path: "properties.logging.logLevel", words: []string{"Debug", "Information", "Warning", "Error", "None"}},
		{path: "properties.logging.auditLogStatus", words: upperSwitch},
	},
	Fold(TypeTask):    taskMembers,
	Fold(TypeTaskRun): taskRunMembers,
	Fold(TypeAgentPool): {
		{path: "properties", form: isObject},
		{path: "properties.count", form: between(0, 1000)},
		{path: "properties.tier", words: []string{"S1", "S2", "S3", "I6"}},
		{path: "properties.os", words: []string{"Linux", "Windows"}},
		{path: "properties.virtualNetworkSubnetResourceId", form: isID},
	},
}

// required are the members without which a document of a type means nothing, by folded type.
var required = map[string][]string{
	Fold(TypeWebhook):           {"properties.serviceUri", "properties.actions"},
	Fold(TypeCacheRule):         {"properties.sourceRepository", "properties.targetRepository"},
	Fold(TypeCredentialSet):     {"properties.loginServer", "properties.authCredentials"},
	Fold(TypeConnectedRegistry): {"properties.mode", "properties.parent.syncProperties.tokenId"},
}

// validateChild checks a document below a registry by the tables.
func validateChild(s *State, d Document) error {
	if err := checkMembers(d); err != nil {
		return err
	}
	f := fieldsOf(d)
	for _, path := range required[Fold(d.Type())] {
		above, name := f.reach(path)
		if len(above) == 0 || !above[0].has(name) {
			return &Error{Code: CodeInvalid, ID: d.ID, Target: path, Message: "it is missing"}
		}
	}
	return checkQuota(s, d)
}

// validateReplication wants a replication of its own in each region. Its name need not be the region's, although az and the
// portal name it so.
func validateReplication(s *State, d Document) error {
	r := ReadReplication(d)
	if !ValidRegion(r.Region) {
		return &Error{Code: CodeInvalid, ID: d.ID, Target: "location", Message: "a replication stands in a region such as northeurope"}
	}
	registry, _ := d.ID.Parent()
	for _, other := range s.Children(registry.Key(), TypeReplication) {
		if other.ID.Key() != d.ID.Key() && ReadReplication(*other).Region == r.Region {
			return &Error{Code: CodeConflict, ID: d.ID, Target: "location", Message: "the registry has a replication in " + r.Region + " already, called " + other.ID.Name()}
		}
	}
	if view(s, registry, ReadRegistry).SoftDelete {
		return &Error{Code: CodeBadRequest, ID: d.ID, Message: "soft delete excludes replications: disable softDeletePolicy first"} // acr-behaviour §6.2
	}
	return validateChild(s, d)
}

// validateCacheRule wants a rule's credential set to be the registry's own, and its target to be cached once.
func validateCacheRule(s *State, d Document) error {
	if err := validateChild(s, d); err != nil {
		return err
	}
	registry, _ := d.ID.Parent()
	p := fieldsOf(d).in("properties")
	if set := p.idOf("credentialSetResourceId"); !set.IsZero() {
		if above, _ := set.Parent(); above.Key() != registry.Key() || !set.Is(TypeCredentialSet) {
			return &Error{Code: CodeInvalid, ID: d.ID, Target: "properties.credentialSetResourceId", Message: "it names no credential set of the registry"}
		}
		if err := mustExist(s, d, "properties.credentialSetResourceId", set); err != nil {
			return err
		}
	}
	for _, other := range s.Children(registry.Key(), TypeCacheRule) {
		q := fieldsOf(*other).in("properties")
		if other.ID.Key() != d.ID.Key() && q.text("targetRepository") == p.text("targetRepository") {
			return &Error{Code: CodeConflict, ID: d.ID, Target: "properties.targetRepository", Message: "the cache rule " + other.ID.Name() + " has the same target"}
		}
	}
	return nil
}

// Replication is the view of a registry's replication (acr-behaviour §7).
type Replication struct {
	ID     ResourceID
	Region string // folded, such as northeurope
	// Serves is regionEndpointEnabled: requests are routed to it.
	Serves bool
}

// ReadReplication reads a document of type TypeReplication; what it does not say of the region is its name.
func ReadReplication(d Document) Replication {
	f := fieldsOf(d)
	region := f.text("location")
	if region == "" {
		region = d.ID.Name()
	}
	return Replication{
		ID: d.ID, Region: RegionName(region),
		Serves: f.in("properties").flag("regionEndpointEnabled", true),
	}
}

// DataEndpoint returns the host name of a registry's data endpoint in a region.
func DataEndpoint(registryName, region string) string {
	return Fold(registryName) + "." + Fold(region) + ".data.azurecr.io"
}

// HomeReplication returns the replication that a Premium registry has in its own region without anybody making it; false for
// a registry that has none, or one that is written down.
func HomeReplication(s *State, registry *Document) (Document, bool) {
	r, err := ReadRegistry(*registry)
	if err != nil || r.SKU != SKUPremium || r.Location == "" {
		return Document{}, false
	}
	id, err := registry.ID.Child("replications", r.Location)
	if err != nil {
		return Document{}, false
	}
	for _, d := range s.Children(registry.ID.Key(), TypeReplication) {
		if ReadReplication(*d).Region == r.Location {
			return Document{}, false
		}
	}
	d := Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": id.Name(), "type": TypeReplication, "location": r.Location,
		"properties": MergePatch(childDefaults[Fold(TypeReplication)], map[string]any{
			"provisioningState": "Succeeded", "zoneRedundancy": fieldsOf(*registry).in("properties").choice("zoneRedundancy", "Disabled", upperSwitch...),
		}),
	}}
	return d, true
}

// childDefaults are what ACR shows of a document below a registry for which nothing else was said, by folded type.
var childDefaults = map[string]map[string]any{
	Fold(TypeReplication): {
		"regionEndpointEnabled": true, "zoneRedundancy": "Disabled",
		"status": map[string]any{"displayStatus": "Ready", "message": ""},
	},
	Fold(TypeWebhook):  {"status": "enabled", "scope": ""},
	Fold(TypeScopeMap): {"description": "", "type": UserDefined},
	Fold(TypeConnectedRegistry): {
		"connectionState": "Offline", "activation": map[string]any{"status": "Inactive"}, "statusDetails": []any{}, "clientTokenIds": []any{},
		"logging":           map[string]any{"logLevel": "Information", "auditLogStatus": "Disabled"},
		"garbageCollection": map[string]any{"enabled": true, "schedule": "0 0 * * *"},
	},
	Fold(TypeAgentPool): {"count": float64(1), "tier": "S2", "os": "Linux"},
	Fold(TypeTask): {
		"status": "Enabled", "isSystemTask": false, "timeout": float64(DefaultRunTimeout),
		"platform": map[string]any{"os": "Linux", "architecture": "amd64"},
	},
	Fold(TypeCacheRule): {}, Fold(TypeCredentialSet): {},
}

// dated are the types that tell when a document was made.
var dated = map[string]bool{
	Fold(TypeScopeMap): true, Fold(TypeToken): true, Fold(TypeCacheRule): true, Fold(TypeCredentialSet): true, Fold(TypeTask): true,
}

// registryChild completes a document below a registry.
func (w *completion) registryChild(d *Document) error {
	if f := fieldsOf(*d); f.in("properties").err() != nil {
		return f.err()
	}
	kind := Fold(d.Type())
	d.Body["properties"] = MergePatch(childDefaults[kind], properties(d))
	if dated[kind] {
		setDefault(properties(d), "creationDate", w.by.Now().UTC().Format(time.RFC3339Nano))
	}
	return nil
}
