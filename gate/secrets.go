package gate

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// Password checks a user name and password against the accounts that a registry itself keeps: the admin user and the
// repository-scoped tokens (acr-behaviour §4.2). It reports false if the name is none of theirs, so that the caller
// may ask Microsoft Entra ID; otherwise the credential says whether the password was right.
func (s *Snapshot) Password(registryName, user, password string, now time.Time) (Credential, bool) {
	r := s.orEmpty().registries[fold(registryName)]
	if r == nil {
		return Credential{}, false
	}
	if fold(user) == r.key {
		return r.adminPassword(password), true
	}
	if t := r.tokens[user]; t != nil {
		return t.password(password, now), true
	}
	return Credential{}, false
}

func (r *registry) adminPassword(password string) Credential {
	c := Credential{Kind: AdminPassword, Holder: AdminHolder, Name: r.Name}
	matched := false
	for _, p := range r.Admin.Passwords {
		matched = sameSecret(p, password) || matched
	}
	switch {
	case !r.Admin.Enabled:
		c.Failure, c.Detail = AdminUserDisabled, "adminUserEnabled=false"
	case !matched:
		c.Failure, c.Detail = PasswordWrong, "admin user "+r.Name
	}
	return c
}

func (t *repositoryToken) password(password string, now time.Time) Credential {
	c := Credential{Kind: TokenPassword, Holder: TokenHolder, Name: t.Name, Failure: PasswordWrong, Detail: "token " + t.Name}
	for _, p := range t.Passwords {
		if !sameSecret(p.Value, password) {
			continue
		}
		c.Failure, c.Detail = "", ""
		if !p.Expires.IsZero() && !now.Before(p.Expires) {
			c.Failure, c.Detail = Expired, "a password of token "+t.Name
		}
	}
	return c
}

// sameSecret compares in a time that tells nothing about either secret. The empty secret matches nothing.
func sameSecret(want, got string) bool {
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(got))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}
