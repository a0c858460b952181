package acr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

const (
	// maxConcurrency is how many requests acr-cli sends at a time at most.
	maxConcurrency = 32
	// batch is how many repositories one token is asked for, where it has to name them.
	batch = 10
	// repositoryPage is how many repositories are asked for at a time.
	repositoryPage = 100
)

// purger is one purge.
type purger struct {
	*client
	before        time.Time // what was updated before may go
	keep          int
	concurrency   int
	timeout       time.Duration // of one expression
	dryRun        bool
	untagged      bool // manifests without a tag too
	untaggedOnly  bool
	includeLocked bool
}

// tally is how many tags and manifests were deleted, or would be.
type tally struct{ tags, manifests int }

// purge is acr purge.
func purge(ctx context.Context, s *session) error {
	p, err := newPurger(s)
	if err != nil {
		return err
	}
	if p.client, err = s.connect(ctx); err != nil {
		return err
	}
	expressions, err := p.expressions(ctx)
	if err != nil {
		return err
	}
	if p.dryRun {
		s.printf("DRY RUN: The following output shows what WOULD be deleted if the purge command was executed. Nothing is deleted.\n")
	}
	p.settleConcurrency()
	done, err := p.all(ctx, expressions)
	if err != nil && !strings.Contains(err.Error(), "insufficient permissions") {
		s.printf("Failed to complete purge: %v \n", err)
	}
	if p.dryRun {
		s.printf("\nNumber of tags to be deleted: %d\nNumber of manifests to be deleted: %d\n", done.tags, done.manifests)
	} else {
		s.printf("\nNumber of deleted tags: %d\nNumber of deleted manifests: %d\n", done.tags, done.manifests)
	}
	return err
}

// newPurger reads the flags, before the registry is asked for anything.
func newPurger(s *session) (*purger, error) {
	a := s.arguments
	p := &purger{
		dryRun: a.Bool("dry-run"), untaggedOnly: a.Bool("untagged-only"), includeLocked: a.Bool("include-locked"),
		untagged: a.Bool("untagged") || a.Bool("untagged-only"), before: s.now(),
	}
	switch {
	case a.Bool("untagged") && p.untaggedOnly:
		return nil, errors.New("if any flags in the group [untagged untagged-only] are set none of the others can be; [untagged untagged-only] were all set")
	case !p.untaggedOnly && len(a.All("filter")) == 0:
		return nil, errors.New("at least one of the flags in the group [filter untagged-only] is required")
	case !p.untaggedOnly && a.String("ago") == "":
		return nil, errors.New("--ago is required when not using --untagged-only")
	}
	if ago := a.String("ago"); ago != "" {
		length, capped, err := parseAgo(ago)
		if err != nil {
			return nil, err
		}
		if capped {
			s.printf("Warning: ago value exceeds maximum duration of 150 years, capping to 150 years\n")
		}
		p.before = p.before.Add(-length)
	}
	var err error
	number := func(key string, otherwise int) int {
		n, problem := a.Int(key, otherwise)
		if problem != nil {
			err = fmt.Errorf("invalid argument %q for \"--%s\" flag: strconv.ParseInt: parsing %q: invalid syntax", a.String(key), key, a.String(key))
		}
		return n
	}
	p.keep, p.concurrency = number("keep", 0), number("concurrency", runtime.GOMAXPROCS(0))
	p.timeout = time.Duration(min(number("filter-timeout-seconds", 0), 3600)) * time.Second
	return p, err
}

// settleConcurrency keeps the number of workers within bounds, and says so.
func (p *purger) settleConcurrency() {
	switch standard := runtime.GOMAXPROCS(0); {
	case p.concurrency <= 0:
		p.concurrency = standard
		p.session.printf("Specified concurrency value invalid. Set to default value: %d \n", standard)
	case p.concurrency > maxConcurrency:
		p.concurrency = maxConcurrency
		p.session.printf("Specified concurrency value too large. Set to maximum value: %d \n", maxConcurrency)
	}
}

// expressions are which tags are meant, by repository. Every filter looks for its repositories in the catalog.
func (p *purger) expressions(ctx context.Context) (map[string]string, error) {
	size, err := p.session.arguments.Int("repository-page-size", repositoryPage)
	if err != nil {
		return nil, err
	}
	repositories, err := p.repositories(ctx, size)
	if err != nil {
		return nil, err
	}
	filters := p.session.arguments.All("filter")
	if len(filters) > 0 {
		return plan(repositories, filters, p.timeout)
	}
	every := map[string]string{}
	for _, name := range repositories {
		every[name] = ""
	}
	return every, nil
}

// all purges every repository, in order of their names, in batches of as many as one token is asked for.
func (p *purger) all(ctx context.Context, expressions map[string]string) (tally, error) {
	var done tally
	repositories := slices.Sorted(maps.Keys(expressions))
	completed := 0
	for names := range slices.Chunk(repositories, p.batchSize()) {
		if err := p.limit(ctx, names); err != nil {
			return done, fmt.Errorf("failed to refresh ABAC token for batch: %w", err)
		}
		if p.scoped {
			p.session.printf("ABAC: Setting token scope for %d repositories%s\n", len(names), p.verbosely(names))
		}
		for _, name := range names {
			one, operation, err := p.one(ctx, name, expressions[name])
			if hasStatus(err, http.StatusUnauthorized) {
				return done, permissionError(operation, repositories, completed)
			}
			if err != nil {
				return done, fmt.Errorf("failed to %s: %w", operation, err)
			}
			done = tally{done.tags + one.tags, done.manifests + one.manifests}
			completed++
		}
	}
	return done, nil
}

