package gate

// Reason names the kind of rule that settled a step. Reasons are public API: they appear in headers, logs and tests.
type Reason string

// The reasons of the network stage.
const (
	PrivateEndpointApproved         Reason = "private-endpoint"
	PublicDefaultAllow              Reason = "public-default-allow"
	IPRuleMatched                   Reason = "ip-rule"
	VirtualNetworkRuleMatched       Reason = "virtual-network-rule"
	TrustedServiceBypass            Reason = "trusted-service"
	RegistryUnknown                 Reason = "registry-unknown"
	PublicAccessDisabled            Reason = "public-access-disabled"
	IPNotAllowed                    Reason = "ip-not-allowed"
	PrivateEndpointNotApproved      Reason = "private-endpoint-not-approved"
	BypassOff                       Reason = "bypass-off"
	BypassExcludedByServiceEndpoint Reason = "bypass-excluded-by-service-endpoint"
	NotATrustedService              Reason = "not-a-trusted-service"
	UserAssignedNotTrusted          Reason = "user-assigned-not-trusted"
	TasksBypassNotAllowed           Reason = "tasks-bypass-not-allowed"
)

// The reasons of the authentication stage.
const (
	EntraAccepted           Reason = "entra"
	RefreshTokenAccepted    Reason = "refresh-token"
	AccessTokenAccepted     Reason = "access-token"
	AdminUserAccepted       Reason = "admin-user"
	RepositoryTokenAccepted Reason = "repository-token"
	AnonymousAccepted       Reason = "anonymous"
	CredentialMissing       Reason = "credential-missing"
	CredentialMalformed     Reason = "credential-malformed"
	SignatureInvalid        Reason = "signature-invalid"
	IssuerWrong             Reason = "issuer-wrong"
	AudienceWrong           Reason = "audience-wrong"
	TenantWrong             Reason = "tenant-wrong"
	Expired                 Reason = "expired"
	NotYetValid             Reason = "not-yet-valid"
	AdminUserDisabled       Reason = "admin-user-disabled"
	PasswordWrong           Reason = "password-wrong"
	PrincipalUnknown        Reason = "principal-unknown"
	ApplicationUnknown      Reason = "application-unknown"
	TokenDisabled           Reason = "token-disabled"
	ModeChanged             Reason = "mode-changed"
	ARMAudienceRefused      Reason = "arm-audience-refused"
)

// The reasons of the authorization stage.
const (
	RoleGrants           Reason = "role"
	ScopeMapGrants       Reason = "scope-map"
	AdminGrants          Reason = "admin"
	AnonymousPullGrants  Reason = "anonymous-pull"
	ServiceRight         Reason = "service-right"
	NoRole               Reason = "no-role"
	RoleLacksAction      Reason = "role-lacks-action"
	ConditionNotMet      Reason = "condition-not-met"
	ScopeMissing         Reason = "scope-missing"
	ScopeMapLacksAction  Reason = "scope-map-lacks-action"
	OperationUnsupported Reason = "operation-unsupported"
)

// The reasons of the resource stage. They are found by the registry's content, and added with Decision.Then.
const (
	Locked      Reason = "locked"
	Quarantined Reason = "quarantined"
	Throttled   Reason = "throttled"
	StorageFull Reason = "storage-full"
)

// ReasonInfo is a row of the table of reasons.
type ReasonInfo struct {
	// Reason is the key.
	Reason Reason
	// Stage is the stage that gives the reason.
	Stage Stage
	// Verdict is what it leads to.
	Verdict Verdict
	// Status is the HTTP status of the refusal; 0 for a reason that allows.
	Status int
	// Code is the error code of the refusal's body.
	Code string
	// Message is the message of the refusal's body; {ip} stands for the peer's address.
	Message string
	// Challenge is the error parameter of WWW-Authenticate; "-" sends a challenge without one, empty sends none.
	Challenge string
	// Why is the sentence for people; {ip}, {registry} and {rule} are filled in.
	Why string
	// Source is where the behaviour is documented.
	Source string
}

// What ACR says (acr-behaviour §2.1, §2.4, §2.5).
const (
	deniedMessage       = "client with IP '{ip}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
	unauthorizedMessage = "authentication required, visit https://aka.ms/acr/authorization for more information."
	unregisteredMessage = "Application not registered with AAD."
	disallowedMessage   = "The operation is disallowed on this registry, repository or image. View troubleshooting steps at " +
		"https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation"
)

func allows(r Reason, s Stage, why, source string) ReasonInfo {
	return ReasonInfo{Reason: r, Stage: s, Verdict: Allow, Why: why, Source: source}
}

func firewall(r Reason, why, source string) ReasonInfo {
	return ReasonInfo{
		Reason: r, Stage: StageNetwork, Status: 403, Code: "DENIED", Message: deniedMessage,
		Why: why, Source: source,
	}
}

