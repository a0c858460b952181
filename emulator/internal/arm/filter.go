package arm

import (
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// maxFilter bounds $filter, in bytes.
const maxFilter = 4 << 10

// clause is one part of a filter: NAME eq 'VALUE', NAME('VALUE') or NAME().
type clause struct {
	name  string // folded; a call has its parentheses: atscope()
	value string
}

// fits tells whether a document is one of those that a clause selects.
type fits func(d *azure.Document) bool

// fieldOf makes the comparison with the value of a clause.
type fieldOf func(c *call, value string) fits

// memberField compares a member of the document, without case.
func memberField(path string) fieldOf {
	return func(_ *call, value string) fits {
		return func(d *azure.Document) bool { return strings.EqualFold(textAt(d.Body, path), value) }
	}
}

// resourceFields are what lists of resources can be filtered by (az-cli §5).
var resourceFields = map[string]fieldOf{
	"resourcetype":         memberField("type"),
	"resourcegroup":        inGroup,
	"name":                 memberField("name"),
	"location":             memberField("location"),
	"kind":                 memberField("kind"),
	"identity/principalid": memberField("identity.principalId"),
}

func inGroup(_ *call, group string) fits {
	return func(d *azure.Document) bool { return azure.Fold(d.ID.ResourceGroup()) == azure.Fold(group) }
}

// filter keeps the documents that fit $filter. What cannot be compared is an error, since a client that narrows a list
// must not be given a wider one.
func (c *call) filter(documents []*azure.Document, fields map[string]fieldOf) ([]*azure.Document, error) {
	text := c.query("$filter")
	clauses, problem := parseFilter(text)
	if problem != "" {
		return nil, errFilter.with(text, problem)
	}
	for _, part := range clauses {
		compare, known := fields[part.name]
		if !known {
			return nil, errFilter.with(text, "'"+part.name+"' is not known here")
		}
		selects := compare(c, part.value)
		documents = slices.DeleteFunc(slices.Clone(documents), func(d *azure.Document) bool { return !selects(d) })
	}
	return documents, nil
}

// parseFilter reads clauses joined by "and", the part of OData that az and the SDKs use. problem is empty if it can.
func parseFilter(text string) (clauses []clause, problem string) {
	if len(text) > maxFilter {
		return nil, "it is too long"
	}
	rest := strings.TrimSpace(text)
	for rest != "" {
		var part clause
		if part, rest, problem = parseClause(rest); problem != "" {
			return nil, problem
		}
		clauses = append(clauses, part)
		if rest == "" {
			break
		}
		word, after := cutWord(rest)
		if azure.Fold(word) != "and" || after == "" {
			return nil, "expected 'and' with another comparison after it"
		}
		rest = after
	}
	return clauses, ""
}

func parseClause(text string) (part clause, rest, problem string) {
	end := strings.IndexAny(text, " (")
	if end <= 0 {
		return part, "", "expected NAME eq 'VALUE' or NAME()"
	}
	part.name, rest = azure.Fold(text[:end]), text[end:]
	if rest[0] == '(' {
		part.name += "()"
		return parseArgument(part, rest[1:])
	}
	word, after := cutWord(rest)
	if azure.Fold(word) != "eq" {
		return part, "", "the only comparison is 'eq'"
	}
	part.value, rest, problem = parseString(after)
	return part, rest, problem
}

func parseArgument(part clause, text string) (_ clause, rest, problem string) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "'") {
		if part.value, text, problem = parseString(text); problem != "" {
			return part, "", problem
		}
	}
	rest, closed := strings.CutPrefix(text, ")")
	if !closed {
		return part, "", "a parenthesis is not closed"
	}
	return part, strings.TrimSpace(rest), ""
}

// parseString reads a string in single quotes, which are doubled inside it.
func parseString(text string) (value, rest, problem string) {
	rest, quoted := strings.CutPrefix(text, "'")
	if !quoted {
		return "", "", "expected a value in single quotes"
	}
	var b strings.Builder
	for {
		part, after, closed := strings.Cut(rest, "'")
		if !closed {
			return "", "", "a quotation mark is not closed"
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, "'") {
			return b.String(), strings.TrimSpace(after), ""
		}
		b.WriteByte('\'')
		rest = after[1:]
	}
}

func cutWord(text string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimSpace(text), " ")
	return word, strings.TrimSpace(rest)
}
