package taskfile

import (
	"encoding/base64"
	"reflect"
	"regexp/syntax"
	"strings"
)

// base64Encode is the engine's own: nothing encodes to nothing.
func base64Encode(v any) string {
	if v == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(reflect.ValueOf(v).String()))
}

// cost says how much work a call is beyond touching what it is given and what it returns, before it is made.
type cost func(args []reflect.Value) int

// What an expensive function costs: a few calls are what a rendering has patience for.
const (
	hashCost  = maxPatience / 16
	keyCost   = maxPatience / 2
	tooCostly = maxPatience + 1
)

// functionCosts are those of the functions that make much of little. Arguments are in sprig's order.
func functionCosts() map[string]cost {
	rows := []struct {
		names string
		cost  cost
	}{
		{"printf", printfCost},
		{"repeat", func(args []reflect.Value) int { return product(whole(args[0]), length(args[1])) }},
		{"until randAlpha randAlphaNum randAscii randNumeric randBytes", func(args []reflect.Value) int { return product(whole(args[0]), itemCost) }},
		{"untilStep", rangeCost},
		{"seq", func(args []reflect.Value) int { return rangeCost(elements(args[0])) }},
		{"indent nindent", func(args []reflect.Value) int { return product(whole(args[0]), length(args[1])+1) }},
		{"replace", func(args []reflect.Value) int { return product(length(args[2])+1, length(args[1])+1) }},
		{"join", func(args []reflect.Value) int { return product(length(args[0]), length(args[1])) }},
		{"wrapWith", func(args []reflect.Value) int { return product(length(args[1]), length(args[2])+1) }},
		{"uniq mustUniq without mustWithout has mustHas", squareCost},
		{"regexMatch regexFind regexFindAll regexSplit regexReplaceAll regexReplaceAllLiteral", regexCost},
		{"mustRegexMatch mustRegexFind mustRegexFindAll mustRegexSplit mustRegexReplaceAll mustRegexReplaceAllLiteral", regexCost},
		{"bcrypt htpasswd derivePassword", func([]reflect.Value) int { return hashCost }},
		{"genPrivateKey genCA genCAWithKey genSelfSignedCert genSelfSignedCertWithKey", func([]reflect.Value) int { return keyCost }},
		{"genSignedCert genSignedCertWithKey", func([]reflect.Value) int { return keyCost }},
	}
	costs := map[string]cost{}
	for _, row := range rows {
		for _, name := range strings.Fields(row.names) {
			costs[name] = row.cost
		}
	}
	return costs
}

// whole is a number as it counts: its size.
func whole(v reflect.Value) int {
	if !v.CanInt() {
		return 0
	}
	return int(max(min(max(v.Int(), -v.Int()), tooCostly), -1)) // the least number is its own negative
}

// length is that of a text or list, or 0.
func length(v reflect.Value) int {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Array, reflect.Map:
		return v.Len()
	default:
		return 1
	}
}

func elements(list reflect.Value) []reflect.Value {
	items := make([]reflect.Value, list.Len())
	for i := range items {
		items[i] = list.Index(i)
	}
	return items
}

// product multiplies, and is too costly where that is.
func product(a, b int) int {
	if a < 0 || b < 0 || b > 0 && a > tooCostly/b {
		return tooCostly
	}
	return a * b
}

// rangeCost is that of a list of numbers from one to another: as if each step were 1.
func rangeCost(bounds []reflect.Value) int {
	cost := 0
	for _, bound := range bounds {
		cost += product(whole(bound), itemCost)
	}
	return cost
}

// squareCost is that of comparing everything with everything.
func squareCost(args []reflect.Value) int {
	weight := 0
	for _, arg := range args {
		w, _ := weightOf(arg, 0)
		weight += w
	}
	return product(weight, weight/itemCost)
}

// regexCost is that of an expression's program, on each letter of the text.
func regexCost(args []reflect.Value) int {
	const longest = 1_000
	if length(args[0]) > longest {
		return tooCostly
	}
	work := product(length(args[1])+1, programSize(args[0].String()))
	if last := args[len(args)-1]; last.Kind() == reflect.String && len(args) > 2 {
		work += product(length(args[1])+1, length(last)+1)
	}
	return work
}

func programSize(expression string) int {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return 1 // which the function itself will refuse
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 1
	}
	return len(program.Inst)
}

// printfCost is that of the widths in a format.
func printfCost(args []reflect.Value) int {
	const widest = 1_000_000 // beyond which fmt refuses
	work, number := 0, 0
	for _, c := range args[0].String() {
		switch {
		case c == '*':
			work += widest
		case '0' <= c && c <= '9':
			number = min(number*10+int(c-'0'), widest)
		default:
			work += number
			number = 0
		}
	}
	return work
}
