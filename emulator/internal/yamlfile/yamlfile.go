// Package yamlfile parses YAML that a stranger wrote.
//
// The parser recurses, keeps some hundred bytes for a token, and takes time in the square of the entries of one mapping and of
// the documents of a file. Its input is bounded here before it sees it, so that a file takes memory and time in proportion
// to its size. What its aliases come to is the caller's to bound: they are not followed here.
package yamlfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// Limits bound a file's text. None may be zero.
type Limits struct {
	// Marks are characters that may begin or end a token.
	Marks int
	// Entries are those of one mapping without braces.
	Entries int
	// Documents are separated by ---.
	Documents int
	// Depth is how far lists and mappings may be within each other.
	Depth int
}

// Error says what is wrong with a file, and where.
type Error struct {
	// Line and Column count from 1; a column of 0 is not known.
	Line, Column int
	// Message is for people.
	Message string
}

// Error is the line and the message.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// Parse returns the syntax tree of a file. Errors are an *Error, but for those of which the parser knows no place.
func Parse(text string, l Limits, options ...parser.Option) (*ast.File, error) {
	tokens, err := scan(text, l)
	if err != nil {
		return nil, err
	}
	tree, err := parser.Parse(tokens, 0, options...)
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		return nil, errorAt(syntax.GetToken(), syntax.GetMessage())
	}
	return tree, err
}

func errorAt(t *token.Token, message string) *Error {
	if t == nil || t.Position == nil {
		return &Error{Line: 1, Message: message}
	}
	return &Error{Line: t.Position.Line, Column: t.Position.Column, Message: message}
}

// checkMarks refuses a text that could become too many tokens. Of each mark come two at most: itself, and what is before it.
func checkMarks(text string, limit int) error {
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
		if marks > limit {
			return &Error{Line: line, Message: fmt.Sprintf("the file has more than %d lines and marks", limit)}
		}
	}
	return nil
}

// scan splits a file into tokens, and refuses those that go beyond a bound.
func scan(text string, l Limits) (token.Tokens, error) {
	if err := checkMarks(text, l.Marks); err != nil {
		return nil, err
	}
	var s scanner.Scanner
	s.Init(text)
	var tokens token.Tokens
	b := bounds{limits: l}
	for {
		more, err := s.Scan()
		if errors.Is(err, io.EOF) {
			return tokens, nil
		}
		tokens.Add(more...)
		for _, t := range more {
			if err := b.note(t); err != nil {
				return nil, errorAt(t, err.Error())
			}
		}
	}
}
