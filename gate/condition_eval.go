package gate

import "strings"

// conditionExpression is a node of a condition's tree.
type conditionExpression interface {
	// settles reports whether the expression is certainly want. Without a
	// repository some tests are neither certainly true nor certainly false.
	settles(want bool, in ConditionInput) bool
	print(b *strings.Builder)
}

// conditionGroup is two or more expressions joined by OR (any) or by AND.
type conditionGroup struct {
	any     bool
	members []conditionExpression
}

// One true member makes an OR true, one false member makes an AND false; for
// the opposite all members must agree.
func (g conditionGroup) settles(want bool, in ConditionInput) bool {
	oneIsEnough := want == g.any
	for _, m := range g.members {
		if m.settles(want, in) == oneIsEnough {
			return oneIsEnough
		}
	}
	return !oneIsEnough
}

func (g conditionGroup) print(b *strings.Builder) {
	connective := " AND "
	if g.any {
		connective = " OR "
	}
	for i, m := range g.members {
		if i > 0 {
			b.WriteString(connective)
		}
		if inner, nested := m.(conditionGroup); nested {
			printInParentheses(b, inner)
		} else {
			m.print(b)
		}
	}
}

func printInParentheses(b *strings.Builder, e conditionExpression) {
	b.WriteByte('(')
	e.print(b)
	b.WriteByte(')')
}

type conditionNot struct {
	of conditionExpression
}

func (n conditionNot) settles(want bool, in ConditionInput) bool {
	return n.of.settles(!want, in)
}

func (n conditionNot) print(b *strings.Builder) {
	b.WriteByte('!')
	printInParentheses(b, n.of)
}

// actionTest is ActionMatches{'pattern'}.
type actionTest struct {
	pattern string
}

func (t actionTest) settles(want bool, in ConditionInput) bool {
	return ActionMatches(t.pattern, in.Action) == want
}

func (t actionTest) print(b *strings.Builder) {
	b.WriteString("ActionMatches{")
	printConditionString(b, t.pattern)
	b.WriteByte('}')
}

// subOperationTest is SubOperationMatches{'pattern'}. No action of a registry
// has suboperations (storage has), so it is always false.
type subOperationTest struct {
	pattern string
}

func (t subOperationTest) settles(want bool, _ ConditionInput) bool {
	return !want
}

func (t subOperationTest) print(b *strings.Builder) {
	b.WriteString("SubOperationMatches{")
	printConditionString(b, t.pattern)
	b.WriteByte('}')
}

// existsTest is Exists with the repository name.
type existsTest struct{}

func (existsTest) settles(want bool, in ConditionInput) bool {
	return in.HasRepository == want
}

func (existsTest) print(b *strings.Builder) {
	b.WriteString("Exists " + repositoryNameAttribute)
}

// nameRelation is how a string operator compares, before Not and IgnoreCase.
type nameRelation string

const (
	nameEquals     nameRelation = "Equals"
	nameStartsWith nameRelation = "StartsWith"
	nameLike       nameRelation = "Like"
)

// nameTest compares the repository name with one value or, after a quantifier,
// with a set of them.
type nameTest struct {
	quantifier string // "" or one of conditionQuantifiers
	negated    bool
	relation   nameRelation
	ignoreCase bool
	values     []string
}

// conditionQuantifiers are the cross product forms. The first half of a name
// speaks of the attribute's values, of which a name has one, so that only the
// second half makes a difference.
var conditionQuantifiers = [...]string{
	"ForAnyOfAnyValues", "ForAllOfAnyValues", "ForAnyOfAllValues", "ForAllOfAllValues",
}

// nameTestOf reads an operator: [quantifier:]String[Not]relation[IgnoreCase].
func nameTestOf(word string) (test nameTest, known bool) {
	quantifier, rest, quantified := strings.Cut(word, ":")
	if !quantified {
		quantifier, rest = "", word
	}
	for _, q := range conditionQuantifiers {
		known = known || q == quantifier
	}
	rest, isString := strings.CutPrefix(rest, "String")
	if quantified && !known || !isString {
		return nameTest{}, false
	}
	test.quantifier = quantifier
	rest, test.negated = strings.CutPrefix(rest, "Not")
	rest, test.ignoreCase = strings.CutSuffix(rest, "IgnoreCase")
	test.relation = nameRelation(rest)
	switch test.relation {
	case nameEquals, nameStartsWith, nameLike:
		return test, true
	}
	return nameTest{}, false
}

func (t nameTest) settles(want bool, in ConditionInput) bool {
	return in.HasRepository && t.compares(in.Repository) == want
}

// compares asks for any of the values, or for all of them.
func (t nameTest) compares(name string) bool {
	all := strings.HasSuffix(t.quantifier, "AllValues")
	for _, value := range t.values {
		if met := t.related(name, value) != t.negated; met != all {
			return met
		}
	}
	return all
}

func (t nameTest) related(name, value string) bool {
	switch t.relation {
	case nameEquals:
		return sameText(name, value, t.ignoreCase)
	case nameStartsWith:
		return len(name) >= len(value) && sameText(name[:len(value)], value, t.ignoreCase)
	default:
		return wildcards{like: true, ignoreCase: t.ignoreCase}.match(value, name)
	}
}

func (t nameTest) print(b *strings.Builder) {
	b.WriteString(repositoryNameAttribute + " ")
	if t.quantifier != "" {
		b.WriteString(t.quantifier + ":")
	}
	b.WriteString("String")
	if t.negated {
		b.WriteString("Not")
	}
	b.WriteString(string(t.relation))
	if t.ignoreCase {
		b.WriteString("IgnoreCase")
	}
	b.WriteByte(' ')
	t.printValues(b)
}

func (t nameTest) printValues(b *strings.Builder) {
	if t.quantifier == "" {
		printConditionString(b, t.values[0])
		return
	}
	separator := "{"
	for _, value := range t.values {
		b.WriteString(separator)
		printConditionString(b, value)
		separator = ", "
	}
	b.WriteByte('}')
}

func printConditionString(b *strings.Builder, s string) {
	b.WriteString("'" + strings.ReplaceAll(s, "'", "''") + "'")
}
