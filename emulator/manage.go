package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/gate"
)

// maxQuestion bounds the body of a request to the management API, in bytes.
const maxQuestion = 1 << 20

// apiFault is a refusal by the management API.
type apiFault struct {
	status  int
	message string
}

// Error returns the message.
func (f *apiFault) Error() string { return f.message }

func notFound(format string, args ...any) error {
	return &apiFault{status: http.StatusNotFound, message: fmt.Sprintf(format, args...)}
}

// apiHandler is a handler of the management API: it returns what to render, or an error.
type apiHandler func(r *http.Request) (any, error)

// ServeHTTP renders the answer, or the error, as JSON. It is the management API's one writer.
func (h apiHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxQuestion)
	answer, err := h(r)
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		if fault := (*apiFault)(nil); errors.As(err, &fault) {
			status = fault.status
		}
		answer = APIError{Message: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// management is what the management listener answers: the proxy to clients that speak to a proxy, the API to others.
func (e *Emulator) management() http.Handler {
	api := chi.NewRouter()
	api.Method(http.MethodGet, "/health", apiHandler(e.getHealth))
	api.Get("/ca.pem", e.getCA)
	api.Get("/", e.getIndex)
	api.Method(http.MethodGet, "/api/status", apiHandler(func(*http.Request) (any, error) { return e.Status(), nil }))
	api.Method(http.MethodGet, "/api/decisions", apiHandler(e.listDecisions))
	api.Method(http.MethodGet, "/api/decisions/{id}", apiHandler(e.getDecision))
	api.Method(http.MethodGet, "/api/place", apiHandler(e.getPlace))
	api.Method(http.MethodPost, "/api/explain", apiHandler(e.postExplain))
	api.Method(http.MethodPost, "/api/token", apiHandler(e.postToken))
	api.Method(http.MethodGet, "/api/export", apiHandler(e.getExport))
	api.Method(http.MethodPost, "/api/reset", apiHandler(e.postReset))
	api.Method(http.MethodPost, "/api/hooks/git", apiHandler(e.postGitHook))
	api.NotFound(apiHandler(func(r *http.Request) (any, error) {
		return nil, notFound("the management API has no %s", r.URL.Path)
	}).ServeHTTP)
	api.MethodNotAllowed(apiHandler(func(r *http.Request) (any, error) {
		return nil, &apiFault{http.StatusMethodNotAllowed, fmt.Sprintf("%s has no method %s", r.URL.Path, r.Method)}
	}).ServeHTTP)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case vantage.IsProxyRequest(r):
			e.proxy.ServeHTTP(w, r)
		case !fromThisMachine(r):
			apiHandler(func(*http.Request) (any, error) {
				return nil, &apiFault{http.StatusForbidden, "the management API is for programs on this machine, not for pages of other sites"}
			}).ServeHTTP(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// fromThisMachine refuses what a page of another site could make a browser send: a foreign origin, or a host name that was
// rebound to this address. A name without dots, as a container has, can be rebound by whoever answers for the local
// network, but only to this machine itself.
func fromThisMachine(r *http.Request) bool {
	for _, origin := range r.Header.Values("Origin") {
		if origin != "http://"+r.Host {
			return false
		}
	}
	host := hostName(r.Host)
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	_, notAddress := netip.ParseAddr(host)
	switch {
	case notAddress == nil, host == "localhost", strings.HasSuffix(host, ".localhost"):
		return true
	}
	return host != "" && !strings.Contains(host, ".") && peer.IsValid() && !peer.Addr().Unmap().IsLoopback()
}

func (e *Emulator) getHealth(*http.Request) (any, error) {
	return map[string]any{"status": "ok", "revision": e.core.world.Load().revision}, nil
}

// getExport answers with the state as a seed; ?secrets=true with what one logs in by.
func (e *Emulator) getExport(r *http.Request) (any, error) {
	return e.Export(r.URL.Query().Get("secrets") == "true"), nil
}

func (e *Emulator) getCA(w http.ResponseWriter, r *http.Request) {
	pem, err := e.ca.PEM()
	if err != nil {
		apiHandler(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(pem)
}

// getIndex says where things are. The portal takes its place in a later issue.
func (e *Emulator) getIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "acrlocal %s\n\n/health\n/ca.pem\n/api/status\n/api/decisions\n", e.options.Version)
}

func (e *Emulator) listDecisions(r *http.Request) (any, error) {
	query := r.URL.Query()
	last := 100
	if text := query.Get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > logCapacity {
			return nil, fmt.Errorf("last=%q is not a number from 1 to %d", text, logCapacity)
		}
		last = n
	}
	verdict, registry := query.Get("verdict"), query.Get("registry")
	if verdict != "" && new(gate.Verdict).UnmarshalText([]byte(verdict)) != nil {
		return nil, fmt.Errorf("verdict=%q is none of allow, deny and challenge", verdict)
	}
	return e.Decisions(last, func(d DecisionEntry) bool {
		return (verdict == "" || d.Verdict.String() == verdict) && (registry == "" || strings.HasPrefix(d.LoginServer, strings.ToLower(registry)+"."))
	}), nil
}

// Decisions returns up to n of the last decisions that keep selects, the oldest first.
func (e *Emulator) Decisions(n int, keep func(DecisionEntry) bool) []DecisionEntry {
	entries := []DecisionEntry{}
	for _, d := range e.log.last(logCapacity) {
		if len(entries) == n {
			break
		}
		if entry := e.entry(d); keep(entry) {
			entries = append(entries, entry)
		}
	}
	slices.Reverse(entries)
	return entries
}

// Decision returns a past decision, with what would turn it round as things are now.
func (e *Emulator) Decision(id string) (DecisionEntry, error) {
	id, _, _ = strings.Cut(id, ";") // the header X-Acrlocal-Decision as it stands
	d, ok := e.log.find(id)
	if !ok {
		return DecisionEntry{}, notFound("there is no decision %q; the log keeps the last %d", id, logCapacity)
	}
	entry := e.entry(d)
	if entry.Verdict != gate.Allow {
		entry.Remedy = remediesFor(e.core.world.Load().snapshot, d.record.Request)
	}
	return entry, nil
}

// entry renders a decision with what the state knows about its registry.
func (e *Emulator) entry(d logged) DecisionEntry {
	entry := d.entry()
	if entry.Place == "" { // a real network: a document may show whose address it is
		place, _ := azure.PeerResource(e.core.State(), d.record.Request.Source.Peer)
		entry.Place = place.Name
	}
	if r, ok := e.core.world.Load().snapshot.Registry(d.record.Request.Registry); ok {
		entry.LoginServer, entry.ResourceID = r.LoginServer, r.ID
	}
	if id, err := azure.ParseResourceID(entry.ResourceID); err == nil {
		entry.SubscriptionID = id.Subscription()
		if document, ok := e.core.State().Get(id.Key()); ok {
			entry.Region, _ = document.Body["location"].(string)
		}
	}
	return entry
}

func (e *Emulator) getDecision(r *http.Request) (any, error) {
	return e.Decision(chi.URLParam(r, "id"))
}

func (e *Emulator) postExplain(r *http.Request) (any, error) {
	var q ExplainRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	return e.Explain(q)
}

func (e *Emulator) postToken(r *http.Request) (any, error) {
	var q TokenRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	return e.Token(r.Context(), q)
}

func (e *Emulator) getPlace(r *http.Request) (any, error) {
	query := r.URL.Query()
	return e.Place(r.Context(), query.Get("name"), query.Get("as"))
}

func (e *Emulator) postReset(r *http.Request) (any, error) {
	if err := e.Reset(r.Context()); err != nil {
		return nil, err
	}
	return e.getHealth(r)
}

func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("the body is not the JSON expected: %w", err)
	}
	return nil
}

// networkOf says how a registry's network rules stand, in a few words.
func networkOf(r gate.Registry) string {
	switch {
	case !r.PublicAccess:
		return "public access disabled"
	case r.DefaultAllow:
		return "all networks"
	}
	return "selected networks"
}
