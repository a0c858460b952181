package emulator

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// sampleSeed is the environment that is used without a seed of one's own.
//
//go:embed sample.yaml
var sampleSeed []byte

// maxSeed bounds a seed file, in bytes.
const maxSeed = 64 << 20

// seed is the start-up state, read from all files together.
type seed struct {
	state        *azure.State // everything, completed
	images       []seedImage
	services     []gate.TrustedService
	quirks       seedQuirks
	plainAnswers bool
}

// seedImage is an image that a registry begins with.
type seedImage struct {
	registry, repository, tag string
	// path is an OCI layout or a tarball; empty is the sample image.
	path string
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

// servicesOf is the table of trusted services with the seed's changes.
func (s seed) servicesOf(*azure.State) []gate.TrustedService { return s.services }

// seedReader reads seed files one after the other.
type seedReader struct {
	seed  seed
	file  string
	lines map[string]position // where each document came from, by its key
	put   []azure.Document
}

// position is a place in a seed file.
type position struct {
	file string
	node ast.Node
}

func (p position) errorf(format string, args ...any) error {
	return &seedError{file: p.file, line: p.node.GetToken().Position.Line, message: fmt.Sprintf(format, args...)}
}

// sections are the sections of a seed file.
var sections = map[string]func(*seedReader, position) error{
	"resources":       (*seedReader).resources,
	"principals":      (*seedReader).principals,
	"images":          (*seedReader).images,
	"trustedServices": (*seedReader).trustedServices,
	"quirks":          (*seedReader).readQuirks,
}

// readSeeds reads seeds in order; what comes later replaces what has the same ID.
func readSeeds(files []Seed) (seed, error) {
	r := &seedReader{seed: seed{services: gate.TrustedServices()}, lines: map[string]position{}}
	r.put = append(r.put, developmentDocuments()...)
	for _, f := range files {
		if err := r.read(f); err != nil {
			return seed{}, err
		}
	}
	err := r.complete()
	return r.seed, err
}

func (r *seedReader) read(f Seed) error {
	r.file = f.Name
	if len(f.Data) > maxSeed {
		return fmt.Errorf("%s: %d bytes are more than the %d a seed may have", f.Name, len(f.Data), maxSeed)
	}
	file, err := parser.ParseBytes(f.Data, 0)
	if err != nil {
		return syntaxError(f.Name, err)
	}
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if err := r.document(document.Body); err != nil {
			return err
		}
	}
	return nil
}

func syntaxError(file string, err error) error {
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		return &seedError{file: file, line: syntax.GetToken().Position.Line, message: syntax.GetMessage()}
	}
	return fmt.Errorf("%s: %w", file, err)
}

func (r *seedReader) document(body ast.Node) error {
	entries, ok := mapping(body)
	if !ok {
		return position{r.file, body}.errorf("a seed is a mapping with %s", strings.Join(sectionNames, ", "))
	}
	for _, entry := range entries {
		name := entry.Key.GetToken().Value
		section, ok := sections[name]
		if !ok {
			return position{r.file, entry.Key}.errorf("there is no section %q; there are %s", name, strings.Join(sectionNames, ", "))
		}
		if err := section(r, position{r.file, entry.Value}); err != nil {
			return err
		}
	}
	return nil
}

var sectionNames = []string{"resources", "principals", "images", "trustedServices", "quirks"}

// mapping returns the entries of a mapping, which the parser has in two forms.
func mapping(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// items returns the members of a list.
func (p position) items() ([]position, error) {
	if _, ok := p.node.(*ast.NullNode); ok {
		return nil, nil
	}
	list, ok := p.node.(*ast.SequenceNode)
	if !ok {
		return nil, p.errorf("expected a list")
	}
	var all []position
	for _, node := range list.Values {
		all = append(all, position{p.file, node})
	}
	return all, nil
}

// value reads a node as JSON would: numbers are float64, keys are strings.
func (p position) value(into any) error {
	var value any
	if err := yaml.NodeToValue(p.node, &value); err != nil {
		return p.errorf("%v", err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return p.errorf("%v", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return p.errorf("%v", err)
	}
	return nil
}

func (r *seedReader) images(p position) error {
	items, err := p.items()
	if err != nil {
		return err
	}
	for _, item := range items {
		var entry struct{ Registry, Reference, Path string }
		if err := item.value(&entry); err != nil {
			return err
		}
		repository, tag, ok := strings.Cut(entry.Reference, ":")
		if !ok || entry.Registry == "" {
			return item.errorf("an image has a registry, a reference such as hello:v1, and a path")
		}
		if entry.Path != "" && !filepath.IsAbs(entry.Path) {
			entry.Path = filepath.Join(filepath.Dir(r.file), entry.Path)
		}
		r.seed.images = append(r.seed.images, seedImage{entry.Registry, repository, tag, entry.Path})
	}
	return nil
}

// complete adds what Azure would add to all documents, and checks them together.
func (r *seedReader) complete() error {
	for _, d := range r.put {
		if at, ok := r.lines[d.ID.Key()]; ok && azure.Fold(d.Type()) == azure.Fold(azure.TypeRoleAssignment) {
			if err := r.assignment(d, at); err != nil {
				return err
			}
		}
	}
	r.addGroups()
	var empty *azure.State
	change, err := empty.Complete(azure.Change{Put: r.put}, azure.Author{Operator: true})
	if err == nil {
		r.seed.state, err = empty.With(change)
	}
	if err != nil {
		return r.located(err)
	}
	return r.resolvePrincipals()
}

// located finds the line that an error of a document is about.
func (r *seedReader) located(err error) error {
	var problem *azure.Error
	if !errors.As(err, &problem) {
		return err
	}
	p, ok := r.lines[problem.ID.Key()]
	if !ok {
		return err
	}
	message := problem.Message
	if problem.Target != "" {
		message = problem.Target + ": " + message
	}
	return position{p.file, deepest(p.node, problem.Target)}.errorf("%s", message)
}

// deepest follows a JSON path such as properties.ipRules[0].value as far as the file has it.
func deepest(node ast.Node, path string) ast.Node {
	for _, step := range strings.FieldsFunc(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' }) {
		next := child(node, step)
		if next == nil && step != "properties" {
			return node
		}
		if next != nil {
			node = next
		}
	}
	return node
}

func child(node ast.Node, step string) ast.Node {
	if list, ok := node.(*ast.SequenceNode); ok {
		var at int
		if _, err := fmt.Sscanf(step, "%d", &at); err == nil && at < len(list.Values) {
			return list.Values[at]
		}
		return nil
	}
	entries, _ := mapping(node)
	for _, entry := range entries {
		if entry.Key.GetToken().Value == step {
			return entry.Value
		}
	}
	return nil
}
