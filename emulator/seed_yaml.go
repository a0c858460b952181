package emulator

import (
	"errors"
	"fmt"
	"math"

	"github.com/goccy/go-yaml/ast"

	"github.com/acrlocal/acrlocal/emulator/internal/yamlfile"
)

// yamlLimits bound a file's text, beside the bounds of a seed.
var yamlLimits = yamlfile.Limits{Marks: 500_000, Entries: 5_000, Documents: 1_000, Depth: maxSeedDepth}

// yamlReader makes nodes of a file's syntax tree.
type yamlReader struct {
	file    string
	anchors map[string]*node
	merged  int // entries that merge keys copied
}

func parseYAML(file string, data []byte) ([]*node, error) {
	tree, err := yamlfile.Parse(string(data), yamlLimits)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	var roots []*node
	for _, document := range tree.Docs {
		r := &yamlReader{file: file, anchors: map[string]*node{}}
		if document.Body == nil {
			continue
		}
		root, err := r.node(document.Body)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	return roots, nil
}

func syntaxError(file string, err error) error {
	var syntax *yamlfile.Error
	if !errors.As(err, &syntax) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return &seedError{file: file, line: syntax.Line, message: syntax.Message}
}

func (r *yamlReader) errorAt(n ast.Node, format string, args ...any) error {
	return &seedError{r.file, lineOf(n), fmt.Sprintf(format, args...)}
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func (r *yamlReader) node(tree ast.Node) (*node, error) {
	n := &node{line: lineOf(tree)}
	switch t := tree.(type) {
	case *ast.AnchorNode:
		return r.anchor(t)
	case *ast.AliasNode:
		return r.alias(t)
	case *ast.SequenceNode:
		n.kind = listNode
		return n, r.items(n, t.Values)
	case *ast.MappingNode:
		n.kind = mappingNode
		return n, r.entries(n, t.Values)
	case *ast.MappingValueNode:
		n.kind = mappingNode
		return n, r.entries(n, []*ast.MappingValueNode{t})
	}
	var err error
	n.scalar, err = r.scalar(tree)
	return n, err
}

func (r *yamlReader) scalar(tree ast.Node) (any, error) {
	switch t := tree.(type) {
	case nil, *ast.NullNode:
		return nil, nil //nolint:nilnil // null is a value
	case *ast.BoolNode:
		return t.Value, nil
	case *ast.StringNode:
		return t.Value, nil
	case *ast.LiteralNode:
		return t.Value.Value, nil
	case *ast.FloatNode:
		if math.IsInf(t.Value, 0) || math.IsNaN(t.Value) {
			return nil, r.errorAt(tree, "the number is too large")
		}
		return t.Value, nil
	case *ast.IntegerNode:
		return integer(t.Value), nil
	}
	return nil, r.errorAt(tree, "%s has no place in a seed: write plain values, lists and mappings", tree.Type())
}

func integer(value any) any {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return nil
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
		if n := r.anchors[t.Value.GetToken().Value]; n != nil {
			return n, nil
		}
	}
	return nil, r.errorAt(t, "there is no anchor of that name before the alias")
}

func (r *yamlReader) items(n *node, values []ast.Node) error {
	for _, value := range values {
		item, err := r.node(value)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	return nil
}

func (r *yamlReader) entries(n *node, values []*ast.MappingValueNode) error {
	var merges []*node
	for _, value := range values {
		below, err := r.node(value.Value)
		if err != nil {
			return err
		}
		if _, merge := value.Key.(*ast.MergeKeyNode); merge {
			merges = append(merges, below)
			continue
		}
		key, err := r.scalar(value.Key)
		if err != nil {
			return err
		}
		n.entries = append(n.entries, entry{keyText(key, value.Key), lineOf(value.Key), below})
	}
	for _, from := range merges {
		if err := r.merge(n, from); err != nil {
			return err
		}
	}
	return nil
}

// keyText is a key as text: that of a number or a truth value as it is written.
func keyText(key any, tree ast.Node) string {
	if text, ok := key.(string); ok {
		return text
	}
	return tree.GetToken().Value
}

// merge adds the entries of another mapping, or of a list of mappings, that a mapping does not have itself.
func (r *yamlReader) merge(n, from *node) error {
	sources := []*node{from}
	if from.kind == listNode {
		sources = from.items
	}
	for _, source := range sources {
		if source.kind != mappingNode {
			return &seedError{r.file, source.line, "only mappings can be merged"}
		}
		if err := r.mergeMapping(n, source); err != nil {
			return err
		}
	}
	return nil
}

func (r *yamlReader) mergeMapping(n, from *node) error {
	has := map[string]bool{}
	for _, e := range n.entries {
		has[e.key] = true
	}
	for _, e := range from.entries {
		if r.merged++; r.merged > maxSeedValue {
			return &seedError{r.file, n.line, fmt.Sprintf("merge keys copy more than %d entries", maxSeedValue)}
		}
		if !has[e.key] {
			n.entries = append(n.entries, e)
		}
	}
	return nil
}