func unauthenticated(r Reason, challenge, why, source string) ReasonInfo {
	return ReasonInfo{
		Reason: r, Stage: StageAuthentication, Verdict: Challenge, Status: 401, Code: "UNAUTHORIZED",
		Message: unauthorizedMessage, Challenge: challenge, Why: why, Source: source,
	}
}

func unregistered(r Reason, why, source string) ReasonInfo {
	info := unauthenticated(r, "-", why, source)
	info.Message = unregisteredMessage
	return info
}

func unauthorized(r Reason, why, source string) ReasonInfo {
	return ReasonInfo{
		Reason: r, Stage: StageAuthorization, Status: 401, Code: "UNAUTHORIZED",
		Message: unauthorizedMessage, Challenge: "insufficient_scope", Why: why, Source: source,
	}
}

func content(r Reason, status int, code, message, why string) ReasonInfo {
	return ReasonInfo{
		Reason: r, Stage: StageResource, Status: status, Code: code, Message: message,
		Why: why, Source: "acr-behaviour §2.5",
	}
}

// Reasons returns the table of all reasons, in the order of the stages.
func Reasons() []ReasonInfo {
	return append(append(networkReasons(), authenticationReasons()...), append(authorizationReasons(), resourceReasons()...)...)
}

func networkReasons() []ReasonInfo {
	return []ReasonInfo{
		allows(PrivateEndpointApproved, StageNetwork, "the request came through the approved private endpoint {rule}", "acr-behaviour §0 1a"),
		allows(PublicDefaultAllow, StageNetwork, "{registry} is open to all networks", "acr-behaviour §0 1b"),
		allows(IPRuleMatched, StageNetwork, "{ip} is inside the IP rule {rule}", "acr-behaviour §0 1b"),
		allows(VirtualNetworkRuleMatched, StageNetwork, "the virtual network rule {rule} lets the subnet in", "acr-behaviour §0 1b"),
		allows(TrustedServiceBypass, StageNetwork, "{rule} is a trusted service, and {registry} lets trusted services past its network rules", "acr-behaviour §0 1c"),
		{
			Reason: RegistryUnknown, Stage: StageNetwork, Status: 404, Code: "NAME_UNKNOWN",
			Message: "registry is not known to this login server", Why: "there is no registry named {registry}",
			Source: "Azure answers with a DNS failure; a server has to say something",
		},
		firewall(PublicAccessDisabled, "public network access to {registry} is disabled, and {ip} came neither through an approved private endpoint nor from a trusted service", "acr-behaviour §1.2 row 7"),
		firewall(IPNotAllowed, "{ip} is in none of {registry}'s IP rules, and its default action is Deny", "acr-behaviour §2.1"),
		firewall(PrivateEndpointNotApproved, "the request came through {rule}, which is not an approved private endpoint of {registry}", "acr-behaviour §0 1a, §7"),
		firewall(BypassOff, "{rule} is a trusted service, but {registry} does not allow trusted services (networkRuleBypassOptions is None)", "acr-behaviour §3.1"),
		firewall(BypassExcludedByServiceEndpoint, "{registry} has virtual network rules, and a registry with a service endpoint has no bypass for trusted services ({rule})", "acr-behaviour §0 1c"),
		firewall(NotATrustedService, "{rule} is not on the list of trusted services, so its identity does not get past {registry}'s network rules", "acr-behaviour §3.1, §3.3"),
		firewall(UserAssignedNotTrusted, "{rule} gets past network rules with its system-assigned identity only, and this identity is user-assigned", "acr-behaviour §3.3"),
		firewall(TasksBypassNotAllowed, "ACR Tasks get past {registry}'s network rules only if networkRuleBypassAllowedForTasks is true ({rule})", "acr-behaviour §3.2"),
	}
}

