package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

// parseNodes reads the documents of a seed file: YAML may hold several, JSON is one.
func parseNodes(file string, data []byte) ([]*node, error) {
	text := bytes.TrimSpace(data)
	isJSON := len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text)
	limit := maxYAML
	if isJSON {
		limit = maxSeed
	}
	if len(data) > limit {
		return nil, fmt.Errorf("%s: %d bytes are more than the %d that a seed may have, or the %d of one in JSON", file, len(data), maxYAML, maxSeed)
	}
	if isJSON {
		root, err := parseJSON(file, data)
		return []*node{root}, err
	}
	return parseYAML(file, data)
}

// jsonReader makes nodes of a file that is known to be valid JSON.
type jsonReader struct {
	file    string
	decoder *json.Decoder
	ends    []int // offsets of the ends of lines
}

func parseJSON(file string, data []byte) (*node, error) {
	r := &jsonReader{file: file, decoder: json.NewDecoder(bytes.NewReader(data))}
	for at, c := range data {
		if c == '\n' {
			r.ends = append(r.ends, at)
		}
	}
	return r.next(0)
}

// line is the line on which the last token ended.
func (r *jsonReader) line() int {
	return sort.SearchInts(r.ends, int(r.decoder.InputOffset())) + 1
}

func (r *jsonReader) next(depth int) (*node, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, r.broken(err)
	}
	n := &node{line: r.line(), scalar: token}
	if depth > maxSeedDepth {
		return nil, &seedError{r.file, n.line, errTooDeep.Error()}
	}
	switch token {
	case json.Delim('['):
		n.kind, n.scalar = listNode, nil
		err = r.items(n, depth)
	case json.Delim('{'):
		n.kind, n.scalar = mappingNode, nil
		err = r.entries(n, depth)
	}
	return n, err
}

func (r *jsonReader) items(n *node, depth int) error {
	for r.decoder.More() {
		item, err := r.next(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	return r.end()
}

func (r *jsonReader) entries(n *node, depth int) error {
	seen := map[string]bool{}
	for r.decoder.More() {
		key, err := r.next(depth + 1)
		if err != nil {
			return err
		}
		name, _ := key.scalar.(string)
		if seen[name] {
			return &seedError{r.file, key.line, fmt.Sprintf("the key %q is there twice", name)}
		}
		seen[name] = true
		value, err := r.next(depth + 1)
		if err != nil {
			return err
		}
		n.entries = append(n.entries, entry{name, key.line, value})
	}
	return r.end()
}

// end reads the bracket that closes a list or mapping.
func (r *jsonReader) end() error {
	_, err := r.decoder.Token()
	return r.broken(err)
}

func (r *jsonReader) broken(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &seedError{r.file, r.line(), err.Error()}
}
