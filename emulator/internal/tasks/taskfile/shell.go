package taskfile

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// The bounds of one command line; its expansions recurse.
const (
	maxCommand    = 128 << 10 // bytes, as of one argument of a program on Linux
	maxExpansions = 500
)

// splitWords splits a command line as the shell does to which ACR's engine gives it (acr-tasks §1.1). That shell runs outside of
// the container: variables have no value there, and what would run there, a second command or a substitution, is refused.
func splitWords(line string) ([]string, error) {
	if len(line) > maxCommand {
		return nil, fmt.Errorf("the command has %d bytes, more than the %d that it may have", len(line), maxCommand)
	}
	if strings.Count(line, "$")+strings.Count(line, "`")+strings.Count(line, "(") > maxExpansions {
		return nil, fmt.Errorf("the command has more than %d expansions", maxExpansions)
	}
	const program = "docker " // the line stands after it: nothing of it is an assignment or a keyword
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(program+line), "")
	if err != nil {
		return nil, shellError(err, len(program))
	}
	call, err := oneCommand(file)
	if err != nil {
		return nil, err
	}
	config := &expand.Config{Env: expand.FuncEnviron(func(string) string { return "" })}
	var words []string
	for _, word := range call.Args[1:] {
		text, err := expand.Literal(config, word)
		if err != nil {
			return nil, fmt.Errorf("the command cannot be split into words: %w", err)
		}
		if text != "" || hasQuotes(word) {
			words = append(words, text)
		}
	}
	return words, nil
}

// shellError takes what is before the line out of a position in it.
func shellError(err error, before int) error {
	var at syntax.ParseError
	if !errors.As(err, &at) {
		return fmt.Errorf("the command cannot be split into words: %w", err)
	}
	column := int(at.Pos.Col())
	if at.Pos.Line() == 1 {
		column = max(column-before, 1)
	}
	return fmt.Errorf("the command cannot be split into words: line %d, column %d: %s", at.Pos.Line(), column, at.Text)
}

var (
	errManyCommands  = errors.New("a step is one command: give a shell in the container what has ;, |, &, > or a second line, as in bash -c '…'")
	errSubstitution  = errors.New("a command substitution would run outside of the container: put it in single quotes for a shell in the container, as in bash -c '…'")
	errNothingToSplt = errors.New("the command is empty")
)

// oneCommand finds the only command of a line.
func oneCommand(file *syntax.File) (*syntax.CallExpr, error) {
	if len(file.Stmts) != 1 {
		return nil, errManyCommands
	}
	statement := file.Stmts[0]
	call, ok := statement.Cmd.(*syntax.CallExpr)
	if !ok || len(statement.Redirs) > 0 || statement.Background || statement.Negated || len(call.Assigns) > 0 {
		return nil, errManyCommands
	}
	var found error
	syntax.Walk(call, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			found = errSubstitution
		}
		return found == nil
	})
	return call, found
}

// hasQuotes reports whether a word is one even when it is empty.
func hasQuotes(word *syntax.Word) bool {
	for _, part := range word.Parts {
		switch part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
			return true
		}
	}
	return false
}

// oneWord is what the shell makes of a value that stands on the command line as it is: quotation marks go, and more than
// one word is an error, since docker would take the second for something else.
func oneWord(key, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	words, err := splitWords(value)
	if err != nil {
		return "", fmt.Errorf("%s %q: %w", key, value, err)
	}
	if len(words) != 1 {
		return "", fmt.Errorf("%s %q is %d words for the shell: put quotation marks around it", key, value, len(words))
	}
	return words[0], nil
}
