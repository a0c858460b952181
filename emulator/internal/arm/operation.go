package arm

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// What takes time is an operation: the answer says where to ask how it is doing (az-cli §6.2). A handler that accepts work
// does
//
//	op := c.start(right, id)                      // under way from now on
//	op.settle(c.Now().Add(d), outcome{body: b})   // when it ends, and how; at once, later, from any goroutine
//	return op.accepted(c, http.StatusAccepted, body), nil
//
// and never waits: how an operation is doing is a function of the time at which somebody asks. One that nobody settles is
// under way for good. The change that an operation stands for is in force before its answer is sent; what is slow is
// only what is said of it.

const (
	maxOperations = 4096 // of which status is kept; the oldest are forgotten first
	retryAfter    = "1"  // seconds between two questions of a client
)

// outcome is how an operation ended.
type outcome struct {
	err        error // nil if it succeeded
	canceled   bool
	body       any            // what Location answers with at the end; nil is 204
	properties map[string]any // what the status tells besides, if anything
}

// operation is something that a principal asked for and that is under way, or was.
type operation struct {
	id        string           // a GUID
	of        azure.ResourceID // the resource that it is done to
	location  string           // the region in its address
	right     string           // what it takes to ask for it; who has that may read it
	principal string           // who asked, and may read it always
	begun     time.Time

	mu      sync.Mutex // guards what follows
	percent int        // how much is done, as far as anybody says so
	settled bool
	ends    time.Time // meaningful once it is settled
	outcome outcome
}

// settle says when and how the operation ends. The first to say so counts.
func (o *operation) settle(ends time.Time, how outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.settled {
		o.settled, o.ends, o.outcome = true, ends, how
	}
}

// advance says how much of the operation is done, in per cent.
func (o *operation) advance(percent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.percent = max(o.percent, min(percent, 100))
}

// progress tells how much of the operation is done.
func (o *operation) progress() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.percent
}

// at tells how the operation is doing at a time: over or not, and if so how it ended and when.
func (o *operation) at(now time.Time) (how outcome, ends time.Time, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.settled || now.Before(o.ends) {
		return outcome{}, time.Time{}, false
	}
	return o.outcome, o.ends, true
}

// operations are those that a server knows of.
type operations struct {
	mu    sync.Mutex
	byID  map[string]*operation
	order []*operation // as they began
	// shown are the operations by which a resource is being made or changed, by its key, with the word that its
	// provisioningState says meanwhile.
	shown map[string]shownOperation
}

type shownOperation struct {
	*operation
	word string
}

func newOperations() *operations {
	return &operations{byID: map[string]*operation{}, shown: map[string]shownOperation{}}
}

func (all *operations) add(o *operation) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.byID[o.id], all.order = o, append(all.order, o)
	if len(all.order) <= maxOperations {
		return
	}
	oldest := all.order[0]
	all.order = all.order[1:]
	delete(all.byID, oldest.id)
	if all.shown[oldest.of.Key()].operation == oldest {
		delete(all.shown, oldest.of.Key())
	}
}

func (all *operations) get(id string) (*operation, bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	o, found := all.byID[azure.Fold(id)]
	return o, found
}

// show makes the resource's provisioningState say a word for as long as the operation is under way.
func (all *operations) show(o *operation, word string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.shown[o.of.Key()] = shownOperation{o, word}
}

// word is what provisioningState says of a resource at a time; empty for what its document says.
func (all *operations) word(key string, now time.Time) string {
	all.mu.Lock()
	defer all.mu.Unlock()
	o, found := all.shown[key]
	if !found {
		return ""
	}
	if _, _, over := o.at(now); over {
		delete(all.shown, key)
		return ""
	}
	return o.word
}

// start opens an operation that the call asks for. right is the action whose holder may read it.
func (c *call) start(right string, of azure.ResourceID) *operation {
	o := &operation{
		id: uuid.NewString(), of: of, right: right, principal: c.principal, begun: c.Now(), location: c.regionOf(of),
	}
	c.operations.add(o)
	return o
}

// regionOf is the region of a resource, or of what holds it.
func (c *call) regionOf(id azure.ResourceID) string {
	for found := true; found; id, found = id.Parent() {
		if d, exists := c.state.Get(id.Key()); exists && textAt(d.Body, "location") != "" {
			return azure.RegionName(textAt(d.Body, "location"))
		}
	}
	return "global"
}

