package emulator

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// sampleSeed is the environment that is used without a seed of one's own.
//
//go:embed sample.yaml
var sampleSeed []byte

// seed is the start-up state, read from all files together.
type seed struct {
	state        *azure.State // everything, completed; the trusted services and quirks are in the settings
	images       []seedImage
	plainAnswers bool
}

// seedImage is an image that a registry begins with.
type seedImage struct {
	registry, repository, tag string
	// path is an OCI layout or a tarball; empty is the sample image.
	path string
	at   position
}

// seedError is what is wrong with a seed, and where.
type seedError struct {
	file    string
	line    int
	message string
}

// Error says file:line: message.
func (e *seedError) Error() string { return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.message) }

// documents are the start-up documents.
func (s seed) documents() []azure.Document {
	var all []azure.Document
	for _, d := range s.state.All() {
		all = append(all, *d)
	}
	return all
}

// seedReader reads seed files one after the other.
type seedReader struct {
	seed     seed
	file     string
	here     map[string]int      // the lines of what the file itself says, by key
	lines    map[string]position // where each document came from, by its key
	put      []azure.Document
	imageAt  map[string]int // indexes of the images by registry, repository and tag
	named    []namedRegistry
	shapes   map[string]*shape // by folded type, as far as they were needed
	services serviceChanges
	quirks   quirkSettings
}

// namedRegistry is a place where a seed names a registry that has to exist once all files are read.
type namedRegistry struct {
	name string
	at   position
}

// section is one of the sections of a seed file.
type section struct {
	name string
	read func(*seedReader, position) error
}

// sections are the sections of a seed file (design.md, "Seed file").
var sections = []section{
	{"resources", (*seedReader).resources},
	{"principals", (*seedReader).principals},
	{"images", (*seedReader).images},
	{"trustedServices", (*seedReader).trustedServices},
	{"quirks", (*seedReader).readQuirks},
}

func sectionNames() string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// readSeeds reads seeds in order; what comes later replaces what has the same ID. An error is a *seedError, if it is about
// a line of a file.
func readSeeds(files []Seed) (seed, error) {
	r := &seedReader{lines: map[string]position{}, shapes: map[string]*shape{}, imageAt: map[string]int{}}
	r.put = append(r.put, developmentDocuments()...)
	for _, f := range files {
		if err := r.read(f); err != nil {
			return seed{}, err
		}
	}
	if err := r.complete(); err != nil {
		return seed{}, err
	}
	return r.seed, nil
}

func (r *seedReader) read(f Seed) error {
	r.file, r.here = f.Name, map[string]int{}
	roots, err := parseNodes(f.Name, f.Data)
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := r.document(position{f.Name, root}); err != nil {
			return err
		}
	}
	return nil
}

// document reads one document of a file: sections, or what `az … show` or `az … list` printed, one document or a list.
func (r *seedReader) document(p position) error {
	switch {
	case p.node.kind == listNode:
		return p.each(r.printed)
	case p.node.get("id") != nil || p.node.get("type") != nil:
		return r.printed(p)
	}
	entries, err := p.entries("the sections " + sectionNames())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := r.section(p, e); err != nil {
			return err
		}
	}
	return nil
}

// printed reads a document that az printed: one of Graph's if its ID is no path and its members show its kind, such as
// `az ad user show` prints, or else one of ARM's.
func (r *seedReader) printed(p position) error {
	body, err := p.object()
	if err != nil {
		return err
	}
	id, _ := body["id"].(string)
	if _, known := graphKindOf(body); known && id != "" && !strings.Contains(id, "/") {
		return r.principal(p)
	}
	return r.resource(p)
}

func (r *seedReader) section(p position, e entry) error {
	for _, s := range sections {
		if s.name == e.key {
			return s.read(r, p.at(e.value))
		}
	}
	return p.errorAt(e.line, "there is no section %q; there are %s", e.key, sectionNames())
}

// complete adds what Azure would add to all documents, and checks them together.
func (r *seedReader) complete() error {
	for _, step := range []func() error{r.assignments, r.addGroups, r.addSettings, r.makeState, r.references} {
		if err := step(); err != nil {
			return r.located(err)
		}
	}
	return nil
}

// makeState completes the documents, puts object IDs for the names of principals, and checks all together.
func (r *seedReader) makeState() error {
	var empty *azure.State
	change, err := empty.Complete(azure.Change{Put: r.put}, azure.Author{Operator: true})
	if err != nil {
		return err
	}
	if err := resolvePrincipals(change.Put); err != nil {
		return err
	}
	r.seed.state, err = empty.With(change)
	return err
}

// located finds the line that an error of a document is about.
func (r *seedReader) located(err error) error {
	var problem *azure.Error
	if !errors.As(err, &problem) {
		return err
	}
	at, inside := r.source(problem.ID)
	if at.node == nil {
		return err
	}
	message := problem.Message
	if problem.Target != "" {
		message = problem.Target + ": " + message
	}
	if inside != "" {
		message = inside + ": " + message
	}
	return at.at(deepest(at.node, problem.Target)).errorf("%s", message)
}

// source finds where a document came from. One that the file lists inside another, such as a subnet, came from there; then
// its ID is the second result.
func (r *seedReader) source(id azure.ResourceID) (at position, inside string) {
	for above, ok := id, true; ok; above, ok = above.Parent() {
		if p, found := r.lines[above.Key()]; found {
			return p, inside
		}
		inside = id.String()
	}
	return position{}, inside
}

// pathStep is one step of a JSON path such as properties.ipRules[0].value or identity.userAssignedIdentities['/a/b.c'].
var pathStep = regexp.MustCompile(`\['([^']*)'\]|\[(\d+)\]|([^.\[\]]+)`)

// deepest follows a JSON path as far as the file has it, which may leave properties out, as az does.
func deepest(n *node, path string) *node {
	for _, match := range pathStep.FindAllStringSubmatch(path, -1) {
		step := match[1] + match[2] + match[3]
		next := n.step(step)
		if next == nil && step != "properties" {
			return n
		}
		if next != nil {
			n = next
		}
	}
	return n
}

// step descends to a member of a list or mapping, or returns nil.
func (n *node) step(name string) *node {
	if n.kind != listNode {
		return n.get(name)
	}
	if at, err := strconv.Atoi(name); err == nil && at >= 0 && at < len(n.items) {
		return n.items[at]
	}
	return nil
}
