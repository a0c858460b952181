package gate

import (
	"errors"
	"net/http"
	"strings"
)

// Verified is what a verifier found out about a token of Microsoft Entra ID.
type Verified struct {
	// ObjectID is the claim oid.
	ObjectID string
	// Evidence is what the token says of a managed identity.
	Evidence Evidence
	// ARMAudience says that the token was made for Azure Resource Manager.
	ARMAudience bool
}

// maxToken bounds a credential, in bytes.
const maxToken = 16 << 10

// EntraAuthenticator reads credentials for a gate that stands alone, in front of a registry without a token service: a
// token of Microsoft Entra ID is the bearer token, or the password of Basic authentication under any user name. It is an
// Options.Authenticate. If the verifier's error has a method Reason, which names a reason of the authentication stage,
// the decision names it too; any other error counts as credential-malformed.
func EntraAuthenticator(verify func(token string) (Verified, error)) func(*http.Request, string) Credential {
	return func(r *http.Request, _ string) Credential {
		token, given := presentedToken(r)
		switch {
		case !given:
			return Credential{}
		case token == "" || len(token) > maxToken:
			return Credential{Kind: EntraToken, Failure: CredentialMalformed, Detail: "the Authorization header holds no token"}
		}
		v, err := verify(token)
		if err != nil {
			return Credential{Kind: EntraToken, Failure: reasonOf(err), Detail: err.Error()}
		}
		return Credential{
			Kind: EntraToken, Holder: PrincipalHolder, Name: fold(v.ObjectID), ARMAudience: v.ARMAudience,
			Evidence: Evidence{Identity: fold(v.Evidence.Identity), Host: fold(v.Evidence.Host)},
		}
	}
}

// presentedToken returns the token of a Bearer or Basic header; it is empty if the header holds none.
func presentedToken(r *http.Request) (token string, given bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", false
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return token, true
}

func reasonOf(err error) Reason {
	var named interface{ Reason() string }
	if errors.As(err, &named) {
		info := Reason(named.Reason()).Info()
		if info.Stage == StageAuthentication && info.Verdict == Challenge {
			return info.Reason
		}
	}
	return CredentialMalformed
}