// delay is how long the quirk slow-operations makes operations take; 0 unless it is set.
func (c *call) delay() time.Duration { return c.state.SlowOperations() }

// accepted is the answer that says where to ask for the operation. body is what the client sees of it now, nil for nothing.
func (o *operation) accepted(c *call, status int, body any) answer {
	header := map[string]string{"Azure-AsyncOperation": o.url(c, "operationStatuses"), "Retry-After": retryAfter}
	if status == http.StatusAccepted {
		header["Location"] = o.url(c, "operationResults")
	}
	return answer{status: status, body: body, header: header}
}

// path is where the operation's status or result is: in its subscription, at its provider, in its region.
func (o *operation) path(collection string) string {
	above := ""
	if s := o.of.Subscription(); s != "" {
		above = "/subscriptions/" + s
	}
	namespace, _, _ := strings.Cut(o.of.Type(), "/")
	return above + "/providers/" + namespace + "/locations/" + o.location + "/" + collection + "/" + o.id
}

func (o *operation) url(c *call, collection string) string {
	return origin(c.r) + o.path(collection) + "?api-version=" + c.version
}

// operationRoutes are where clients ask for operations.
func operationRoutes() []route {
	var routes []route
	for _, above := range []string{"", "/subscriptions/{subscription}"} {
		at := above + "/providers/{namespace}/locations/{location}/"
		routes = append(routes,
			route{"GET", at + "operationstatuses/{operation}", getOperationStatus},
			route{"GET", at + "operationresults/{operation}", getOperationResult},
		)
	}
	return routes
}

// operation finds the operation that the path names. Whoever began it may read it, even where the operation took away the
// roles that they had; and so may who could have begun it.
func (c *call) operation() (*operation, error) {
	_, id := cutLast(c.path)
	o, found := c.operations.get(id)
	if !found {
		o, found = c.interruptedImport(id)
	}
	if !found || !o.isAt(c.path) {
		return nil, errOperationMissing.with(id)
	}
	if o.principal != c.principal && !c.may(o.right, o.of) {
		return nil, errForbidden.with(c.clientName(), c.principal, o.right, o.of)
	}
	return o, nil
}

// isAt reports whether a path is one of the operation's own: its ID alone, elsewhere, leads nowhere.
func (o *operation) isAt(path string) bool {
	path = azure.Fold(path)
	return path == azure.Fold(o.path("operationStatuses")) || path == azure.Fold(o.path("operationResults"))
}

// getOperationStatus answers Azure-AsyncOperation: always 200, with the status in the body.
func getOperationStatus(c *call) (answer, error) {
	o, err := c.operation()
	if err != nil {
		return answer{}, err
	}
	body := map[string]any{"id": o.path("operationStatuses"), "name": o.id, "status": "InProgress", "startTime": o.begun.UTC().Format(time.RFC3339Nano)}
	how, ends, over := o.at(c.Now())
	if !over {
		if percent := o.progress(); percent > 0 {
			body["percentComplete"] = percent
		}
		return answer{status: http.StatusOK, body: body, header: map[string]string{"Retry-After": retryAfter}}, nil
	}
	body["status"], body["endTime"] = how.status(), ends.UTC().Format(time.RFC3339Nano)
	if how.err != nil {
		body["error"] = bodyOf(asError(how.err))
	}
	if how.properties != nil {
		body["properties"] = how.properties
	}
	return ok(body), nil
}

func (how outcome) status() string {
	switch {
	case how.canceled:
		return "Canceled"
	case how.err != nil:
		return "Failed"
	}
	return "Succeeded"
}

// getOperationResult answers Location: 202 until the operation is over, then what it would have answered at once.
func getOperationResult(c *call) (answer, error) {
	o, err := c.operation()
	if err != nil {
		return answer{}, err
	}
	how, _, over := o.at(c.Now())
	switch {
	case !over:
		return o.accepted(c, http.StatusAccepted, nil), nil
	case how.canceled:
		return answer{}, errOperationCanceled.with(o.id)
	case how.err != nil:
		return answer{}, how.err
	case how.body == nil:
		return answer{status: http.StatusNoContent}, nil
	}
	return ok(how.body), nil
}

// origin is the scheme and host by which the client asks, for links that lead back here.
func origin(r *http.Request) string {
	scheme := "https"
	if r.TLS == nil && r.Host != "management.azure.com" {
		scheme = cmp.Or(r.URL.Scheme, "http")
	}
	return scheme + "://" + r.Host
}
