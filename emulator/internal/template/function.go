package template

import (
	"errors"
	"fmt"
	"maps"
)

// function is a row of the table of ARM's functions.
type function struct {
	// min and max are the numbers of arguments; a negative max is no bound.
	min, max int
	// call gets the values of the arguments.
	call func(e evaluator, args []any) (any, error)
	// lazy gets the arguments themselves, of which it need not evaluate all.
	lazy func(e evaluator, args []node) (any, error)
	// part says that the function only finds something that exists, at no cost in proportion to it.
	part bool
}

// any number of arguments.
const many = -1

// functionTable is the table of ARM's functions by folded name. It is made for each deployment, since its rows refer to the
// evaluator that refers to it.
func functionTable() map[string]function {
	table := map[string]function{}
	for _, part := range []map[string]function{
		logicFunctions(), numberFunctions(), textFunctions(), encodingFunctions(), listFunctions(), objectFunctions(),
		lambdaFunctions(), dateFunctions(), cidrFunctions(), scopeFunctions(), resourceFunctions(),
	} {
		maps.Copy(table, part)
	}
	return table
}

func (f function) arity() string {
	switch {
	case f.max < 0:
		return fmt.Sprintf("at least '%d'", f.min)
	case f.min == f.max:
		return fmt.Sprintf("'%d'", f.min)
	}
	return fmt.Sprintf("from '%d' to '%d'", f.min, f.max)
}

// Rows for functions of fixed types: the arguments are checked before the function gets them.

func of1[A, R any](call func(A) R) function {
	return function{min: 1, max: 1, call: func(_ evaluator, args []any) (any, error) {
		a, err := as[A](args, 0)
		if err != nil {
			return nil, err
		}
		return call(a), nil
	}}
}

func try1[A, R any](call func(A) (R, error)) function {
	return function{min: 1, max: 1, call: func(_ evaluator, args []any) (any, error) {
		a, err := as[A](args, 0)
		if err != nil {
			return nil, err
		}
		return result(call(a))
	}}
}

func of2[A, B, R any](call func(A, B) R) function {
	return try2(func(a A, b B) (R, error) { return call(a, b), nil })
}

func try2[A, B, R any](call func(A, B) (R, error)) function {
	return function{min: 2, max: 2, call: func(_ evaluator, args []any) (any, error) {
		a, err := as[A](args, 0)
		if err != nil {
			return nil, err
		}
		b, err := as[B](args, 1)
		if err != nil {
			return nil, err
		}
		return result(call(a, b))
	}}
}

// fixed is a function without arguments.
func fixed(value any) function {
	return function{call: func(evaluator, []any) (any, error) { return value, nil }}
}

func result[R any](value R, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return value, nil
}

// as insists on the type of an argument. A is any, or the Go type of one of ARM's types.
func as[A any](args []any, at int) (A, error) {
	value, fits := args[at].(A)
	if _, anything := any(&value).(*any); anything || fits {
		return value, nil
	}
	return value, fmt.Errorf("the argument '%d' has the type '%s', not '%s'", at+1, typeName(args[at]), typeName(any(value)))
}

// optional is an argument that may be missing.
func optional[A any](args []any, at int, unset A) (A, error) {
	if at >= len(args) {
		return unset, nil
	}
	return as[A](args, at)
}

// texts insists on strings.
func texts(args []any) ([]string, error) {
	all := make([]string, len(args))
	for i := range args {
		var err error
		if all[i], err = as[string](args, i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// mixed is the error for arguments of types that the function does not take.
func mixed(args []any) error {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = typeName(arg)
	}
	return fmt.Errorf("the types of the arguments do not fit: %v", names)
}

var errNegative = errors.New("the number must not be negative")
