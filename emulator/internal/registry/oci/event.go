package oci

import (
	"context"
	"time"
)

// Event is something that happened to content.
type Event struct {
	// Action is "push", "pull" or "delete".
	Action string
	// Repository, Digest and Tag say to what. Tag is empty unless the request named one; the deletion of a manifest takes
	// its tags along without an event each.
	Repository, Digest, Tag string
	// MediaType is a manifest's, or application/octet-stream for a blob. It is empty for a deletion.
	MediaType string
	// Size is in bytes, 0 for a deletion.
	Size int64
	// Time is when it was done.
	Time time.Time
}

func (g *Registry) happened(ctx context.Context, e Event) {
	e.Time = g.options.Now()
	g.options.OnEvent(ctx, e)
}
