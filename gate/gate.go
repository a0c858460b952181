package gate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// Gate puts decisions in front of a registry. Make one with New; it refuses everything until Swap gives it a snapshot.
type Gate struct {
	options  Options
	snapshot atomic.Pointer[Snapshot]
	sequence atomic.Uint64
}

// Options say how a Gate reads requests. Only Authenticate is necessary.
type Options struct {
	// Authenticate reads the credential of a request to a registry. It verifies, and does not decide.
	Authenticate func(r *http.Request, registry string) Credential
	// Registry names the registry that a request addresses; the default is the first label of its host. An empty
	// name is refused.
	Registry func(r *http.Request) string
	// Source says where a request comes from; the default is the peer of the connection, trusting no header.
	Source func(r *http.Request) Source
	// Answer says where the token service of a registry is found; by default there is none, and the challenge asks for
	// Basic authentication.
	Answer func(r *http.Request, registry Registry) Answer
	// Observe is told of every decision, with the status that a refusal had. It must not block.
	Observe func(r *http.Request, record Record)
	// Now is the clock; the default is time.Now.
	Now func() time.Time
	// PlainAnswers leaves out the headers X-Acrlocal-Decision and X-Acrlocal-Why, which ACR does not send.
	PlainAnswers bool
}

// Record is one decision as it was made.
type Record struct {
	// ID names the decision; it grows over time.
	ID string
	// CorrelationID is the one sent with the answer.
	CorrelationID string
	// Time is when it was made.
	Time time.Time
	// Took is how long the deciding took, credential included.
	Took time.Duration
	// Request is what was decided on. Its scopes are shared and must not be changed.
	Request Request
	// Decision is the outcome.
	Decision Decision
}

// New returns a gate that refuses everything until it gets a snapshot.
func New(o Options) *Gate {
	if o.Registry == nil {
		o.Registry = func(r *http.Request) string { return FirstLabel(r.Host) }
	}
	if o.Source == nil {
		o.Source = TrustedProxies(nil).Source
	}
	if o.Answer == nil {
		o.Answer = defaultAnswer
	}
	if o.Observe == nil {
		o.Observe = func(*http.Request, Record) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Gate{options: o}
}

// Swap makes the gate judge by another snapshot, from the next request on.
func (g *Gate) Swap(s *Snapshot) { g.snapshot.Store(s) }

// Snapshot returns the snapshot by which the gate judges now; it may be nil.
func (g *Gate) Snapshot() *Snapshot { return g.snapshot.Load() }

// Middleware lets the requests through to next that the gate allows, and refuses the others. It has the form that chi
// and others take. The handlers behind it find the record of the decision with FromContext.
//
// A request to mount a blob from a repository that the caller may not pull loses its mount parameters, so that the
// client uploads the blob instead, as the distribution specification provides.
func (g *Gate) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := g.Judge(r)
		if record.Decision.Verdict != Allow {
			g.Refuse(w, r, record)
			return
		}
		g.options.Observe(r, record)
		g.describe(w, record)
		if record.Request.Operation.Kind == OpPush && r.Method == http.MethodPost {
			r = g.checkMount(r, record.Request)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordKey{}, record)))
	})
}

// Judge decides a request without answering it.
func (g *Gate) Judge(r *http.Request) Record {
	started := g.options.Now()
	name := fold(g.options.Registry(r))
	surface, op := ParseOperation(r.Method, r.URL)
	q := Request{
		Registry: name, Surface: surface, Operation: op,
		Source: g.options.Source(r), Credential: g.options.Authenticate(r, name),
	}
	return Record{
		ID: fmt.Sprintf("d%d", g.sequence.Add(1)), CorrelationID: newCorrelationID(), Time: started,
		Request: q, Decision: g.Snapshot().Decide(q), Took: g.options.Now().Sub(started),
	}
}

// Refuse answers a request that a decision refuses, and tells the observer.
func (g *Gate) Refuse(w http.ResponseWriter, r *http.Request, record Record) {
	g.options.Observe(r, record)
	g.describe(w, record)
	Write(w, Refuse(record.Request, record.Decision, g.answer(r, record)))
}

func (g *Gate) answer(r *http.Request, record Record) Answer {
	var registry Registry
	if s := g.Snapshot(); s != nil {
		registry, _ = s.Registry(record.Request.Registry)
	}
	to := g.options.Answer(r, registry)
	to.CorrelationID = record.CorrelationID
	to.CorrelationInMessage = registry.Quirks.CorrelationInMessage
	return to
}

func defaultAnswer(_ *http.Request, registry Registry) Answer {
	return Answer{Service: registry.LoginServer}
}

// describe adds the headers that say what was decided and why.
func (g *Gate) describe(w http.ResponseWriter, record Record) {
	if g.options.PlainAnswers {
		return
	}
	step := record.Decision.Settled()
	w.Header().Set("X-Acrlocal-Decision",
		record.ID+"; "+record.Decision.Verdict.String()+"; "+step.Stage.String()+"; "+string(step.Reason))
	w.Header().Set("X-Acrlocal-Why", headerText(step.Why(record.Request)))
}

// maxHeaderText bounds a sentence in a header, in bytes: it may quote a token's claims, which can be long.
const maxHeaderText = 1 << 10

// headerText keeps a header short and to printable ASCII, whatever a rule's name holds.
func headerText(s string) string {
	b := []byte(s[:min(len(s), maxHeaderText)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// checkMount lets the mount parameters stay only if the caller may pull from the other repository, and only in the
// query: distribution would read them from a form in the body too, which the gate does not. So it must not see a form.
func (g *Gate) checkMount(r *http.Request, q Request) *http.Request {
	q.Operation = Operation{Kind: OpPull, Repository: q.Operation.From}
	r = r.Clone(r.Context())
	r.Header.Del("Content-Type")
	query := r.URL.Query()
	if len(query["from"]) == 1 && validRepository(q.Operation.Repository) && g.Snapshot().Decide(q).Verdict == Allow {
		return r
	}
	query.Del("mount")
	query.Del("from")
	r.URL.RawQuery = query.Encode()
	return r
}

type recordKey struct{}

// FromContext returns the decision that let a request through, and whether a gate did.
func FromContext(ctx context.Context) (Record, bool) {
	record, ok := ctx.Value(recordKey{}).(Record)
	return record, ok
}

// FirstLabel returns the first label of a host, in lower case and without port: the registry's name in
// NAME.azurecr.io. A host without a dot, or an address, has none.
func FirstLabel(host string) string {
	name, _, _ := strings.Cut(host, ":")
	label, rest, ok := cutLabel(name)
	_, err := netip.ParseAddr(name)
	if !ok || rest == "" || label == "" || err == nil {
		return ""
	}
	return fold(label)
}

func cutLabel(host string) (label, rest string, ok bool) {
	for i := range len(host) {
		switch c := host[i]; {
		case c == '.':
			return host[:i], host[i+1:], true
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
		default:
			return "", "", false
		}
	}
	return "", "", false
}

// newCorrelationID returns a random version 4 UUID, in the form of a GUID.
func newCorrelationID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
