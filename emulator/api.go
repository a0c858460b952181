package emulator

import "github.com/acrlocal/acrlocal/gate"

// Endpoints are where a running emulator is found, and with what it may be used at once. It is what --endpoints-file
// writes.
type Endpoints struct {
	Service        string            `json:"service"`
	Manage         string            `json:"manage"`
	Proxy          string            `json:"proxy"`
	CA             string            `json:"ca"`
	Registries     map[string]string `json:"registries"`
	TenantID       string            `json:"tenantId"`
	SubscriptionID string            `json:"subscriptionId"`
	ClientID       string            `json:"clientId"`
	ClientSecret   string            `json:"clientSecret"`
}

// Status describes a running emulator.
type Status struct {
	Endpoints
	// Version is the version of the binary.
	Version string `json:"version"`
	// Revision numbers the state; every write raises it.
	Revision int64 `json:"revision"`
	// Documents counts the resources and directory objects.
	Documents int `json:"documents"`
	// Decisions counts the decisions that the log keeps.
	Decisions int `json:"decisions"`
	// Executor says how the containers of tasks and container groups are run.
	Executor ExecutorStatus `json:"executor"`
	// Policies summarises each registry's rules.
	Policies []RegistryStatus `json:"policies"`
	// Places are resources from which `acrlocal from` can run a program.
	Places []string `json:"places"`
}

// RegistryStatus summarises the rules of a registry.
type RegistryStatus struct {
	Name            string   `json:"name"`
	Network         string   `json:"network"`
	IPRules         []string `json:"ipRules,omitempty"`
	TrustedServices bool     `json:"trustedServices"`
	Mode            string   `json:"roleAssignmentMode"`
}

// ExplainRequest asks what would happen, without traffic.
type ExplainRequest struct {
	// From is a place; empty is the address that asks.
	From string `json:"from"`
	// As is a principal: an object ID, application ID, user principal name, resource ID or the tail of one; empty is
	// the identity of the place. "anonymous" is nobody.
	As string `json:"as"`
	// Do is an operation, such as pull or push.
	Do string `json:"do"`
	// Registry is the registry's name; empty is the default registry.
	Registry string `json:"registry"`
	// Repository is the repository concerned.
	Repository string `json:"repository"`
}

// Explanation answers an ExplainRequest under each behaviour.
type Explanation struct {
	// Question is the request with its defaults filled in.
	Question ExplainRequest `json:"question"`
	// Place describes where the request would come from.
	Place PlaceStatus `json:"place"`
	// Principal is the object ID of who would ask; empty is nobody.
	Principal string `json:"principal,omitempty"`
	// Answers holds one answer for each behaviour, the registry's own first.
	Answers []ExplainedAnswer `json:"answers"`
}

// OwnQuirks is the behaviour of an ExplainedAnswer for a registry whose quirks were set one by one, so that it follows
// neither of the two.
const OwnQuirks gate.Behavior = "of its own"

// ExplainedAnswer is the decision under one behaviour.
type ExplainedAnswer struct {
	// Behavior is gate.Article or gate.Current; or OwnQuirks.
	Behavior gate.Behavior `json:"behavior"`
	Verdict  gate.Verdict  `json:"verdict"`
	Stage    gate.Stage    `json:"stage"`
	Reason   gate.Reason   `json:"reason"`
	Rule     string        `json:"rule,omitempty"`
	Why      string        `json:"why"`
	Steps    []gate.Step   `json:"steps"`
	// Remedy is the smallest change that would turn a refusal round, as az commands.
	Remedy []string `json:"remedy,omitempty"`
}

// PlaceStatus describes a place as the emulator sees it.
type PlaceStatus struct {
	Name     string `json:"name"`
	Kind     string `json:"kind,omitempty"`
	Address  string `json:"address,omitempty"`
	Network  string `json:"network,omitempty"`
	Subnet   string `json:"subnet,omitempty"`
	Resource string `json:"resource,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Quirk    string `json:"quirk,omitempty"`
}

// TokenRequest asks the management API for a token, as no client of Azure could.
type TokenRequest struct {
	// As is a principal, as in ExplainRequest.
	As string `json:"as"`
	// From is the place whose identity is meant if As is empty, and the host of a user-assigned identity.
	From string `json:"from"`
	// Registry asks for an ACR refresh token of that registry; empty asks for an Entra token.
	Registry string `json:"registry"`
	// Audience is the audience of the Entra token; empty is Azure Container Registry.
	Audience string `json:"audience"`
	// Subject asks for a token of another issuer instead, of this subject, as federated credentials take it (workload
	// identity). Its audience is api://AzureADTokenExchange unless told.
	Subject string `json:"subject"`
	// Issuer is that issuer; empty is the one that federated credentials name together with the subject.
	Issuer string `json:"issuer"`
}

// TokenAnswer is a token.
type TokenAnswer struct {
	Token     string `json:"token"`
	Principal string `json:"principal"`
	ExpiresOn int64  `json:"expiresOn"`
}

// PlaceAnswer is what `acrlocal from` needs to run a program at a place.
type PlaceAnswer struct {
	PlaceStatus
	// Principal is the object ID of the identity the program runs as; empty is nobody.
	Principal string `json:"principal,omitempty"`
	// Logins are ACR refresh tokens by login server, one for every registry. Where anybody may pull, an identity without a
	// right has none.
	Logins map[string]string `json:"logins,omitempty"`
	// IMDS says whether the place has an instance metadata service.
	IMDS bool `json:"imds"`
	// IdentityHeader is the secret of a resource's identity endpoint: IDENTITY_HEADER and MSI_SECRET.
	IdentityHeader string `json:"identityHeader,omitempty"`
}

// APIError is the body of a refusal by the management API.
type APIError struct {
	Message string `json:"error"`
}
