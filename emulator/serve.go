package emulator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/gate"
)

// networkKey is the context key of the virtual network to which a listener is attached.
type networkKey struct{}

// loggedKey is the context key of the request's entry in the decision log.
type loggedKey struct{}

// serve routes a request by its host name to what the client thinks it talks to.
func (e *Emulator) serve(w http.ResponseWriter, r *http.Request) {
	at := parseHost(r.Host)
	switch e.serviceOf(at, r) {
	case registryService:
		e.serveRegistry(e.registryAt(at, r)).ServeHTTP(w, r)
	case armService:
		e.arm.ServeHTTP(w, r)
	case entraService:
		e.entra.ServeHTTP(w, r)
	case imdsService:
		e.imds.ServeHTTP(w, r)
	case msiService:
		e.msi.ServeHTTP(w, r)
	case microsoftService:
		e.mirrors.Handler(microsoftHost).ServeHTTP(w, r)
	case blobService:
		e.serveBlobs(at).ServeHTTP(w, r)
	case graphService:
		e.graph.ServeHTTP(w, r)
	default:
		misdirected(w, r)
	}
}

// misdirected answers requests to hosts that are not emulated, in the dialect of registries, which are the likeliest
// to be meant.
func misdirected(w http.ResponseWriter, r *http.Request) {
	gate.Write(w, gate.Refusal{
		Status: http.StatusMisdirectedRequest, Code: "UNSUPPORTED", Message: fmt.Sprintf("no service of the emulator is called %.80s", r.Host),
	})
}

// serviceOf is what a request is for. A bare address is every service there is, told apart by the path; but that of a
// private endpoint is a registry and nothing else.
func (e *Emulator) serviceOf(at target, r *http.Request) service {
	if !at.bare {
		return at.service
	}
	if _, private := e.registryDialled(r); private {
		return registryService
	}
	if s, ok := e.rootService(r.URL.Path); ok {
		return s
	}
	return registryService
}

// registryAt names the registry that a login server's host means. A bare address is the registry whose private
// endpoint has it, or else the default registry.
func (e *Emulator) registryAt(at target, r *http.Request) string {
	if !at.bare {
		return at.registry
	}
	if name, ok := e.registryDialled(r); ok {
		return name
	}
	return e.defaultRegistry()
}

// registryDialled names the registry whose private endpoint has the address that was dialled.
func (e *Emulator) registryDialled(r *http.Request) (string, bool) {
	return e.core.world.Load().snapshot.RegistryAt(gate.TrustedProxies(nil).Source(r).Dialled)
}

// serveRegistry serves one registry, and keeps the decision log.
func (e *Emulator) serveRegistry(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := &logged{}
		status := &statusWriter{ResponseWriter: w}
		ctx := context.WithValue(r.Context(), loggedKey{}, entry)
		e.registry.ServeHTTP(status, registryRequest(r.WithContext(ctx), name))
		if entry.record.ID != "" {
			e.log.done(entry, status.outcome())
		}
	})
}

// observe notes a decision in the log at once, so that it can be asked for as soon as the answer is read.
func (e *Emulator) observe(r *http.Request, record gate.Record) {
	entry, ok := r.Context().Value(loggedKey{}).(*logged)
	if !ok {
		return
	}
	again := entry.record.ID == record.ID
	e.log.note(entry, func() {
		entry.record, entry.userAgent, entry.place = kept(record), copied(r.UserAgent()), e.placeName(r)
	})
	if !again {
		e.log.add(entry)
	}
}

// kept is a record as the log keeps it. Its texts are copies: a part of a request holds on to the whole of it, so that
// some thousands of long requests, from anybody, would fill the memory.
func kept(record gate.Record) gate.Record {
	q := &record.Request
	for _, text := range []*string{&q.Registry, &q.Operation.Repository, &q.Operation.Reference, &q.Operation.From} {
		*text = copied(*text)
	}
	return record
}

// maxKept bounds a text in the log, in bytes; names, tags and digests are shorter.
const maxKept = 512

func copied(text string) string { return strings.Clone(text[:min(len(text), maxKept)]) }

// placeName names the place that a request comes from, as the proxy was told.
func (e *Emulator) placeName(r *http.Request) string {
	if from, ok := vantage.FromContext(r.Context()); ok {
		return from.Place.Name
	}
	return ""
}

// source says where a request comes from: where the simulated network routed it, or else the connection itself.
func (e *Emulator) source(trusted gate.TrustedProxies) func(*http.Request) gate.Source {
	return func(r *http.Request) gate.Source {
		if from, ok := vantage.FromContext(r.Context()); ok {
			return sourceOf(from.Hop)
		}
		found := trusted.Source(r)
		found.Network, _ = r.Context().Value(networkKey{}).(string)
		return found
	}
}

func sourceOf(hop azure.Hop) gate.Source {
	return gate.Source{
		Peer: hop.Peer, Endpoint: azure.Fold(hop.EndpointID), Network: "", Subnet: azure.Fold(hop.Subnet),
	}
}

// statusWriter remembers the status of an answer. Unwrap keeps what the writer below can do.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// outcome is what the answer's head told.
func (w *statusWriter) outcome() outcome {
	h := w.Header()
	size, _ := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return outcome{status: w.status, digest: h.Get("Docker-Content-Digest"), mediaType: h.Get("Content-Type"), size: size}
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
