package blob

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Permissions are what a signature allows, as the letters of sp.
type Permissions string

// What ACR Tasks give to clients.
const (
	Read   Permissions = "r"  // to read a log
	Upload Permissions = "cw" // to write a source, which may be there already
)

const (
	// Suffix is the domain of accounts.
	Suffix = ".blob.core.windows.net"
	// signedVersion is the version of Storage by whose rules a signature is made, the one that az 2.45 speaks (az-cli §6.1).
	signedVersion = "2018-11-09"
	timeForm      = "2006-01-02T15:04:05Z"
	maxQuery      = 4096 // bytes of a query that is looked at
)

// Sign returns the URL of a blob at which clients may do something with it for so long.
func (s *Store) Sign(ref Ref, may Permissions, lasting time.Duration) *url.URL {
	query := url.Values{
		"sv": {signedVersion}, "sr": {"b"}, "sp": {string(may)},
		"se": {s.options.Now().Add(lasting).UTC().Format(timeForm)},
	}
	query.Set("sig", s.signature(ref, query))
	return &url.URL{Scheme: "https", Host: ref.Account + Suffix, Path: "/" + ref.Container + "/" + ref.Name, RawQuery: query.Encode()}
}

// signed are the parameters that a signature covers, in Storage's order; RESOURCE stands for the blob. A parameter that Sign
// does not set is covered as well, so that a client cannot add it.
var signed = []string{"sp", "st", "se", resourceLine, "si", "sip", "spr", "sv", "sr", "snapshot", "rscc", "rscd", "rsce", "rscl", "rsct"}

const resourceLine = "RESOURCE"

// signature is that of a service SAS ("Create a service SAS" in the reference of Storage), with a key that each owner of an
// account has for themselves.
func (s *Store) signature(ref Ref, query url.Values) string {
	lines := make([]string, len(signed))
	for i, name := range signed {
		lines[i] = query.Get(name)
		if name == resourceLine {
			lines[i] = "/blob/" + ref.String()
		}
	}
	s.mu.Lock()
	key := sum(s.options.Key, ref.Account+"/"+strconv.Itoa(s.lost[ref.Account]))
	s.mu.Unlock()
	return base64.StdEncoding.EncodeToString(sum(key, strings.Join(lines, "\n")))
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// authorize refuses who has no signature for what they want to do with a blob. It looks at the signature before anything
// else, so that a wrong one teaches nothing.
func (s *Store) authorize(ref Ref, rawQuery string, wanted Permissions) error {
	if len(rawQuery) > maxQuery {
		return errAuthentication
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return errAuthentication
	}
	if !query.Has("sig") {
		return errNotPublic
	}
	for _, values := range query {
		if len(values) != 1 {
			return errAuthentication // of two values only one would be covered
		}
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("sig")), []byte(s.signature(ref, query))) != 1 {
		return errAuthentication
	}
	expiry, err := time.Parse(timeForm, query.Get("se"))
	if err != nil || query.Get("sr") != "b" || !s.options.Now().Before(expiry) {
		return errAuthentication
	}
	if !strings.ContainsAny(query.Get("sp"), string(wanted)) {
		return errPermission
	}
	return nil
}