// batchSize is how many repositories one token names.
func (p *purger) batchSize() int {
	if n, err := strconv.Atoi(p.session.Getenv("ABAC_BATCH_SIZE")); err == nil && n > 0 {
		return n
	}
	return batch
}

func (p *purger) verbosely(names []string) string {
	if !p.session.arguments.Bool("verbose") {
		return ""
	}
	return fmt.Sprintf(": %v", names)
}

// one purges a repository, and names the operation that failed.
func (p *purger) one(ctx context.Context, repository, expression string) (done tally, operation string, err error) {
	gone := map[string]int{} // how many tags of a manifest went, by its digest
	if !p.untaggedOnly {
		if done.tags, err = p.purgeTags(ctx, repository, expression, gone); err != nil {
			return done, "purge tags", err
		}
	}
	if p.untagged {
		if done.manifests, err = p.purgeManifests(ctx, repository, gone); err != nil {
			return done, "purge manifests", err
		}
	}
	return done, "", nil
}

// permissionError says how far a purge came that was refused.
func permissionError(operation string, repositories []string, completed int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "insufficient permissions to %s for repository %q", operation, repositories[completed])
	if completed > 0 {
		fmt.Fprintf(&b, "\n  Completed repositories (%d): %s", completed, strings.Join(repositories[:completed], ", "))
	} else {
		b.WriteString("\n  Completed repositories: none")
	}
	if rest := repositories[completed+1:]; len(rest) > 0 {
		fmt.Fprintf(&b, "\n  Remaining repositories not yet processed (%d): %s", len(rest), strings.Join(rest, ", "))
	}
	b.WriteString("\n  Hint: use a more specific --filter to target only repositories you have permissions for")
	return errors.New(b.String())
}

// announce says what is about to go.
func (p *purger) announce(what, repository string) {
	verb := "Deleting"
	if p.dryRun {
		verb = "Would delete"
	}
	p.session.printf("%s %s for repository: %s\n", verb, what, repository)
}

// purgeTags deletes the tags of a repository that match and are old enough, but the newest that are to be kept, and
// counts in gone how many tags their manifests lost.
func (p *purger) purgeTags(ctx context.Context, repository, expression string, gone map[string]int) (int, error) {
	p.announce("tags", repository)
	if err := p.ready(ctx); err != nil {
		return 0, err
	}
	tags, err := p.oldTags(ctx, repository, expression)
	if hasStatus(err, http.StatusNotFound) {
		p.session.printf("%s repository not found\n", repository)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var items []item
	for _, t := range tags[min(max(p.keep, 0), len(tags)):] {
		gone[t.Digest]++
		items = append(items, item{t.Name, p.loginServer + "/" + repository + ":" + t.Name, t.Attributes})
	}
	return p.delete(ctx, items, deletion{
		remove: func(name string) error { return p.deleteTag(ctx, repository, name) },
		unlock: func(name string) error { return p.unlock(ctx, repository, "_tags", name) },
	})
}

// oldTags are the tags of a repository that match, are old enough and may be deleted, newest first. They are all read
// before the first is deleted: the place in a list that was named by a tag is lost with it.
func (p *purger) oldTags(ctx context.Context, repository, expression string) ([]tag, error) {
	matches, err := compile(expression, p.timeout)
	if err != nil {
		return nil, fmt.Errorf("failed to build Regex %s with error: %w", expression, err)
	}
	var found []tag
	for last := ""; ; {
		page, next, err := p.tags(ctx, repository, "timedesc", last)
		if err != nil {
			return nil, err
		}
		some, err := p.eligible(page, matches)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
		if last = next; last == "" {
			return found, nil
		}
	}
}

// eligible are the tags that match, are old enough and may be deleted.
func (p *purger) eligible(page []tag, matches *regexp2.Regexp) ([]tag, error) {
	var found []tag
	for _, t := range page {
		ok, err := matches.MatchString(t.Name)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		at, ok := updated(t.Updated)
		if !ok {
			return nil, fmt.Errorf("tag %s has no time of its last update", t.Name)
		}
		if at.Before(p.before) && (p.includeLocked || !t.Attributes.locked()) {
			found = append(found, t)
		}
	}
	return found, nil
}

// purgeManifests deletes the manifests of a repository that have no tag and that nothing needs.
func (p *purger) purgeManifests(ctx context.Context, repository string, gone map[string]int) (int, error) {
	p.announce("manifests", repository)
	if err := p.ready(ctx); err != nil {
		return 0, err
	}
	dangling, err := p.dangling(ctx, repository, gone)
	if hasStatus(err, http.StatusNotFound) {
		p.session.printf("%s repository not found\n", repository)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if p.keep > 0 {
		sort.SliceStable(dangling, func(i, j int) bool { return newer(dangling[i], dangling[j]) })
		dangling = dangling[min(p.keep, len(dangling)):]
	}
	var items []item
	for _, m := range dangling {
		items = append(items, item{m.Digest, p.loginServer + "/" + repository + "@" + m.Digest, m.Attributes})
	}
	return p.delete(ctx, items, deletion{
		remove: func(digest string) error { return p.deleteManifest(ctx, repository, digest) },
		unlock: func(digest string) error { return p.unlock(ctx, repository, "_manifests", digest) },
	})
}

// newer orders manifests by their last update; one without any is the oldest.
func newer(a, b manifest) bool {
	x, xok := updated(a.Updated)
	y, yok := updated(b.Updated)
	switch {
	case xok != yok:
		return xok
	case xok && !x.Equal(y):
		return x.After(y)
	}
	return a.Digest < b.Digest
}
