package graph

import (
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// basicOfUser is what Graph shows of a user when it is not told what to show.
var basicOfUser = []string{
	"businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
	"surname", "userPrincipalName",
}

// userProperties are those of Graph's resource type user that az and Terraform read or write.
func userProperties() []property {
	return slices.Concat(
		named(text, needed, "displayName", "mailNickname", "userPrincipalName"),
		[]property{
			{name: "accountEnabled", form: flag, access: needed, initial: true},
			{name: "passwordProfile", form: record, access: unseen},
			{name: "userType", form: text, initial: "Member"},
			{name: "showInAddressList", form: flag},
			{name: "employeeOrgData", form: record},
			{name: "identities", form: list},
		},
		named(text, open, "ageGroup", "city", "companyName", "consentProvidedForMinor", "country", "department", "employeeHireDate",
			"employeeId", "employeeType", "faxNumber", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
			"onPremisesImmutableId", "passwordPolicies", "postalCode", "preferredLanguage", "state", "streetAddress", "surname",
			"usageLocation"),
		named(texts, open, "businessPhones", "otherMails"),
		named(texts, derived, "imAddresses", "proxyAddresses"),
		named(text, derived, "id", "createdDateTime", "creationType", "deletedDateTime", "externalUserState", "lastPasswordChangeDateTime",
			"onPremisesDistinguishedName", "onPremisesDomainName", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
			"onPremisesUserPrincipalName", "securityIdentifier"),
		named(flag, derived, "onPremisesSyncEnabled"),
	)
}

// groupProperties are those of Graph's resource type group.
func groupProperties() []property {
	return slices.Concat(
		named(text, needed, "displayName", "mailNickname"),
		named(flag, needed, "mailEnabled", "securityEnabled"),
		named(flag, open, "isAssignableToRole"),
		named(text, open, "classification", "description", "membershipRule", "membershipRuleProcessingState", "preferredDataLocation",
			"preferredLanguage", "theme", "uniqueName", "visibility"),
		named(texts, open, "creationOptions", "groupTypes", "resourceBehaviorOptions", "resourceProvisioningOptions"),
		named(list, unseen, "members", "owners"),
		named(text, derived, "id", "createdDateTime", "deletedDateTime", "expirationDateTime", "mail", "onPremisesDomainName",
			"onPremisesLastSyncDateTime", "onPremisesNetBiosName", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
			"renewedDateTime", "securityIdentifier"),
		named(flag, derived, "onPremisesSyncEnabled"),
		named(texts, derived, "proxyAddresses"),
		named(list, derived, "onPremisesProvisioningErrors", "serviceProvisioningErrors"),
	)
}

// credentialProperties are those by which applications and service principals prove who they are.
func credentialProperties() []property {
	return slices.Concat(named(list, open, "keyCredentials", "passwordCredentials"), named(list, unseen, "owners"))
}

// applicationProperties are those of Graph's resource type application.
func applicationProperties() []property {
	noGrants := map[string]any{"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}
	noLinks := map[string]any{"marketingUrl": nil, "privacyStatementUrl": nil, "supportUrl": nil, "termsOfServiceUrl": nil}
	return slices.Concat(
		credentialProperties(),
		named(text, needed, "displayName"),
		[]property{
			{name: "signInAudience", form: text, initial: "AzureADMyOrg"},
			{name: "api", form: record, initial: map[string]any{
				"acceptMappedClaims": nil, "knownClientApplications": []any{}, "oauth2PermissionScopes": []any{},
				"preAuthorizedApplications": []any{}, "requestedAccessTokenVersion": nil,
			}},
			{name: "info", form: record, initial: noLinks},
			{name: "parentalControlSettings", form: record, initial: map[string]any{"countriesBlockedForMinors": []any{}, "legalAgeGroupRule": "Allow"}},
			{name: "publicClient", form: record, initial: map[string]any{"redirectUris": []any{}}},
			{name: "spa", form: record, initial: map[string]any{"redirectUris": []any{}}},
			{name: "web", form: record, initial: map[string]any{
				"homePageUrl": nil, "implicitGrantSettings": noGrants, "logoutUrl": nil, "redirectUriSettings": []any{}, "redirectUris": []any{},
			}},
			{name: "verifiedPublisher", form: record, access: derived, initial: map[string]any{
				"addedDateTime": nil, "displayName": nil, "verifiedPublisherId": nil,
			}},
			{name: "publisherDomain", form: text, access: derived, initial: azure.DevelopmentDomain},
			{name: "federatedIdentityCredentials", form: list, access: unseen},
		},
		named(flag, open, "isDeviceOnlyAuthSupported", "isFallbackPublicClient", "oauth2RequirePostResponse", "nativeAuthenticationApisEnabled"),
		named(text, open, "applicationTemplateId", "defaultRedirectUri", "description", "groupMembershipClaims", "notes", "samlMetadataUrl",
			"serviceManagementReference", "tokenEncryptionKeyId", "uniqueName"),
		named(texts, open, "identifierUris", "tags"),
		named(list, open, "addIns", "appRoles", "requiredResourceAccess"),
		named(record, open, "certification", "optionalClaims", "requestSignatureVerification", "servicePrincipalLockConfiguration"),
		named(text, derived, "id", "appId", "createdDateTime", "deletedDateTime", "disabledByMicrosoftStatus"),
	)
}

// servicePrincipalProperties are those of Graph's resource type servicePrincipal.
func servicePrincipalProperties() []property {
	return slices.Concat(
		credentialProperties(),
		named(text, needed, "appId"),
		[]property{
			{name: "accountEnabled", form: flag, initial: true},
			{name: "appRoleAssignmentRequired", form: flag, initial: false},
			{name: "servicePrincipalType", form: text, access: derived, initial: "Application"},
			{name: "signInAudience", form: text, access: derived, initial: "AzureADMyOrg"},
			{name: "appOwnerOrganizationId", form: text, access: derived, initial: azure.DevelopmentTenant},
		},
		named(text, open, "description", "displayName", "homepage", "loginUrl", "logoutUrl", "notes", "preferredSingleSignOnMode",
			"preferredTokenSigningKeyThumbprint", "tokenEncryptionKeyId"),
		named(texts, open, "alternativeNames", "notificationEmailAddresses", "replyUrls", "tags"),
		named(record, open, "info", "samlSingleSignOnSettings"),
		named(list, open, "addIns"),
		named(text, derived, "id", "appDescription", "appDisplayName", "applicationTemplateId", "createdDateTime", "deletedDateTime",
			"disabledByMicrosoftStatus"),
		named(texts, derived, "servicePrincipalNames"),
		named(list, derived, "appRoles", "oauth2PermissionScopes", "resourceSpecificApplicationPermissions"),
		named(record, derived, "verifiedPublisher"),
	)
}
