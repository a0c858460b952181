package gate

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const (
	contentRead  = "Microsoft.ContainerRegistry/registries/repositories/content/read"
	metadataRead = "Microsoft.ContainerRegistry/registries/repositories/metadata/read"
	contentWrite = "Microsoft.ContainerRegistry/registries/repositories/content/write"
	catalogRead  = "Microsoft.ContainerRegistry/registries/catalog/read"
	nameAttr     = repositoryNameAttribute
)

// in names a repository, the registry as a whole by "-".
func in(action, repository string) ConditionInput {
	if repository == "-" {
		return ConditionInput{Action: action}
	}
	return ConditionInput{Action: action, Repository: repository, HasRepository: true}
}

func mustParseCondition(t *testing.T, text string) *Condition {
	t.Helper()
	c, err := ParseCondition(text)
	if err != nil {
		t.Fatalf("ParseCondition(%s): %v", text, err)
	}
	return c
}

// The first three conditions are the published ones for Repository Reader: one
// repository, all below a prefix, all below two prefixes.
const (
	oneRepository = `(
 (
  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})
  AND
  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/metadata/read'})
 )
 OR 
 (
  @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase 'nginx'
 )
)`
	onePrefix = `( (  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})  AND  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/metadata/read'}) ) OR  (  @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'backend/' ))`

	twoPrefixes = `(
 (
  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})
  AND
  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/metadata/read'})
 )
 OR
 (
  @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'backend/'
  OR
  @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'frontend/js/'
 )
)`
	prefixWithoutSlash = `!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/*'}) OR ` +
		nameAttr + ` StringStartsWithIgnoreCase 'backend'`
)

func TestPublishedConditions(t *testing.T) {
	for _, row := range []struct {
		name, condition    string
		action, repository string
		want               bool
	}{
		{"one repository", oneRepository, contentRead, "nginx", true},
		{"one repository", oneRepository, metadataRead, "nginx", true},
		{"one repository", oneRepository, contentRead, "NGINX", true},
		{"one repository", oneRepository, contentRead, "nginx2", false},
		{"one repository", oneRepository, metadataRead, "backend/nginx", false},
		{"one repository: an action it does not speak of", oneRepository, contentWrite, "redis", true},
		{"one repository: the whole registry", oneRepository, catalogRead, "-", true},
		{"one repository: content of no repository", oneRepository, contentRead, "-", false},

		{"one prefix", onePrefix, contentRead, "backend/nginx", true},
		{"one prefix", onePrefix, contentRead, "Backend/nginx", true},
		{"one prefix", onePrefix, contentRead, "backend", false},
		{"one prefix", onePrefix, contentRead, "backend-infra/k8s", false},
		{"one prefix", onePrefix, contentRead, "x/backend/nginx", false},

		{"two prefixes", twoPrefixes, contentRead, "backend/nginx", true},
		{"two prefixes", twoPrefixes, metadataRead, "frontend/js/react", true},
		{"two prefixes", twoPrefixes, metadataRead, "frontend/css", false},

		{"the documented trap", prefixWithoutSlash, contentRead, "backend/nginx", true},
		{"the documented trap", prefixWithoutSlash, contentRead, "backend-infra/k8s", true},
		{"the documented trap", prefixWithoutSlash, contentRead, "backendsvc/containers", true},
		{"the documented trap", prefixWithoutSlash, contentRead, "frontend", false},
	} {
		got := mustParseCondition(t, row.condition).Holds(in(row.action, row.repository))
		if got != row.want {
			t.Errorf("%s: %s of %s: holds = %t, want %t", row.name, row.action, row.repository, got, row.want)
		}
	}
}

