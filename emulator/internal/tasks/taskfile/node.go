package taskfile

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/acrlocal/acrlocal/emulator/internal/yamlfile"
)

// node is one value of a file. An alias is the very node that it names, so that nodes take memory in proportion to the file.
type node struct {
	line    int
	kind    nodeKind
	text    string // of a scalar, as it is written
	plain   bool   // a scalar without quotation marks, which may be more than text
	items   []*node
	entries []entry // each key once, the last one of the file
}

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	listNode
	mappingNode
)

type entry struct {
	key   string
	value *node
}

// readYAML reads the first document of a file, as ACR's engine does. A key that is there twice counts the last time:
// az puts a version before a file that may have one (acr-tasks §1.2).
func readYAML(text string) (*node, error) {
	tree, err := yamlfile.Parse(strings.TrimPrefix(text, "\ufeff"), yamlLimits, parser.AllowDuplicateMapKey())
	var at *yamlfile.Error
	if errors.As(err, &at) && at.Column > 0 {
		return nil, fmt.Errorf("yaml: line %d, column %d: %s", at.Line, at.Column, at.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("yaml: %w", err)
	}
	if len(tree.Docs) == 0 || tree.Docs[0].Body == nil {
		return &node{line: 1, plain: true}, nil
	}
	r := yamlReader{anchors: map[string]*node{}}
	return r.node(tree.Docs[0].Body)
}

// yamlReader makes nodes of a syntax tree.
type yamlReader struct {
	anchors map[string]*node
	merged  int // entries that merge keys copied
}

func errorAt(line int, format string, args ...any) error {
	return fmt.Errorf("yaml: line %d: %s", line, fmt.Sprintf(format, args...))
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func (r *yamlReader) node(tree ast.Node) (*node, error) {
	switch t := tree.(type) {
	case nil:
		return &node{line: 1, plain: true}, nil
	case *ast.AnchorNode:
		return r.anchor(t)
	case *ast.AliasNode:
		return r.alias(t)
	case *ast.TagNode:
		return r.tagged(t)
	case *ast.SequenceNode:
		return r.list(t)
	case *ast.MappingNode:
		return r.mapping(lineOf(t), t.Values)
	case *ast.MappingValueNode:
		return r.mapping(lineOf(t), []*ast.MappingValueNode{t})
	}
	return scalar(tree)
}

func scalar(tree ast.Node) (*node, error) {
	n := &node{line: lineOf(tree)}
	switch t := tree.(type) {
	case *ast.StringNode:
		n.text = t.Value
		n.plain = t.Token.Type != token.SingleQuoteType && t.Token.Type != token.DoubleQuoteType
	case *ast.LiteralNode:
		n.text = t.Value.Value
	case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.plain = true
		if text := tree.GetToken().Value; resolve(text) != nil {
			n.text = text
		}
	default:
		return nil, errorAt(n.line, "%s has no place in a task", tree.Type())
	}
	return n, nil
}

func (r *yamlReader) anchor(t *ast.AnchorNode) (*node, error) {
	n, err := r.node(t.Value)
	if err == nil && t.Name != nil {
		r.anchors[t.Name.GetToken().Value] = n
	}
	return n, err
}

func (r *yamlReader) alias(t *ast.AliasNode) (*node, error) {
	if t.Value != nil {
		name := t.Value.GetToken().Value
		if n := r.anchors[name]; n != nil {
			return n, nil
		}
		return nil, errorAt(lineOf(t), "unknown anchor '%s' referenced", name)
	}
	return nil, errorAt(lineOf(t), "an alias without a name")
}

// tagged reads a value with a tag. That of a text keeps it from being anything else; others say what is seen anyway.
func (r *yamlReader) tagged(t *ast.TagNode) (*node, error) {
	n, err := r.node(t.Value)
	if err == nil && t.Start != nil && t.Start.Value == "!!str" && n.kind == scalarNode {
		n = &node{line: n.line, text: n.text}
	}
	return n, err
}

func (r *yamlReader) list(t *ast.SequenceNode) (*node, error) {
	n := &node{line: lineOf(t), kind: listNode}
	for _, value := range t.Values {
		item, err := r.node(value)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	return n, nil
}

func (r *yamlReader) mapping(line int, values []*ast.MappingValueNode) (*node, error) {
	n := &node{line: line, kind: mappingNode}
	at := map[string]int{}
	var merges []*node
	for _, value := range values {
		below, err := r.node(value.Value)
		if err != nil {
			return nil, err
		}
		if _, merge := value.Key.(*ast.MergeKeyNode); merge {
			merges = append(merges, below)
			continue
		}
		key, err := r.node(value.Key)
		if err != nil {
			return nil, err
		}
		if key.kind != scalarNode {
			return nil, errorAt(lineOf(value), "a list or mapping cannot be a key")
		}
		n.put(at, entry{key.text, below}, true)
	}
	for _, from := range merges {
		if err := r.merge(n, at, from); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// put adds an entry. One of that key is replaced, or stays.
func (n *node) put(at map[string]int, e entry, replace bool) {
	i, found := at[e.key]
	switch {
	case !found:
		at[e.key] = len(n.entries)
		n.entries = append(n.entries, e)
	case replace:
		n.entries[i] = e
	}
}

// merge adds the entries of another mapping, or of a list of mappings, that a mapping does not have itself.
func (r *yamlReader) merge(n *node, at map[string]int, from *node) error {
	sources := []*node{from}
	if from.kind == listNode {
		sources = from.items
	}
	for _, source := range sources {
		if source.kind != mappingNode {
			return errorAt(source.line, "map merge requires map or sequence of maps as the value")
		}
		if r.merged += len(source.entries); r.merged > maxValues {
			return errorAt(source.line, "merge keys copy more than %d entries", maxValues)
		}
		for _, e := range source.entries {
			n.put(at, e, false)
		}
	}
	return nil
}

// decimal is what YAML 1.1 takes for a number with a fraction or an exponent.
var decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// resolve returns what a plain scalar means in YAML 1.1, which is what ACR's engine reads: yes and on are true, 010 is 8.
func resolve(text string) any {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	}
	plain := strings.ReplaceAll(text, "_", "")
	if whole, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return int(whole)
	}
	if decimal.MatchString(plain) {
		if number, err := strconv.ParseFloat(plain, 64); err == nil {
			return number
		}
	}
	return text
}

// scalarValue is what a scalar means.
func (n *node) scalarValue() any {
	if n.plain {
		return resolve(n.text)
	}
	return n.text
}

// value returns what a scalar or a list of such means. left is how many more values it may have, since an alias costs the file
// little.
func (n *node) value(left *int) (any, error) {
	if *left--; *left < 0 {
		return nil, fmt.Errorf("the values are more than %d once their aliases are followed", maxValues)
	}
	if n.kind != listNode {
		return n.scalarValue(), nil
	}
	list := make([]any, len(n.items))
	for i, item := range n.items {
		var err error
		if list[i], err = item.value(left); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// hasMapping reports whether there is a mapping in a value, as far as left goes.
func (n *node) hasMapping(left *int) bool {
	if n.kind == mappingNode {
		return true
	}
	for _, item := range n.items {
		if *left--; *left < 0 {
			return false // which value refuses
		}
		if item.hasMapping(left) {
			return true
		}
	}
	return false
}
