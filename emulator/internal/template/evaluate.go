package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// evaluator gives expressions their values. It is passed by value: what is further in sees more.
type evaluator struct {
	d *Deployment
	// loops are the copies around the expression, the innermost last.
	loops []loop
	// locals are the variables of the lambdas around it.
	locals *local
	// arguments are those of the template's own function that it belongs to, nil elsewhere.
	arguments map[string]any
	// runtime says that resources may be asked for: in bodies and outputs.
	runtime bool
	// byDefault says that the expression is a parameter's default, which alone may be new each time.
	byDefault bool
}

// loop is one turn of a copy.
type loop struct {
	name     string
	index    int64
	resource bool // the copy is of a resource
}

// local is a variable of a lambda, and those around it.
type local struct {
	name  string
	value any
	outer *local
}

// lambda is a function that is an argument.
type lambda struct {
	names []string
	body  node
	in    evaluator
}

func (e evaluator) eval(n node) (any, error) {
	m := &e.d.meter
	if err := m.step(); err != nil {
		return nil, err
	}
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	switch n := n.(type) {
	case literal:
		return n.value, nil
	case access:
		return e.access(n)
	}
	return e.call(n.(call))
}

// text gives a string of the template its value.
func (e evaluator) text(text string) (any, error) {
	if !isExpression(text) {
		return plainText(text), nil
	}
	n, err := e.d.parse(text)
	if err != nil {
		return nil, err
	}
	return e.eval(n)
}

// parse remembers what it has read: a copy evaluates the same expression each time.
func (d *Deployment) parse(text string) (node, error) {
	if n, found := d.parsed[text]; found {
		return n, nil
	}
	n, err := parseExpression(text)
	if err == nil {
		d.parsed[text] = n
	}
	return n, err
}

// value gives a part of the template its value: every string in it, and the copies.
func (e evaluator) value(raw any) (any, error) {
	switch raw := raw.(type) {
	case string:
		return e.text(raw)
	case []any:
		list := make([]any, len(raw))
		for i, item := range raw {
			var err error
			if list[i], err = e.value(item); err != nil {
				return nil, err
			}
		}
		return list, e.d.meter.charge(list)
	case map[string]any:
		return e.object(raw)
	}
	return raw, nil
}

func (e evaluator) object(raw map[string]any) (any, error) {
	object := make(map[string]any, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if copies, found := propertyCopies(name, raw[name]); found {
			if err := e.copyInto(object, copies); err != nil {
				return nil, err
			}
			continue
		}
		value, err := e.value(raw[name])
		if err != nil {
			return nil, err
		}
		key, err := e.text(name) // Bicep writes computed names of members as expressions
		if err != nil {
			return nil, err
		}
		object[textOf(key)] = value
	}
	return object, e.d.meter.charge(object)
}

func (e evaluator) access(a access) (any, error) {
	of, err := e.eval(a.of)
	if err != nil {
		return nil, err
	}
	by, err := e.eval(a.by)
	if err != nil {
		return nil, err
	}
	value, found, err := e.lookUp(of, by)
	if err == nil && !found {
		err = missing(of, by)
	}
	return value, err
}

// lookUp finds the member or item of a value.
func (e evaluator) lookUp(of, by any) (value any, found bool, err error) {
	switch of := of.(type) {
	case map[string]any:
		name, isText := by.(string)
		if !isText {
			return nil, false, fmt.Errorf("the language expression property '%s' must be a string", textOf(by))
		}
		if value, found = of[name]; found {
			return value, true, nil
		}
		value, found = member(of, name)
		return value, found, e.d.meter.spend(len(of))
	case []any:
		at, isNumber := by.(int64)
		if !isNumber {
			return nil, false, fmt.Errorf("the language expression property '%s' can't be evaluated: an array is indexed by integers", shorten(textOf(by)))
		}
		if at < 0 || at >= int64(len(of)) {
			return nil, false, nil
		}
		return of[at], true, nil
	}
	return nil, false, fmt.Errorf("the language expression property '%s' can't be evaluated, since the value has the type '%s'", shorten(textOf(by)), typeName(of))
}

func missing(of, by any) error {
	if list, isList := of.([]any); isList {
		return fmt.Errorf("the language expression property array index '%s' is out of bounds: there are '%d' items", textOf(by), len(list))
	}
	names := slices.Sorted(maps.Keys(of.(map[string]any)))
	return fmt.Errorf("the language expression property '%s' doesn't exist, available properties are '%s'",
		shorten(textOf(by)), shorten(strings.Join(names, ", ")))
}

// call calls a function of ARM's or of the template's own.
func (e evaluator) call(c call) (any, error) {
	name := strings.ToLower(c.name)
	f, found := e.d.functions[name]
	switch {
	case found:
	case strings.HasPrefix(name, "list") && len(name) > len("list"):
		f = listFunction(c.name)
	case e.d.own[name] != nil:
		return e.callOwn(c.name, e.d.own[name], c.args)
	default:
		return nil, fmt.Errorf("the template function '%.80s' is not valid. Please see https://aka.ms/arm-template-expressions for usage details", c.name)
	}
	if len(c.args) < f.min || f.max >= 0 && len(c.args) > f.max {
		return nil, fmt.Errorf("unable to evaluate template language function '%s': the number of arguments is '%d', and should be %s", c.name, len(c.args), f.arity())
	}
	value, err := e.apply(f, c.args)
	return value, inFunction(c.name, err)
}

func (e evaluator) apply(f function, args []node) (any, error) {
	if f.lazy != nil {
		return f.lazy(e, args)
	}
	values := make([]any, len(args))
	for i, arg := range args {
		var err error
		if values[i], err = e.eval(arg); err != nil {
			return nil, err
		}
		if f.part {
			continue
		}
		if err := e.d.meter.charge(values[i]); err != nil {
			return nil, err
		}
	}
	value, err := f.call(e, values)
	if err == nil && !f.part {
		err = e.d.meter.charge(value)
	}
	return value, err
}

// functionError says in which function an argument is wrong.
type functionError struct {
	name string
	err  error
}

// Error names the function.
func (f *functionError) Error() string {
	return fmt.Sprintf("unable to evaluate template language function '%s': %v", f.name, f.err)
}

// Unwrap returns what is wrong.
func (f *functionError) Unwrap() error { return f.err }

// inFunction names the innermost function in which something is wrong.
func inFunction(name string, err error) error {
	var named *functionError
	if err == nil || errors.As(err, &named) {
		return err
	}
	return &functionError{name, err}
}

// callLambda calls an argument that is a function.
func (e evaluator) callLambda(f *lambda, args ...any) (any, error) {
	if len(f.names) > len(args) {
		return nil, fmt.Errorf("the lambda has '%d' arguments; at most '%d' are expected", len(f.names), len(args))
	}
	in := f.in
	for i, name := range f.names {
		in.locals = &local{name: name, value: args[i], outer: in.locals}
	}
	return in.eval(f.body)
}