func authenticationReasons() []ReasonInfo {
	const s = StageAuthentication
	return []ReasonInfo{
		allows(EntraAccepted, s, "Microsoft Entra ID vouches for principal {rule}", "acr-behaviour §4.2"),
		allows(RefreshTokenAccepted, s, "the refresh token of {rule} is valid", "acr-behaviour §4.5"),
		allows(AccessTokenAccepted, s, "the access token of {rule} is valid", "acr-behaviour §4.5"),
		allows(AdminUserAccepted, s, "the admin user signed in with a valid password", "acr-behaviour §4.2"),
		allows(RepositoryTokenAccepted, s, "the repository-scoped token {rule} signed in with a valid password", "acr-behaviour §4.3"),
		allows(AnonymousAccepted, s, "{registry} allows anonymous pull", "acr-behaviour §4.2"),
		unauthenticated(CredentialMissing, "-", "the request carries no credential", "acr-behaviour §2.4"),
		unauthenticated(CredentialMalformed, "invalid_token", "the credential cannot be read: {rule}", "acr-behaviour §2.4"),
		unauthenticated(SignatureInvalid, "invalid_token", "the token was not signed by a key that {registry} trusts: {rule}", "acr-behaviour §2.4"),
		unauthenticated(IssuerWrong, "invalid_token", "the token comes from another issuer: {rule}", "acr-behaviour §4.5"),
		unauthenticated(AudienceWrong, "invalid_token", "the token was made for another audience: {rule}", "acr-behaviour §4.5"),
		unauthenticated(TenantWrong, "invalid_token", "the token comes from another tenant: {rule}", "acr-behaviour §2.5"),
		unauthenticated(Expired, "invalid_token", "the credential has expired: {rule}", "acr-behaviour §2.4, §4.6"),
		unauthenticated(NotYetValid, "invalid_token", "the token is not valid yet: {rule}", "acr-behaviour §4.5"),
		unauthenticated(AdminUserDisabled, "-", "the admin user of {registry} is disabled", "acr-behaviour §2.5"),
		unauthenticated(PasswordWrong, "-", "the password does not match: {rule}", "acr-behaviour §2.5"),
		unauthenticated(PrincipalUnknown, "invalid_token", "the principal, or the resource that its identity belongs to, does not exist: {rule}", "acr-behaviour §2.5"),
		unregistered(ApplicationUnknown, "no account of {registry} and no service principal has this user name: {rule}", "acr-behaviour §2.5"),
		unauthenticated(TokenDisabled, "invalid_token", "the repository-scoped token {rule} is disabled or gone", "acr-behaviour §2.5"),
		unauthenticated(ModeChanged, "invalid_token", "{registry} changed its role assignment mode after the credential was issued ({rule})", "acr-behaviour §5.2"),
		unauthenticated(ARMAudienceRefused, "invalid_token", "{registry} takes no token made for Azure Resource Manager (azureADAuthenticationAsArmPolicy is disabled)", "acr-behaviour §4.7"),
	}
}

func authorizationReasons() []ReasonInfo {
	const s = StageAuthorization
	return []ReasonInfo{
		allows(RoleGrants, s, "the role assignment {rule} grants it", "acr-behaviour §5"),
		allows(ScopeMapGrants, s, "the scope map entry {rule} grants it", "acr-behaviour §4.3"),
		allows(AdminGrants, s, "the admin user may do everything", "acr-behaviour §4.2"),
		allows(AnonymousPullGrants, s, "anonymous pull covers reading", "acr-behaviour §4.2"),
		allows(ServiceRight, s, "{rule} may do this without a role", "acr-behaviour §3.1"),
		unauthorized(NoRole, "{rule} has no role that covers {registry}", "acr-behaviour §2.5"),
		unauthorized(RoleLacksAction, "the roles that cover {registry} do not grant {rule}", "acr-behaviour §2.5"),
		unauthorized(ConditionNotMet, "the condition of the role assignment {rule} does not hold for this repository", "acr-behaviour §5.3"),
		unauthorized(ScopeMissing, "the access token was not issued for {rule}", "acr-behaviour §2.4"),
		unauthorized(ScopeMapLacksAction, "the scope map does not grant {rule} on this repository", "acr-behaviour §4.3"),
		{
			Reason: OperationUnsupported, Stage: s, Status: 404, Code: "UNSUPPORTED", Message: "The operation is unsupported.",
			Why: "the login server has no such API: {rule}", Source: "OCI distribution-spec, error codes",
		},
	}
}

func resourceReasons() []ReasonInfo {
	return []ReasonInfo{
		content(Locked, 405, "REGISTRY_DISALLOWED_OPERATION", disallowedMessage, "{rule} is locked against it"),
		content(Quarantined, 405, "REGISTRY_DISALLOWED_OPERATION", disallowedMessage, "{rule} is in quarantine"),
		content(Throttled, 429, "TOOMANYREQUESTS", "too many requests", "the request rate of {rule} is used up"),
		content(StorageFull, 403, "DENIED", "storage limit of the registry reached", "the emulator's storage limit is reached ({rule})"),
	}
}

// reasonTable is Reasons by key. It is never written to.
var reasonTable = func() map[Reason]ReasonInfo {
	table := map[Reason]ReasonInfo{}
	for _, info := range Reasons() {
		table[info.Reason] = info
	}
	return table
}()

// Info returns the reason's row in the table. An unknown reason gets a row that refuses with 403 DENIED.
func (r Reason) Info() ReasonInfo {
	if info, ok := reasonTable[r]; ok {
		return info
	}
	return ReasonInfo{
		Reason: r, Status: 403, Code: "DENIED", Message: "requested access to the resource is denied",
		Why: "nothing allows the request",
	}
}
