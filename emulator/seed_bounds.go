package emulator

import (
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a YAML file's text, beside those of a seed. The parser recurses, keeps some hundred bytes for a token, and
// takes time in the square of the entries of one mapping and of the documents of a file.
const (
	maxYAMLMarks     = 500_000 // characters that may begin or end a token
	maxYAMLEntries   = 5_000   // of one mapping without braces
	maxYAMLDocuments = 1_000
)

// checkMarks refuses a text that could become too many tokens. Of each mark come two at most: itself, and what is before it.
func checkMarks(file, text string) error {
	marks, line := 0, 1
	for i := range len(text) {
		switch text[i] {
		case '\n':
			line++
			marks++
		case '-': // of which names are full
			if i+1 == len(text) || text[i+1] <= ' ' {
				marks++
			}
		case '[', ']', '{', '}', ',', ':', '?', '&', '*', '!', '|', '>', '"', '\'', '%', '#', '@', '`':
			marks++
		}
		if marks > maxYAMLMarks {
			return &seedError{file, line, fmt.Sprintf("the file has more than %d lines and marks: a large seed is better written in JSON", maxYAMLMarks)}
		}
	}
	return nil
}

// scanYAML splits a file into tokens, and refuses those that go beyond a bound.
func scanYAML(file, text string) (token.Tokens, error) {
	if err := checkMarks(file, text); err != nil {
		return nil, err
	}
	var s scanner.Scanner
	s.Init(text)
	var tokens token.Tokens
	var b yamlBounds
	for {
		more, err := s.Scan()
		if errors.Is(err, io.EOF) {
			return tokens, nil
		}
		tokens.Add(more...)
		for _, t := range more {
			if err := b.note(t); err != nil {
				return nil, &seedError{file, t.Position.Line, err.Error()}
			}
		}
	}
}

// yamlBounds counts what is open at a token. Brackets tell how deep they are; what stands without them is as deep as the
// number of columns at which its lists and mappings begin.
type yamlBounds struct {
	open                       []block
	brackets, prefixes, begins int
	before                     *token.Token
}

// block is a list or mapping without brackets that is open.
type block struct {
	column, entries int
	list            bool
}

func (b *yamlBounds) note(t *token.Token) error {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		b.brackets++
	case token.SequenceEndType, token.MappingEndType:
		b.brackets--
	case token.DocumentHeaderType:
		b.open, b.brackets = nil, 0
		b.begins++
	case token.SequenceEntryType:
		b.enter(t.Position.Column, true)
	case token.MappingKeyType:
		b.enter(t.Position.Column, false)
	case token.MappingValueType:
		b.key(t)
	}
	if b.prefixes++; t.Type != token.AnchorType && t.Type != token.TagType && (b.before == nil || b.before.Type != token.AnchorType) {
		b.prefixes = 0
	}
	b.before = t
	return b.exceeded()
}

// key notes a key, which stands before its colon.
func (b *yamlBounds) key(colon *token.Token) {
	if b.brackets > 0 {
		return
	}
	column := colon.Position.Column
	if b.before != nil && b.before.Position.Line == colon.Position.Line {
		column = b.before.Position.Column
	}
	b.enter(column, false)
}

// enter notes an entry of the list or mapping at a column; what is further right has ended.
func (b *yamlBounds) enter(column int, list bool) {
	last := len(b.open) - 1
	for last >= 0 && (b.open[last].column > column || b.open[last].column == column && b.open[last].list && !list) {
		last--
	}
	b.open = b.open[:last+1]
	if last < 0 || b.open[last].column < column || b.open[last].list != list {
		b.open = append(b.open, block{column: column, list: list})
		last++
	}
	b.open[last].entries++
}

func (b *yamlBounds) exceeded() error {
	last := len(b.open) - 1
	switch {
	case b.before.Type == token.InvalidType:
		return errors.New(b.before.Error)
	case b.brackets+len(b.open)+b.prefixes > maxSeedDepth:
		return errTooDeep
	case b.begins > maxYAMLDocuments:
		return fmt.Errorf("the file has more than %d documents", maxYAMLDocuments)
	case last >= 0 && !b.open[last].list && b.open[last].entries > maxYAMLEntries:
		return fmt.Errorf("a mapping has more than %d entries", maxYAMLEntries)
	}
	return nil
}
