package gate

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a condition. Eight kilobytes is Azure's own limit on the text; the
// other two keep evaluation cheap whatever the text says.
const (
	maxConditionBytes = 8 << 10
	maxConditionDepth = 64   // parentheses and NOTs inside one another
	maxConditionNodes = 1024 // tests, negations, groups and values together
)

// repositoryNameAttribute is the only attribute Container Registry gives to a
// condition (acr-behaviour §5.3).
const repositoryNameAttribute = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]"

// Condition narrows a role assignment: the assignment grants an action only
// while its condition holds (acr-behaviour §5.3, condition version 2.0).
//
// A nil *Condition is no condition at all: it always holds, so that the
// assignment covers the whole registry. The zero Condition, which
// ParseCondition never returns, never holds.
type Condition struct {
	root conditionExpression
}

// ConditionInput is what a condition may look at.
type ConditionInput struct {
	// Action is the action or data action the principal wants to perform.
	Action string
	// Repository is the repository's name, without login server, tag or digest.
	Repository string
	// HasRepository is false for operations on the registry as a whole, such as
	// listing the catalog; the name attribute then does not exist.
	HasRepository bool
}

// ConditionError says what is wrong with the text of a condition, and where.
type ConditionError struct {
	// Offset counts bytes from 0; Line and Column count from 1, Column in
	// characters.
	Offset, Line, Column int
	// Problem is a phrase such as `expected a string in single quotes, found ")"`.
	Problem string
}

// Error gives the place, then the problem.
func (e *ConditionError) Error() string {
	return fmt.Sprintf("condition, line %d, column %d (offset %d): %s", e.Line, e.Column, e.Offset, e.Problem)
}

// conditionErrorAt works line and column out of an offset into text.
func conditionErrorAt(text string, offset int, problem string) *ConditionError {
	before := text[:offset]
	return &ConditionError{
		Offset:  offset,
		Line:    1 + strings.Count(before, "\n"),
		Column:  1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
		Problem: problem,
	}
}

// ParseCondition reads a condition in the language of Azure's "role assignment
// condition format and syntax" (acr-behaviour §5.3). Its errors are all of type
// *ConditionError.
//
// Words are written in the case Azure documents; resource types inside an
// attribute ignore case. A quotation mark inside a string is doubled; a
// backslash is an ordinary character but in the patterns of StringLike, where
// it takes the meaning from a following *, ? or \. The only attribute is
// @Request[Microsoft.ContainerRegistry/registries/repositories:name]; another
// one is an error, since no request to a registry would ever carry it.
func ParseCondition(text string) (*Condition, error) {
	if len(text) > maxConditionBytes {
		return nil, conditionErrorAt(text, maxConditionBytes,
			fmt.Sprintf("the condition is longer than %d bytes", maxConditionBytes))
	}
	if i := strings.IndexRune(text, utf8.RuneError); i >= 0 {
		return nil, conditionErrorAt(text, i, "the condition is not valid UTF-8 text")
	}
	root, err := newConditionParser(text).condition()
	if err != nil {
		return nil, err
	}
	c := &Condition{root: root}
	if len(c.String()) > maxConditionBytes {
		return nil, conditionErrorAt(text, len(text),
			fmt.Sprintf("the condition is longer than %d bytes when written out with spaces and parentheses", maxConditionBytes))
	}
	return c, nil
}

// String writes the condition in one line, in the style of Azure's own samples.
// ParseCondition reads it back as an equal condition. A nil or zero Condition
// gives the empty string.
func (c *Condition) String() string {
	if c == nil || c.root == nil {
		return ""
	}
	var b strings.Builder
	c.root.print(&b)
	return b.String()
}

// Holds reports whether the condition is true of in. It does not allocate.
//
// A comparison with the repository name decides nothing when there is no
// repository: neither it nor its negation is true then, whether the negation is
// written StringNotEquals or NOT. Azure documents no rule for this; ours never
// grants a registry-wide operation because a name was excluded. Exists, and
// the usual !(ActionMatches{…}) OR …, say it when that is meant.
func (c *Condition) Holds(in ConditionInput) bool {
	return c == nil || c.root != nil && c.root.settles(true, in)
}
