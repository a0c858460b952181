package taskfile

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// The bounds of one command line; its expansions recurse.
const (
	maxCommand    = 128 << 10 // bytes, as of one argument of a program on Linux
	maxExpansions = 5_000
)

// splitWords splits a command line as the shell does to which ACR's engine gives it (acr-tasks §1.1). That shell runs outside of
// the container: variables have no value there, and what would run there, a second command or a substitution, is refused.
func splitWords(line string) ([]string, error) {
	if len(line) > maxCommand {
		return nil, fmt.Errorf("the command has %d bytes, more than the %d that it may have", len(line), maxCommand)
	}
	if strings.Count(line, "$(")+strings.Count(line, "${")+strings.Count(line, "`") > maxExpansions {
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
	var words []string
	for _, word := range call.Args[1:] {
		var x expansion
		if err := x.parts(word.Parts, false); err != nil {
			return nil, err
		}
		if x.text.Len() > 0 || x.quoted {
			words = append(words, x.text.String())
		}
	}
	return words, nil
}

// expansion is what a word comes to in a shell in which no variable has a value.
type expansion struct {
	text   strings.Builder
	quoted bool // with quotation marks a word is one even when it is empty
}

func (x *expansion) parts(parts []syntax.WordPart, inQuotes bool) error {
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			x.literal(part.Value, inQuotes)
		case *syntax.SglQuoted:
			x.quoted = true
			x.text.WriteString(part.Value)
		case *syntax.DblQuoted:
			x.quoted = true
			if err := x.parts(part.Parts, true); err != nil {
				return err
			}
		case *syntax.ParamExp:
			if err := x.variable(part, inQuotes); err != nil {
				return err
			}
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return errSubstitution
		default:
			return errExpansion
		}
	}
	return nil
}

// literal adds a text without its escapes: of any letter outside of double quotes, and of some within them.
func (x *expansion) literal(text string, inQuotes bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!inQuotes || strings.IndexByte("$`\"\\", text[i+1]) >= 0) {
			i++
		}
		x.text.WriteByte(text[i])
	}
}

// variable adds what is to be used in the place of a variable without a value, if anything is.
func (x *expansion) variable(v *syntax.ParamExp, inQuotes bool) error {
	switch {
	case strings.Contains("$#?!-", v.Param.Value):
		return fmt.Errorf("$%s is of the shell outside of the container: put it in single quotes for one in the container", v.Param.Value)
	case v.Length:
		x.text.WriteByte('0')
	case v.Exp == nil:
	case v.Exp.Op == syntax.DefaultUnset, v.Exp.Op == syntax.DefaultUnsetOrNull:
		if v.Exp.Word != nil {
			return x.parts(v.Exp.Word.Parts, inQuotes)
		}
	case v.Exp.Op == syntax.ErrorUnset, v.Exp.Op == syntax.ErrorUnsetOrNull:
		return fmt.Errorf("%s has no value: the variables of a step are those of its container", v.Param.Value)
	}
	return nil
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
	errManyCommands = errors.New("a step is one command: give a shell in the container what has ;, |, &, > or a second line, as in bash -c '…'")
	errSubstitution = errors.New("a command substitution would run outside of the container: put it in single quotes for a shell in the container, as in bash -c '…'")
	errExpansion    = errors.New("arithmetic is of the shell outside of the container: put it in single quotes for one in the container")
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
	return call, nil
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
