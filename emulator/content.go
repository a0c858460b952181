package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/gate"
)

// contents holds the content of each registry, opened when it is first asked for.
type contents struct {
	store   store.Store
	dir     string
	storage *oci.Storage
	secret  string
	now     func() time.Time
	logger  *slog.Logger
	// refuse answers a request by a decision that refuses it.
	refuse func(http.ResponseWriter, *http.Request, gate.Record)
	// happened is told of what happened to the content of the registry of a folded name.
	happened func(registry string, event oci.Event)

	mu   sync.Mutex
	open map[string]*oci.Registry
}

// registry returns the content of the registry of that name, in any case.
func (c *contents) registry(ctx context.Context, name string) (*oci.Registry, error) {
	name = azure.Fold(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.open[name]; r != nil {
		return r, nil
	}
	r, err := oci.New(context.WithoutCancel(ctx), oci.Options{
		Registry: name, LoginServer: azure.LoginServer(name), Content: c.store.Content(name), BlobDir: filepath.Join(c.dir, "blobs"), Secret: c.secret,
		Storage: c.storage, Now: c.now, WriteError: c.fail, Logger: c.logger,
		OnEvent: func(_ context.Context, event oci.Event) { c.happened(name, event) },
	})
	if err != nil {
		return nil, fmt.Errorf("content of registry %s: %w", name, err)
	}
	c.open[name] = r
	return r, nil
}

// held returns the bytes that the content of a registry takes, which costs nothing once it is open.
func (c *contents) held(ctx context.Context, name string) (int64, error) {
	content, err := c.registry(ctx, name)
	if err != nil {
		return 0, err
	}
	return content.Held(), nil
}

// handler serves the content of a registry; it stands behind the gate.
func (c *contents) handler(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := c.registry(r.Context(), name)
		if err != nil {
			c.logger.Error("open registry", "registry", name, "error", err)
			c.fail(w, r, &oci.Error{Status: http.StatusInternalServerError, Code: "UNKNOWN", Message: "unknown error"})
			return
		}
		content.ServeHTTP(w, r)
	})
}

// remove deletes the rows and files of a registry that is gone.
func (c *contents) remove(ctx context.Context, name string) error {
	content, err := c.registry(ctx, name)
	if err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.open, name)
	c.mu.Unlock()
	if err := c.store.DropContent(ctx, name); err != nil {
		return err
	}
	return content.Remove()
}

func (c *contents) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.open {
		_ = r.Close()
	}
	c.open = map[string]*oci.Registry{}
}

// fail renders what the content refuses through the gate's writer, so that the registry has one dialect and one writer.
// What the state of the content forbids is the last stage of the decision, and has its row in the gate's table.
func (c *contents) fail(w http.ResponseWriter, r *http.Request, e *oci.Error) {
	record, _ := gate.FromContext(r.Context())
	if e.Reason != "" {
		record.Decision = record.Decision.Then(gate.Step{
			Stage: gate.StageResource, Verdict: gate.Deny, Reason: gate.Reason(e.Reason), Rule: ruleOf(e, record.Request.Operation),
		})
		c.refuse(w, r, record)
		return
	}
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	gate.Write(w, gate.Refusal{
		Status: e.Status, Code: e.Code, Message: e.Message, Detail: detailOf(e.Detail), CorrelationID: record.CorrelationID,
	})
}

// ruleOf names what forbids it: the limit with its bytes, or else what is locked.
func ruleOf(e *oci.Error, op gate.Operation) string {
	if errors.Is(e, oci.ErrStorageFull) {
		return e.Cause.Error()
	}
	if op.Reference == "" {
		return op.Repository
	}
	return op.Repository + ":" + op.Reference
}