// Each row is an operator with its right-hand side, the names it holds for and
// those it does not hold for.
func TestOperators(t *testing.T) {
	for _, row := range []struct {
		comparison string
		yes, no    string // separated by spaces
	}{
		{`StringEquals 'app'`, "app", "App app2 ap a/app app/"},
		{`StringEqualsIgnoreCase 'aPP'`, "app App APP", "app2 \u212Aapp"},
		{`StringEqualsIgnoreCase 'k'`, "k K", "\u212A kk"},
		{`StringNotEquals 'app'`, "App app2", "app"},
		{`StringNotEqualsIgnoreCase 'app'`, "app2", "app App"},
		{`StringStartsWith 'team/'`, "team/ team/app", "Team/app team tea team2/app x/team/app"},
		{`StringStartsWithIgnoreCase 'Team/'`, "team/app TEAM/app", "team team2/app"},
		{`StringStartsWith ''`, "a app", ""},
		{`StringNotStartsWith 'team/'`, "team Team/app app", "team/app"},
		{`StringNotStartsWithIgnoreCase 'team/'`, "team app", "team/app Team/app"},

		{`StringLike 'a*c?'`, "abcd acd abbbc1", "abc acde Abcd"},
		{`StringLike 'A*C?'`, "ABCD", "abcd"},
		{`StringLike 'a*c'`, "ac abc a/b/c acac", "abcd bac"},
		{`StringLikeIgnoreCase 'A*C?'`, "abcd ABCD", "abc"},
		{`StringLike '*/app'`, "team/app a/b/app", "app team/app2"},
		{`StringLike 'team/*'`, "team/ team/app", "team"},
		{`StringLike '*'`, "app a/b", ""},
		{`StringLike '?'`, "a \u00E9", "ab"},
		{`StringLike '*??'`, "ab \u20ACb", "a \u20AC"},
		{`StringLike '*??bc'`, "xybc x\u20ACbc", "\u20ACbc"}, // a character may have three bytes
		{`StringLike 'a\*b'`, "a*b", "ab axb"},
		{`StringLike 'a\?b'`, "a?b", "axb ab"},
		{`StringLike 'a\\*'`, `a\ a\b`, "a ab"},
		{`StringLike 'a\b'`, `a\b`, "ab"},
		{`StringLike 'a\'`, `a\`, "a"},
		{`StringLike 'a\*'`, "a*", `a ab a\b`},
		{`StringNotLike 'team/*'`, "team app", "team/app"},
		{`StringNotLikeIgnoreCase 'team/*'`, "app", "team/app TEAM/app"},
		{`StringEquals 'a\*b'`, `a\*b`, "a*b"},
		{`StringEquals 'it''s'`, "it's", "its it''s"},

		{`ForAnyOfAnyValues:StringEquals {'red', 'blue'}`, "red blue", "green Red"},
		{`ForAllOfAnyValues:StringEqualsIgnoreCase {'red','blue'}`, "red BLUE", "green"},
		{`ForAnyOfAllValues:StringEquals {'red', 'blue'}`, "", "red blue green"},
		{`ForAllOfAllValues:StringEquals {'red', 'red'}`, "red", "blue"},
		{`ForAnyOfAnyValues:StringNotEquals {'red', 'blue'}`, "red blue green", ""},
		{`ForAnyOfAnyValues:StringNotEquals {'red'}`, "green", "red"},
		{`ForAllOfAnyValues:StringNotEquals {'red'}`, "green", "red"},
		{`ForAnyOfAllValues:StringNotEquals {'red', 'blue'}`, "green Red", "red blue"},
		{`ForAllOfAllValues:StringNotEqualsIgnoreCase {'red', 'blue'}`, "green", "Red blue"},
		{`ForAnyOfAnyValues:StringStartsWith {'backend/', 'web/'}`, "backend/x web/y", "api/z"},
		{`ForAnyOfAllValues:StringStartsWith {'a/', 'a/b/'}`, "a/b/c", "a/c"},
		{`ForAllOfAllValues:StringNotStartsWith {'a/', 'b/'}`, "c/d a", "a/x b/x"},
		{`ForAllOfAllValues:StringLike {'*-dev', 'team/*'}`, "team/x-dev", "x-dev team/x"},
		{`ForAnyOfAnyValues:StringNotLike {'*-dev'}`, "x", "x-dev"},
	} {
		c := mustParseCondition(t, nameAttr+" "+row.comparison)
		for _, name := range strings.Fields(row.yes) {
			if !c.Holds(in(contentRead, name)) {
				t.Errorf("%s does not hold for %s", row.comparison, name)
			}
		}
		for _, name := range strings.Fields(row.no) {
			if c.Holds(in(contentRead, name)) {
				t.Errorf("%s holds for %s", row.comparison, name)
			}
		}
		if c.Holds(in(contentRead, "-")) {
			t.Errorf("%s holds without a repository", row.comparison)
		}
	}
}

// In these rows READ stands for "the action is content/read", ISX for "the
// repository is x" and HAS for "there is a repository".
func TestLogic(t *testing.T) {
	words := strings.NewReplacer("READ", "ActionMatches{'*/content/read'}", "ISX", nameAttr+" StringEquals 'x'", "HAS", "Exists "+nameAttr)
	read, write, readX, writeX, none := in(contentRead, "y"), in(contentWrite, "y"), in(contentRead, "x"), in(contentWrite, "x"), in(catalogRead, "-")
	readNone := in(contentRead, "-")
	all := []ConditionInput{read, write, readX, writeX, none, readNone}
	for _, row := range []struct {
		condition string
		holds     []ConditionInput
	}{
		{"READ", []ConditionInput{read, readX, readNone}},
		{"!READ", []ConditionInput{write, writeX, none}},
		{"NOT READ", []ConditionInput{write, writeX, none}},
		{"!!READ", []ConditionInput{read, readX, readNone}},
		{"!(!(READ))", []ConditionInput{read, readX, readNone}},
		{"HAS", []ConditionInput{read, write, readX, writeX}},
		{"NOT HAS", []ConditionInput{none, readNone}},
		{"NotExists " + nameAttr, []ConditionInput{none, readNone}},

		{"READ AND ISX", []ConditionInput{readX}},
		{"READ && ISX && HAS", []ConditionInput{readX}},
		{"READ OR ISX", []ConditionInput{read, readX, writeX, readNone}},
		{"READ || ISX", []ConditionInput{read, readX, writeX, readNone}},
		{"NOT READ AND ISX", []ConditionInput{writeX}},
		{"NOT (READ AND ISX)", []ConditionInput{read, write, writeX, none}},
		{"NOT (READ OR ISX)", []ConditionInput{write}},
		{"(READ AND ISX) OR !HAS", []ConditionInput{readX, none, readNone}},
		{"READ AND (ISX OR !HAS)", []ConditionInput{readX, readNone}},
		{"!READ OR ISX", []ConditionInput{write, readX, writeX, none}},

		// Without a repository neither ISX nor its negation is so.
		{"ISX", []ConditionInput{readX, writeX}},
		{"!ISX", []ConditionInput{read, write}},
		{"!ISX OR !HAS", []ConditionInput{read, write, none, readNone}},
		{"ISX OR !ISX", []ConditionInput{read, write, readX, writeX}},
		{"!(ISX AND READ)", []ConditionInput{read, write, writeX, none}},

		{"SubOperationMatches{'Blob.List'}", nil},
		{"!(SubOperationMatches{'Blob.List'})", all},
		{"!(READ AND SubOperationMatches{'Blob.List'}) OR ISX", all},
		{"!(READ AND NOT SubOperationMatches{'Blob.List'}) OR ISX", []ConditionInput{write, readX, writeX, none}},
	} {
		c := mustParseCondition(t, words.Replace(row.condition))
		for _, input := range all {
			want := false
			for _, i := range row.holds {
				want = want || i == input
			}
			if got := c.Holds(input); got != want {
				t.Errorf("%s for %+v: holds = %t, want %t", row.condition, input, got, want)
			}
		}
	}
}

func TestActionMatchesInConditions(t *testing.T) {
	for _, row := range []struct {
		pattern, action string
		want            bool
	}{
		{"Microsoft.Authorization/roleAssignments/*", "Microsoft.Authorization/roleAssignments/write", true},
		{"Microsoft.Authorization/roleDefinitions/*", "Microsoft.Authorization/roleAssignments/write", false},
		{"microsoft.containerregistry/REGISTRIES/repositories/content/read", contentRead, true},
		{contentRead, metadataRead, false},
		{"*/read", contentRead, true},
		{"*/read", contentWrite, false},
		{"Microsoft.ContainerRegistry/registries/repositories/content/rea?", contentRead, false},
	} {
		c := mustParseCondition(t, "ActionMatches{'"+row.pattern+"'}")
		if got := c.Holds(in(row.action, "x")); got != row.want {
			t.Errorf("ActionMatches{'%s'} for %s = %t, want %t", row.pattern, row.action, got, row.want)
		}
	}
}

// The absence of a condition grants, an empty or made-up one does not.
func TestConditionsThatWereNotParsed(t *testing.T) {
	var none *Condition
	if !none.Holds(in(contentRead, "x")) || !none.Holds(in(catalogRead, "-")) || none.String() != "" {
		t.Error("no condition must hold for everything and print as nothing")
	}
	zero := &Condition{}
	if zero.Holds(in(contentRead, "x")) || zero.String() != "" {
		t.Error("the zero Condition must never hold and print as nothing")
	}
}

func TestConditionString(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{oneRepository, "(!(ActionMatches{'" + contentRead + "'}) AND !(ActionMatches{'" + metadataRead + "'})) OR " + nameAttr + " StringEqualsIgnoreCase 'nginx'"},
		{"((ActionMatches{'a'}))", "ActionMatches{'a'}"},
		{"!ActionMatches { 'a' }", "!(ActionMatches{'a'})"},
		{"NOT NOT SubOperationMatches{'a'}", "!(!(SubOperationMatches{'a'}))"},
		{"NotExists\n" + nameAttr, "!(Exists " + nameAttr + ")"},
		{"Exists @Request[microsoft.containerregistry/REGISTRIES/repositories:Name]", "Exists " + nameAttr},
		{"ActionMatches{'a'}&&ActionMatches{'b'}&&ActionMatches{'c'}", "ActionMatches{'a'} AND ActionMatches{'b'} AND ActionMatches{'c'}"},
		{"(ActionMatches{'a'}||ActionMatches{'b'})||ActionMatches{'c'}", "(ActionMatches{'a'} OR ActionMatches{'b'}) OR ActionMatches{'c'}"},
		{"NOT(ActionMatches{'a'} AND ActionMatches{'b'})", "!(ActionMatches{'a'} AND ActionMatches{'b'})"},
		{nameAttr + "StringNotLike'it''s \\*'", nameAttr + " StringNotLike 'it''s \\*'"},
		{nameAttr + "\tForAnyOfAllValues:StringNotStartsWithIgnoreCase{'a','''','c'}", nameAttr + " ForAnyOfAllValues:StringNotStartsWithIgnoreCase {'a', '''', 'c'}"},
	} {
		c := mustParseCondition(t, row.text)
		if got := c.String(); got != row.want {
			t.Errorf("%s\nprints as %s\nwant      %s", row.text, got, row.want)
		}
		if again := mustParseCondition(t, c.String()); !reflect.DeepEqual(again, c) {
			t.Errorf("%s: printed and read back it is another condition", row.text)
		}
	}
}

// Each row is a text that is no condition, where its fault is, and a part of what
// is said about it.
func TestConditionErrors(t *testing.T) {
	const a = "ActionMatches{'a'}"
	for _, row := range []struct {
		text                 string
		offset, line, column int
		problem              string
	}{
		{"", 0, 1, 1, "expected NOT, (, ActionMatches{'…'}, Exists or " + nameAttr + ", found the end of the condition"},
		{" \n ", 3, 2, 2, "found the end of the condition"},
		{a + " AND " + a + " OR " + a, 42, 1, 43, "AND and OR mix here: group one of them with parentheses"},
		{a + "\n|| " + a + "\n&& " + a, 41, 3, 1, "AND and OR mix here"},
		{a + " AND", 22, 1, 23, "found the end of the condition"},
		{a + " OR )", 22, 1, 23, `found ")"`},
		{a + " " + a, 19, 1, 20, `expected AND, OR or the end of the condition, found "ActionMatches"`},
		{a + ")", 18, 1, 19, `expected AND, OR or the end of the condition, found ")"`},
		{"(" + a, 19, 1, 20, "expected AND, OR or ), found the end of the condition"},
		{"(" + a + "}", 19, 1, 20, `expected AND, OR or ), found "}"`},
		{"( )", 2, 1, 3, `found ")"`},
		{"NOT", 3, 1, 4, "found the end of the condition"},
		{"!(" + a, 20, 1, 21, "expected AND, OR or )"},
		{a + " and " + a, 19, 1, 20, `found "and"`},
		{"not " + a, 0, 1, 1, `expected NOT, ActionMatches, SubOperationMatches, Exists or NotExists, found "not"`},
		{"'a' StringEquals 'a'", 0, 1, 1, `found "'a'"`},
		{"$", 0, 1, 1, `unexpected character "$"`},
		{a + " & " + a, 19, 1, 20, `unexpected character "&"`},
		{"(é", 1, 1, 2, `unexpected character "é"`},

		{"ActionMatches 'a'", 14, 1, 15, `expected {, found "'a'"`},
		{"ActionMatches{a}", 14, 1, 15, `expected a string in single quotes, found "a"`},
		{"ActionMatches{\"a\"}", 14, 1, 15, `unexpected character "\""`},
		{"ActionMatches{'a', 'b'}", 17, 1, 18, `expected }, found ","`},
		{"ActionMatches{'é}", 14, 1, 15, "a string begins here and never ends"},
		{"ActionMatches{'é', '}", 18, 1, 18, `expected }, found ","`},
		{"ActionMatches{'é' '}", 19, 1, 19, "a string begins here and never ends"},
		{"SubOperationMatches{'a'", 23, 1, 24, "expected }, found the end of the condition"},

		{"Exists", 6, 1, 7, "expected " + nameAttr},
		{"NotExists 'x'", 10, 1, 11, "expected " + nameAttr},
		{"Exists @Request[Microsoft", 7, 1, 8, "an attribute begins here and has no ]"},
		{"Exists @Resource[Microsoft.ContainerRegistry/registries/repositories:name]", 7, 1, 8, "Container Registry has no attribute \"@Resource["},
		{"@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:a_b] StringEquals 'x'", 0, 1, 1, "its only one is " + nameAttr},
		{"@Environment[isPrivateLink] BoolEquals true", 0, 1, 1, `no attribute "@Environment[isPrivateLink]"`},
		{"@Request[Microsoft.ContainerRegistry/registries:name] StringEquals 'x'", 0, 1, 1, "has no attribute"},
		{"@request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'x'", 0, 1, 1, "has no attribute"},
		{"@]", 0, 1, 1, `no attribute "@]"`},

		{nameAttr, 66, 1, 67, "expected a string operator such as StringEqualsIgnoreCase"},
		{nameAttr + " = 'x'", 67, 1, 68, `unexpected character "="`},
		{nameAttr + " NumericEquals 1", 67, 1, 68, `found "NumericEquals"`},
		{nameAttr + " StringContains 'x'", 67, 1, 68, `found "StringContains"`},
		{nameAttr + " StringNotNotEquals 'x'", 67, 1, 68, `found "StringNotNotEquals"`},
		{nameAttr + " StringIgnoreCase 'x'", 67, 1, 68, `found "StringIgnoreCase"`},
		{nameAttr + " ForSomeValues:StringEquals {'x'}", 67, 1, 68, `found "ForSomeValues:StringEquals"`},
		{nameAttr + " :StringEquals {'x'}", 67, 1, 68, `found ":StringEquals"`},
		{nameAttr + " ForAnyOfAnyValues:Equals {'x'}", 67, 1, 68, `found "ForAnyOfAnyValues:Equals"`},
		{nameAttr + " StringEquals {'x', 'y'}", 80, 1, 81, "a set of values needs ForAnyOfAnyValues:"},
		{nameAttr + " StringEquals x", 80, 1, 81, "expected a string in single quotes"},
		{nameAttr + " ForAnyOfAnyValues:StringEquals 'x'", 98, 1, 99, "expected { and a set of strings"},
		{nameAttr + " ForAnyOfAnyValues:StringEquals {}", 99, 1, 100, `expected a string in single quotes, found "}"`},
		{nameAttr + " ForAnyOfAnyValues:StringEquals {'x',}", 103, 1, 104, `expected a string in single quotes, found "}"`},
		{nameAttr + " ForAnyOfAnyValues:StringEquals {'x' 'y'}", 103, 1, 104, `expected , or }, found "'y'"`},

		{"ActionMatches{'\xff'}", 15, 1, 16, "not valid UTF-8"},
	} {
		c, err := ParseCondition(row.text)
		var at *ConditionError
		if c != nil || !errors.As(err, &at) {
			t.Errorf("%q: got %v, %v, want a *ConditionError", row.text, c, err)
			continue
		}
		if at.Offset != row.offset || at.Line != row.line || at.Column != row.column || !strings.Contains(at.Problem, row.problem) {
			t.Errorf("%q:\ngot  %v\nwant line %d, column %d (offset %d): …%s…", row.text, at, row.line, row.column, row.offset, row.problem)
		}
	}
}

func TestConditionErrorText(t *testing.T) {
	_, err := ParseCondition("NOT\n  )")
	const want = `condition, line 2, column 3 (offset 6): expected NOT, (, ActionMatches{'…'}, Exists or ` + nameAttr + `, found ")"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Every bound is met exactly, and missed by one.
func TestConditionBounds(t *testing.T) {
	repeat := strings.Repeat
	const a = "ActionMatches{''}"
	set := func(values int) string {
		return nameAttr + " ForAnyOfAnyValues:StringEquals {''" + repeat(",''", values-1) + "}"
	}
	for _, row := range []struct {
		name, text, problem string
	}{
		{"8192 bytes", a[:15] + repeat("a", maxConditionBytes-len(a)) + "'}", ""},
		{"8193 bytes", a[:15] + repeat("a", maxConditionBytes-len(a)+1) + "'}", "longer than 8192 bytes"},
		{"8192 bytes, longer when written out", "!" + a[:15] + repeat("a", maxConditionBytes-len(a)-1) + "'}", "longer than 8192 bytes when written out"},
		{"8192 bytes, most of them space", repeat(" ", maxConditionBytes-len(a)) + a, ""},
		{"64 parentheses", repeat("(", 64) + a + repeat(")", 64), ""},
		{"65 parentheses", repeat("(", 65) + a + repeat(")", 65), "nested more than 64 levels"},
		{"100 parentheses side by side", a + repeat(" AND ("+a+")", 100), ""},
		{"64 negations", repeat("!", 64) + a, ""},
		{"65 negations", repeat("NOT ", 65) + a, "nested more than 64 levels"},
		{"64 negations with parentheses", repeat("!(", 64) + a + repeat(")", 64), ""},
		{"65 negations with parentheses", repeat("!(", 65) + a + repeat(")", 65), "nested more than 64 levels"},
		{"64 negations, the last in NotExists", repeat("!", 63) + "NotExists " + nameAttr, ""},
		{"65 negations, the last in NotExists", repeat("!", 64) + "NotExists " + nameAttr, "nested more than 64 levels"},
		{"1024 parts", set(1024), ""},
		{"1025 parts", set(1025), "more than 1024 parts"},
		{"1026 parts", set(1026), "more than 1024 parts"},
		{"1024 values and a negation", "!" + set(1024), "more than 1024 parts"},
	} {
		c, err := ParseCondition(row.text)
		if row.problem == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			} else if again, err := ParseCondition(c.String()); !reflect.DeepEqual(again, c) {
				t.Errorf("%s: not the same when printed and read back: %v", row.name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), row.problem) {
			t.Errorf("%s: got %v, want …%s…", row.name, err, row.problem)
		}
	}
}

