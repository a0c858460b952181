package emulator

import "fmt"

// The bounds of a seed. A person's file is far below them; one that was made to exhaust memory or stack is not.
const (
	maxSeed      = 64 << 20 // bytes of a file in JSON
	maxYAML      = 16 << 20 // bytes of a file in YAML, which takes some hundred times as much memory to read
	maxSeedDepth = 64       // lists and mappings within each other
	maxSeedValue = 1 << 20  // values in one section's entry, after aliases are followed
)

// node is one value of a seed file, whether the file is YAML or JSON. An alias is the very node that it names, so that
// nodes take memory in proportion to the file.
type node struct {
	line    int
	kind    nodeKind
	scalar  any     // nil, bool, float64 or string
	items   []*node // of a list
	entries []entry // of a mapping, in the order of the file
}

// nodeKind tells what a node is.
type nodeKind uint8

const (
	scalarNode nodeKind = iota
	listNode
	mappingNode
)

// entry is one key of a mapping, with its value.
type entry struct {
	key   string
	line  int
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// isNull reports whether nothing is said.
func (n *node) isNull() bool { return n.kind == scalarNode && n.scalar == nil }

// value returns what a node means. left is how many more values it may have, since an alias costs the file little.
func (n *node) value(left *int, depth int) (any, error) {
	if *left--; *left < 0 {
		return nil, fmt.Errorf("an entry has more than %d values once its aliases are followed", maxSeedValue)
	}
	if depth > maxSeedDepth {
		return nil, errTooDeep
	}
	switch n.kind {
	case listNode:
		return n.list(left, depth)
	case mappingNode:
		return n.object(left, depth)
	}
	return n.scalar, nil
}

var errTooDeep = fmt.Errorf("lists and mappings are nested more than %d deep", maxSeedDepth)

func (n *node) list(left *int, depth int) (any, error) {
	items := make([]any, 0, len(n.items))
	for _, item := range n.items {
		value, err := item.value(left, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, value)
	}
	return items, nil
}

func (n *node) object(left *int, depth int) (any, error) {
	object := make(map[string]any, len(n.entries))
	for _, e := range n.entries {
		value, err := e.value.value(left, depth+1)
		if err != nil {
			return nil, err
		}
		object[e.key] = value
	}
	return object, nil
}

// position is a place in a seed file.
type position struct {
	file string
	node *node
}

func (p position) errorf(format string, args ...any) error {
	return p.errorAt(p.node.line, format, args...)
}

func (p position) errorAt(line int, format string, args ...any) error {
	return &seedError{file: p.file, line: line, message: fmt.Sprintf(format, args...)}
}

// at is the position of another node of the same file.
func (p position) at(n *node) position { return position{p.file, n} }

// on is a position on another line, such as that of a key.
func (p position) on(line int) position {
	same := *p.node
	same.line = line
	return p.at(&same)
}

// items returns the members of a list; nothing at all is an empty one.
func (p position) items() ([]position, error) {
	if p.node.isNull() {
		return nil, nil
	}
	if p.node.kind != listNode {
		return nil, p.errorf("expected a list")
	}
	all := make([]position, 0, len(p.node.items))
	for _, item := range p.node.items {
		all = append(all, p.at(item))
	}
	return all, nil
}

// each reads the members of a list one by one.
func (p position) each(read func(position) error) error {
	items, err := p.items()
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := read(item); err != nil {
			return err
		}
	}
	return nil
}

// entries returns what a mapping holds; nothing at all is an empty one. want says what should be there.
func (p position) entries(want string) ([]entry, error) {
	if p.node.isNull() {
		return nil, nil
	}
	if p.node.kind != mappingNode {
		return nil, p.errorf("expected %s", want)
	}
	return p.node.entries, nil
}

// value returns a node as encoding/json would: numbers are float64, lists []any, objects map[string]any.
func (p position) value() (any, error) {
	left := maxSeedValue
	value, err := p.node.value(&left, 0)
	if err != nil {
		return nil, p.errorf("%v", err)
	}
	return value, nil
}

// object returns a mapping as a JSON object.
func (p position) object() (map[string]any, error) {
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, p.errorf("expected a document: a mapping with an id, or with type and name")
	}
	return object, nil
}
