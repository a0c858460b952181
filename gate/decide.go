package gate

// caller is what authentication found out: a principal of the policy, a repository-scoped token, or neither.
type caller struct {
	principal *principal
	token     *repositoryToken
	evidence  Evidence
}

func allow(stage Stage, why Reason, rule string) Step {
	return Step{Stage: stage, Verdict: Allow, Reason: why, Rule: rule}
}

func deny(stage Stage, why Reason, rule string) Step {
	return Step{Stage: stage, Verdict: Deny, Reason: why, Rule: rule}
}

func challenge(why Reason, rule string) Step {
	return Step{Stage: StageAuthentication, Verdict: Challenge, Reason: why, Rule: rule}
}

// Decide reports whether a request is allowed, and why. It is a pure function of the snapshot and the request, and
// allocates nothing.
//
// The credential is looked at first, since the network stage needs to know whether a trusted service asks; but the
// network speaks first. There is one exception, which is ACR's own (acr-behaviour §2.2): on /v2 and /acr/v1 a request
// whose credential is missing or worthless is asked to authenticate even where the network would refuse it, and gets its
// 403 from the token service. A password is no such credential: right or wrong, it gets the network's word, so that
// nobody guesses from outside. Quirk DenyAtRegistry does away with the exception.
func (s *Snapshot) Decide(q Request) Decision {
	s = s.orEmpty()
	r := s.registries[q.Registry]
	if r == nil {
		return unknownRegistry(s.revision, q.Registry)
	}
	d := Decision{Revision: s.revision}
	var c caller
	identity := s.authenticate(r, &q, &c)
	d.add(s.network(r, q.Source, &c))
	asked := q.Surface == RegistryAPI && identity.Verdict == Challenge && !r.Quirks.DenyAtRegistry && !q.Credential.guessable()
	if d.Verdict != Allow && !asked {
		return d
	}
	d.add(identity)
	if d.Verdict == Allow {
		d.add(s.authorize(r, &q, &c))
	}
	return d
}

func unknownRegistry(revision int64, name string) Decision {
	d := Decision{Revision: revision}
	d.add(deny(StageNetwork, RegistryUnknown, name))
	return d
}

// guessable reports whether the credential is a user name and a password, rather than something signed.
func (c *Credential) guessable() bool {
	return c.Kind == AdminPassword || c.Kind == TokenPassword || c.Failure == PasswordWrong || c.Failure == ApplicationUnknown
}

// authenticate is the second stage: whether the credential is believed, and whether its holder may still use it.
func (s *Snapshot) authenticate(r *registry, q *Request, c *caller) Step {
	credential := &q.Credential
	switch {
	case credential.Failure != "":
		return challenge(credential.Failure, credential.Detail)
	case !credential.consistent():
		return challenge(CredentialMalformed, "a credential of no known kind, or of somebody who cannot have it")
	case credential.fromACR() && credential.Mode.orDefault() != r.Mode:
		return challenge(ModeChanged, string(r.Mode))
	case credential.Kind == EntraToken && credential.ARMAudience && r.RefuseARMAudience:
		return challenge(ARMAudienceRefused, "azureADAuthenticationAsArmPolicy=disabled")
	}
	switch credential.Holder {
	case PrincipalHolder:
		return s.authenticatePrincipal(credential, c)
	case AdminHolder:
		return r.authenticateAdmin(credential)
	case TokenHolder:
		return r.authenticateToken(credential, c)
	case RunHolder:
		return allow(StageAuthentication, accepted[credential.Kind], Tasks)
	}
	return r.authenticateAnonymous(q)
}

// holders are who can have a credential of each kind that is not ACR's own token.
var holders = [unknownCredential]Holder{
	NoCredential: AnonymousHolder, EntraToken: PrincipalHolder, AdminPassword: AdminHolder, TokenPassword: TokenHolder,
}

// consistent guards against a credential that was filled in by half.
func (c *Credential) consistent() bool {
	if c.fromACR() {
		return c.Holder <= RunHolder
	}
	return c.Kind < unknownCredential && c.Holder == holders[c.Kind]
}

// fromACR reports whether the registry itself issued the credential, in the mode it had then.
func (c *Credential) fromACR() bool { return c.Kind == RefreshToken || c.Kind == AccessToken }

// accepted are the reasons for which a credential of each kind passes.
var accepted = [unknownCredential]Reason{
	NoCredential: AnonymousAccepted, EntraToken: EntraAccepted, RefreshToken: RefreshTokenAccepted,
	AccessToken: AccessTokenAccepted, AdminPassword: AdminUserAccepted, TokenPassword: RepositoryTokenAccepted,
}

// authenticatePrincipal takes a principal's credential only while the principal exists and, if it is a managed
// identity, still belongs to the resources that the credential names.
func (s *Snapshot) authenticatePrincipal(credential *Credential, c *caller) Step {
	p := s.principals[credential.Name]
	if p == nil || p.Kind == Group || !p.belongs(credential.Evidence) {
		return challenge(PrincipalUnknown, credential.Name)
	}
	c.principal, c.evidence = p, credential.Evidence
	return allow(StageAuthentication, accepted[credential.Kind], p.ID)
}

// belongs compares what a credential says of a managed identity with how things are now.
func (p *principal) belongs(proof Evidence) bool {
	if proof.Identity != p.identity {
		return false
	}
	if p.Kind != UserAssignedIdentity || proof.Host == "" {
		return true
	}
	_, ok := p.hosts[proof.Host]
	return ok
}

func (r *registry) authenticateAdmin(credential *Credential) Step {
	if !r.Admin.Enabled {
		return challenge(AdminUserDisabled, "adminUserEnabled=false")
	}
	return allow(StageAuthentication, accepted[credential.Kind], "admin user")
}

func (r *registry) authenticateToken(credential *Credential, c *caller) Step {
	t := r.tokens[credential.Name]
	if t == nil || !t.Enabled {
		return challenge(TokenDisabled, credential.Name)
	}
	c.token = t
	return allow(StageAuthentication, accepted[credential.Kind], t.Name)
}

// authenticateAnonymous lets nobody in particular in where anonymous pull is on; but the registry itself wants an
// access token even then, which the token service gives to anybody (acr-behaviour §2.4, §2.5).
func (r *registry) authenticateAnonymous(q *Request) Step {
	bare := q.Credential.Kind == NoCredential && q.Surface == RegistryAPI
	if bare || !r.AnonymousPull {
		return challenge(CredentialMissing, "")
	}
	return allow(StageAuthentication, AnonymousAccepted, "anonymousPullEnabled=true")
}
