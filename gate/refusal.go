package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Refusal is an answer that refuses, in the words of ACR (acr-behaviour §2).
type Refusal struct {
	// Surface decides about headers and the form of the body.
	Surface Surface
	// Status is the HTTP status.
	Status int
	// Code and Message go into the body's one error.
	Code, Message string
	// Detail is the error's detail, as JSON; nil leaves it out.
	Detail json.RawMessage
	// Challenge is the value of WWW-Authenticate; empty sends none.
	Challenge string
	// CorrelationID is sent as X-Ms-Correlation-Request-Id.
	CorrelationID string
	// RetryAfter is sent as Retry-After, in seconds, unless 0.
	RetryAfter int
}

// Answer is where a refusal is sent: what the client must be told that the request does not say.
type Answer struct {
	// Realm is the URL of the token service, as the client can reach it. Without one the challenge asks for Basic.
	Realm string
	// Service is the login server, the audience of tokens.
	Service string
	// CorrelationID ties the answer to the log.
	CorrelationID string
	// CorrelationInMessage appends the ID to messages of the token service; see Quirks.
	CorrelationInMessage bool
}

// Refuse makes the refusal of a request by a decision. It refuses by a decision that allows, too, as it would by one
// whose reason nobody knows.
func Refuse(q Request, d Decision, to Answer) Refusal {
	info := d.Reason().Info()
	if info.Status == 0 {
		info = Reason("").Info()
	}
	refusal := Refusal{
		Surface: q.Surface, Status: info.Status, Code: info.Code,
		Message: strings.ReplaceAll(info.Message, "{ip}", addressText(q.Source.Peer)), CorrelationID: to.CorrelationID,
	}
	if q.Surface == TokenAPI || info.Stage == StageNetwork {
		refusal.correlate(to)
	}
	if q.Surface == RegistryAPI && info.Challenge != "" {
		refusal.Challenge = challengeHeader(q.Operation, info.Challenge, to)
		refusal.Detail = challengeDetail(q.Operation)
	}
	if info.Status == http.StatusMethodNotAllowed {
		refusal.Detail = json.RawMessage("{}")
	}
	return refusal
}

func (r *Refusal) correlate(to Answer) {
	if to.CorrelationInMessage {
		r.Message += " CorrelationId: " + to.CorrelationID
	}
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	return a.Unmap().String()
}

// challengeHeader has no space after its commas: az fails on one (az-cli §1).
func challengeHeader(op Operation, problem string, to Answer) string {
	if to.Realm == "" {
		return fmt.Sprintf(`Basic realm=%q`, to.Service)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Bearer realm=%q,service=%q`, to.Realm, to.Service)
	if scope, ok := scopeFor(op); ok {
		fmt.Fprintf(&b, `,scope=%q`, scope)
	}
	if problem != "-" {
		fmt.Fprintf(&b, `,error=%q`, problem)
	}
	return b.String()
}

// challengeDetail is the detail of a registry's 401, with ACR's capital letters (acr-behaviour §2.4).
func challengeDetail(op Operation) json.RawMessage {
	scope, ok := scopeFor(op)
	if !ok {
		return nil
	}
	type entry struct{ Type, Name, Action string }
	var entries []entry
	for _, action := range scope.Actions() {
		entries = append(entries, entry{scope.Type, scope.Name, action})
	}
	detail, _ := json.Marshal(entries) // strings alone cannot fail
	return detail
}

// Write sends a refusal. It is the only writer of the registry's and the token service's errors.
func Write(w http.ResponseWriter, r Refusal) {
	SetHeaders(w.Header(), r.Surface, r.CorrelationID)
	if r.Challenge != "" {
		w.Header().Set("Www-Authenticate", r.Challenge)
	}
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.RetryAfter))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body())
}

// Body returns the refusal's body. Where ACR is known to have written one, it is ACR's to the byte: the token service
// escapes apostrophes, the registry ends its body in a newline (acr-behaviour §2.1, §2.5).
func (r Refusal) Body() []byte {
	var b bytes.Buffer
	b.WriteString(`{"errors":[{"code":`)
	b.Write(jsonText(r.Code))
	b.WriteString(`,"message":`)
	b.Write(bytes.ReplaceAll(jsonText(r.Message), []byte("'"), []byte(`\u0027`)))
	if r.Detail != nil {
		b.WriteString(`,"detail":`)
		b.Write(r.Detail)
	}
	b.WriteString(`}]}`)
	if r.Surface == RegistryAPI && r.Code != "DENIED" {
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// jsonText encodes a string without the escapes that Go adds for HTML.
func jsonText(s string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// headers are what every answer of a surface carries (acr-behaviour §2.3).
var headers = map[Surface]http.Header{
	RegistryAPI: {
		"Server":                          {"openresty"},
		"Docker-Distribution-Api-Version": {"registry/2.0"},
		"Strict-Transport-Security":       {"max-age=31536000; includeSubDomains", "max-age=31536000; includeSubDomains"},
		"X-Content-Type-Options":          {"nosniff"},
		"Access-Control-Expose-Headers":   {"Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"},
	},
	TokenAPI: {
		"Server":                    {"openresty"},
		"Strict-Transport-Security": {"max-age=31536000; includeSubDomains"},
	},
}

// SetHeaders sets the headers that every answer of the surface carries, refusal or not.
func SetHeaders(h http.Header, surface Surface, correlationID string) {
	for name, values := range headers[surface] {
		h[name] = values
	}
	h.Set("X-Ms-Correlation-Request-Id", correlationID)
}

// Why returns one sentence for people about what settled the decision.
func (d Decision) Why(q Request) string { return d.Settled().Why(q) }

// Why returns one sentence for people about what the step found.
func (s Step) Why(q Request) string {
	if s.Reason == "" {
		return Reason("").Info().Why
	}
	return fill(s.Reason.Info().Why, func(name string) string {
		switch name {
		case "ip":
			return addressText(q.Source.Peer)
		case "registry":
			return q.Registry
		}
		return s.Rule
	})
}

// fill puts values in the place of {names}. It is on every answer's way, where a strings.Replacer costs ten times as much.
func fill(text string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		b.WriteString(value(name))
		text = after
	}
}
