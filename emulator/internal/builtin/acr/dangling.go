package acr

import (
	"context"
	"net/http"
	"sync"
)

// dangling finds the manifests of a repository that may go: without a tag, old enough, not locked, in no index that
// stays, and without a subject. What has a subject goes with it, in the registry. In a dry run gone says how many tags
// each manifest would have lost before.
func (p *purger) dangling(ctx context.Context, repository string, gone map[string]int) ([]manifest, error) {
	all, err := p.manifests(ctx, repository)
	if err != nil {
		return nil, err
	}
	var candidates, indexes, inspected []manifest
	for _, m := range all {
		switch {
		case !p.includeLocked && m.Attributes.locked():
		case p.stays(m, gone):
			if m.MediaType == "" || isIndex(m.MediaType) {
				indexes = append(indexes, m)
			}
		default:
			candidates = append(candidates, m)
			if m.MediaType != "" && mayHaveSubject(m.MediaType) {
				inspected = append(inspected, m)
			}
		}
	}
	needed := &needs{purger: p, repository: repository, digests: map[string]bool{}}
	if err := each(p.concurrency, indexes, func(m manifest) error { return needed.children(ctx, m.Digest) }); err != nil {
		return nil, err
	}
	if err := each(p.concurrency, inspected, func(m manifest) error { return needed.referrer(ctx, m) }); err != nil {
		return nil, err
	}
	var found []manifest
	for _, m := range candidates {
		if m.MediaType == "" {
			p.session.printf("Manifest %s has no media type, skipping deletion\n", m.Digest)
		} else if !needed.digests[m.Digest] {
			found = append(found, m)
		}
	}
	return found, nil
}

// stays reports whether a manifest's tags or its age keep it.
func (p *purger) stays(m manifest, gone map[string]int) bool {
	tags := len(m.Tags)
	if p.dryRun {
		tags -= gone[m.Digest]
	}
	if tags > 0 {
		return true
	}
	at, ok := updated(m.Updated)
	if !ok {
		p.session.printf("Protecting manifest %s because the last update time is unavailable\n", m.Digest)
	}
	return !ok || at.After(p.before)
}

func isIndex(mediaType string) bool { return mediaType == ociIndex || mediaType == dockerList }

func mayHaveSubject(mediaType string) bool {
	return mediaType == ociManifest || mediaType == ociIndex || mediaType == artifactManifest
}

// needs are manifests that must not go, found by several goroutines.
type needs struct {
	*purger
	repository string

	mu      sync.Mutex
	digests map[string]bool
}

// add marks a digest, and reports whether it was not marked before.
func (n *needs) add(digest string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.digests[digest]
	n.digests[digest] = true
	return !before
}

// children marks what an index consists of, at any depth. A manifest that is gone meanwhile has none.
func (n *needs) children(ctx context.Context, digest string) error {
	for queue := []string{digest}; len(queue) > 0; queue = queue[1:] {
		body, err := n.body(ctx, n.repository, queue[0])
		if hasStatus(err, http.StatusNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, child := range body.Manifests {
			if n.add(child.Digest) && isIndex(child.MediaType) {
				queue = append(queue, child.Digest)
			}
		}
	}
	return nil
}

// referrer marks a manifest that has a subject, and what it consists of.
func (n *needs) referrer(ctx context.Context, m manifest) error {
	body, err := n.body(ctx, n.repository, m.Digest)
	switch {
	case hasStatus(err, http.StatusNotFound):
		n.session.printf("Manifest %s not found, skip it\n", m.Digest)
		n.add(m.Digest)
		return nil
	case err != nil:
		return err
	case body.Subject == nil || body.Subject.Digest == "":
		return nil
	}
	n.add(m.Digest)
	if isIndex(m.MediaType) {
		return n.children(ctx, m.Digest)
	}
	return nil
}