func TestHoldsDoesNotAllocate(t *testing.T) {
	c := mustParseCondition(t, twoPrefixes+" AND NOT ("+nameAttr+" ForAnyOfAnyValues:StringLikeIgnoreCase {'*-dev', 'x\\?y*'})")
	input := in(contentRead, "frontend/js/react")
	if got := testing.AllocsPerRun(100, func() { _ = c.Holds(input) }); got != 0 {
		t.Errorf("Holds allocates %g times", got)
	}
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		oneRepository, onePrefix, twoPrefixes, prefixWithoutSlash, "!!(ActionMatches{'*'})",
		"NotExists " + nameAttr + " || SubOperationMatches{'x'}",
		nameAttr + " ForAllOfAllValues:StringNotLikeIgnoreCase {'a*', 'it''s', '\\?'}",
		nameAttr + " StringNotStartsWith 'a' AND (" + nameAttr + " StringLike '' OR ActionMatches{''})",
	} {
		f.Add(seed, contentRead, "backend/nginx", true)
		f.Add(seed, catalogRead, "", false)
	}
	f.Fuzz(func(t *testing.T, text, action, repository string, hasRepository bool) {
		c, err := ParseCondition(text)
		if err != nil {
			var at *ConditionError
			if c != nil || !errors.As(err, &at) || at.Offset < 0 || at.Offset > len(text) || at.Line < 1 || at.Column < 1 {
				t.Fatalf("%q: %v, %v", text, c, err)
			}
			return
		}
		again, err := ParseCondition(c.String())
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%q prints as %q, which reads back as %v, %v", text, c, again, err)
		}
		input := ConditionInput{Action: action, Repository: repository, HasRepository: hasRepository}
		holds, opposite := c.Holds(input), (&Condition{root: conditionNot{of: c.root}}).Holds(input)
		if holds != again.Holds(input) || holds && opposite || hasRepository && !holds && !opposite {
			t.Fatalf("%q for %+v: %t, its negation %t", text, input, holds, opposite)
		}
	})
}

func BenchmarkConditionHolds(b *testing.B) {
	c, err := ParseCondition(oneRepository)
	if err != nil {
		b.Fatal(err)
	}
	input := in(contentRead, "nginx")
	for b.Loop() {
		if !c.Holds(input) {
			b.Fatal("does not hold")
		}
	}
}
