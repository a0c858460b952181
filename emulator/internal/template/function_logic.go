package template

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// logicFunctions are the logical functions and the comparisons.
func logicFunctions() map[string]function {
	return map[string]function{
		"true":            fixed(true),
		"false":           fixed(false),
		"null":            fixed(nil),
		"not":             of1(func(b bool) bool { return !b }),
		"if":              {min: 3, max: 3, lazy: ifThenElse},
		"and":             {min: 2, max: many, lazy: func(e evaluator, args []node) (any, error) { return until(e, args, false) }},
		"or":              {min: 2, max: many, lazy: func(e evaluator, args []node) (any, error) { return until(e, args, true) }},
		"coalesce":        {min: 1, max: many, lazy: coalesce},
		"bool":            try1(toBool),
		"equals":          of2(equal),
		"less":            comparison(func(order int) bool { return order < 0 }),
		"lessorequals":    comparison(func(order int) bool { return order <= 0 }),
		"greater":         comparison(func(order int) bool { return order > 0 }),
		"greaterorequals": comparison(func(order int) bool { return order >= 0 }),
		"fail":            try1(func(why string) (any, error) { return nil, errors.New(why) }),
	}
}

func (e evaluator) truth(n node) (bool, error) {
	value, err := e.eval(n)
	if err != nil {
		return false, err
	}
	return as[bool]([]any{value}, 0)
}

func ifThenElse(e evaluator, args []node) (any, error) {
	is, err := e.truth(args[0])
	if err != nil {
		return nil, err
	}
	if is {
		return e.eval(args[1])
	}
	return e.eval(args[2])
}

// until evaluates arguments until one is what ends it.
func until(e evaluator, args []node, end bool) (any, error) {
	for _, arg := range args {
		if is, err := e.truth(arg); err != nil || is == end {
			return is, err
		}
	}
	return !end, nil
}

func coalesce(e evaluator, args []node) (any, error) {
	for _, arg := range args {
		if value, err := e.eval(arg); err != nil || value != nil {
			return value, err
		}
	}
	return nil, nil
}

func toBool(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	}
	return false, fmt.Errorf("the value '%s' can't be converted to a boolean", shorten(textOf(value)))
}

func comparison(holds func(order int) bool) function {
	return try2(func(a, b any) (bool, error) {
		switch a := a.(type) {
		case int64:
			if b, isInteger := b.(int64); isInteger {
				return holds(cmp.Compare(a, b)), nil
			}
		case string:
			if b, isText := b.(string); isText {
				return holds(strings.Compare(a, b)), nil
			}
		}
		return false, mixed([]any{a, b})
	})
}

// numberFunctions are those of arithmetic. An overflow is an error, as it is in ARM.
func numberFunctions() map[string]function {
	return map[string]function{
		"add":   try2(add),
		"sub":   try2(subtract),
		"mul":   try2(multiply),
		"div":   try2(divide),
		"mod":   try2(remainder),
		"int":   try1(toInt),
		"float": try1(toFloat),
		"min":   {min: 1, max: many, call: extreme(func(a, b int64) bool { return a < b })},
		"max":   {min: 1, max: many, call: extreme(func(a, b int64) bool { return a > b })},
	}
}

var (
	errOverflow = errors.New("the result is out of the range of 64 bit integers")
	errByZero   = errors.New("the divisor must not be zero")
)

func add(a, b int64) (int64, error) {
	if sum := a + b; (sum > a) == (b > 0) {
		return sum, nil
	}
	return 0, errOverflow
}

func subtract(a, b int64) (int64, error) {
	if difference := a - b; (difference < a) == (b > 0) {
		return difference, nil
	}
	return 0, errOverflow
}

func multiply(a, b int64) (int64, error) {
	product := a * b
	if a != 0 && (product/a != b || a == -1 && b == math.MinInt64) {
		return 0, errOverflow
	}
	return product, nil
}

func divide(a, b int64) (int64, error) {
	switch {
	case b == 0:
		return 0, errByZero
	case a == math.MinInt64 && b == -1:
		return 0, errOverflow
	}
	return a / b, nil
}

func remainder(a, b int64) (int64, error) {
	if b == 0 {
		return 0, errByZero
	}
	return a % b, nil
}

func toInt(value any) (int64, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case float64:
		if math.Abs(v) < 1<<62 {
			return int64(v), nil
		}
	case string:
		if number, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return number, nil
		}
	}
	return 0, fmt.Errorf("the value '%s' can't be converted to an integer", shorten(textOf(value)))
}

func toFloat(value any) (float64, error) {
	if number, err := strconv.ParseFloat(textOf(value), 64); err == nil && !math.IsInf(number, 0) && !math.IsNaN(number) {
		return number, nil
	}
	return 0, fmt.Errorf("the value '%s' can't be converted to a number", shorten(textOf(value)))
}

// extreme is min or max, of the arguments or of the one list.
func extreme(better func(a, b int64) bool) func(evaluator, []any) (any, error) {
	return func(_ evaluator, args []any) (any, error) {
		if list, isList := args[0].([]any); isList && len(args) == 1 {
			args = list
		}
		if len(args) == 0 {
			return nil, errors.New("the array is empty")
		}
		best, err := as[int64](args, 0)
		for i := range args {
			var number int64
			if number, err = as[int64](args, i); err != nil {
				return nil, err
			}
			if better(number, best) {
				best = number
			}
		}
		return best, err
	}
}
