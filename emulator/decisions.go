package emulator

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// logCapacity is how many decisions the log keeps.
const logCapacity = 4096

// DecisionEntry is one line of the decision log: the columns of Azure's registry logs (acr-behaviour §8), and those
// that Azure lacks.
type DecisionEntry struct {
	// ID names the decision, as in X-Acrlocal-Decision.
	ID string `json:"id"`
	// Type is the table that Azure would keep the line in, Category its name among the diagnostic settings.
	Type     string `json:"Type"`
	Category string `json:"Category"`

	TimeGenerated   time.Time `json:"TimeGenerated"`
	OperationName   string    `json:"OperationName"`
	CallerIPAddress string    `json:"CallerIpAddress"`
	CorrelationID   string    `json:"CorrelationId"`
	// DurationMs is how long the deciding took, in milliseconds.
	DurationMs  float64 `json:"DurationMs"`
	Identity    string  `json:"Identity,omitempty"`
	LoginServer string  `json:"LoginServer"`
	Region      string  `json:"Region,omitempty"`
	TenantID    string  `json:"TenantId"`
	// ResultType is Succeeded or Failed, ResultDescription the HTTP status as text.
	ResultType        string `json:"ResultType"`
	ResultDescription string `json:"ResultDescription"`
	UserAgent         string `json:"UserAgent,omitempty"`
	SourceSystem      string `json:"SourceSystem"`
	ResourceID        string `json:"_ResourceId,omitempty"`
	SubscriptionID    string `json:"_SubscriptionId,omitempty"`

	Repository string `json:"Repository,omitempty"`
	Tag        string `json:"Tag,omitempty"`
	Digest     string `json:"Digest,omitempty"`
	MediaType  string `json:"MediaType,omitempty"`
	// Size is the length of the answer in bytes, where it is known before it is sent.
	Size int64 `json:"Size,omitempty"`

	Verdict  gate.Verdict `json:"verdict"`
	Stage    gate.Stage   `json:"stage"`
	Reason   gate.Reason  `json:"reason"`
	Rule     string       `json:"rule,omitempty"`
	Why      string       `json:"why"`
	Place    string       `json:"place,omitempty"`
	Endpoint string       `json:"endpoint,omitempty"`
	Revision int64        `json:"revision"`
	Steps    []gate.Step  `json:"steps"`
	// Remedy is the smallest change that would turn a refusal round, as az commands.
	Remedy []string `json:"remedy,omitempty"`
}

// logged is a decision as the log keeps it: rendering waits until somebody reads it.
type logged struct {
	record    gate.Record
	place     string
	userAgent string
	outcome   outcome
}

// outcome is how a request ended, as far as it is known.
type outcome struct {
	status            int
	digest, mediaType string
	size              int64
}

// decisionLog keeps the last decisions, and writes them to a file as JSON lines if there is one.
type decisionLog struct {
	mu     sync.Mutex
	ring   []*logged
	next   int
	out    io.Writer
	render func(logged) DecisionEntry
}

// add appends a decision. Its status is the refusal's, until done says otherwise; 0 is not known yet.
func (l *decisionLog) add(d *logged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < logCapacity {
		l.ring = append(l.ring, d)
	} else {
		l.ring[l.next] = d
	}
	l.next = (l.next + 1) % logCapacity
}

// note changes an entry that readers may see already: the token service may think again after the gate allowed.
func (l *decisionLog) note(d *logged, change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	d.outcome.status = d.record.Decision.Reason().Info().Status
}

// done notes how the request ended and writes the decision's line.
func (l *decisionLog) done(d *logged, end outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end.status = cmp.Or(end.status, d.outcome.status)
	d.outcome = end
	if l.out == nil {
		return
	}
	if line, err := json.Marshal(l.render(*d)); err == nil {
		_, _ = l.out.Write(append(line, '\n'))
	}
}

// find returns the decision of that ID, if it is still kept.
func (l *decisionLog) find(id string) (logged, bool) {
	for _, d := range l.last(logCapacity) {
		if d.record.ID == id {
			return d, true
		}
	}
	return logged{}, false
}

// last returns the newest n decisions, newest first.
func (l *decisionLog) last(n int) []logged {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []logged
	for i := 1; i <= len(l.ring) && len(out) < n; i++ {
		out = append(out, *l.ring[(l.next-i+logCapacity)%logCapacity])
	}
	return out
}

// reset forgets everything.
func (l *decisionLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.next = nil, 0
}

// entry renders a decision.
func (d logged) entry() DecisionEntry {
	q, decision := d.record.Request, d.record.Decision
	step := decision.Settled()
	status := cmp.Or(d.outcome.status, http.StatusOK)
	e := DecisionEntry{
		ID: d.record.ID, Type: category(q.Surface), Category: category(q.Surface), TimeGenerated: d.record.Time.UTC(),
		OperationName: operationName(q), CallerIPAddress: q.Source.Peer.String(), CorrelationID: d.record.CorrelationID,
		DurationMs: float64(d.record.Took.Microseconds()) / 1000, Identity: identityName(q.Credential),
		LoginServer: azure.LoginServer(q.Registry), TenantID: azure.DevelopmentTenant, ResultType: resultType(status),
		ResultDescription: strconv.Itoa(status), UserAgent: d.userAgent, SourceSystem: "Azure",
		Repository: q.Operation.Repository, Digest: d.outcome.digest, MediaType: d.outcome.mediaType, Size: d.outcome.size,
		Verdict: decision.Verdict, Stage: step.Stage, Reason: step.Reason, Rule: step.Rule, Why: step.Why(q),
		Place: d.place, Endpoint: q.Source.Endpoint, Revision: decision.Revision, Steps: decision.Steps(),
	}
	if strings.Contains(q.Operation.Reference, ":") {
		e.Digest = q.Operation.Reference
	} else {
		e.Tag = q.Operation.Reference
	}
	return e
}

func resultType(status int) string {
	if status < http.StatusBadRequest {
		return "Succeeded"
	}
	return "Failed"
}

func category(s gate.Surface) string {
	if s == gate.TokenAPI {
		return "ContainerRegistryLoginEvents"
	}
	return "ContainerRegistryRepositoryEvents"
}

func operationName(q gate.Request) string {
	if q.Surface == gate.TokenAPI {
		return "login"
	}
	return q.Operation.Kind.String()
}

// identityName names who asked, as far as it was proved.
func identityName(c gate.Credential) string {
	switch {
	case c.Failure != "", c.Holder == gate.AnonymousHolder:
		return ""
	case c.Holder == gate.AdminHolder:
		return "admin user"
	case c.Holder == gate.RunHolder:
		return gate.Tasks
	}
	return c.Name
}
