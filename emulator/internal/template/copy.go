package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// propertyCopies reads the member "copy" of an object: [{name, count, input}].
func propertyCopies(name string, raw any) ([]map[string]any, bool) {
	list, isList := raw.([]any)
	if !isList || !strings.EqualFold(name, "copy") {
		return nil, false
	}
	var copies []map[string]any
	for _, item := range list {
		object, _ := item.(map[string]any)
		_, hasName := member(object, "name")
		_, hasCount := member(object, "count")
		if !hasName || !hasCount {
			return nil, false // a member of a resource that happens to be called so
		}
		copies = append(copies, object)
	}
	return copies, true
}

func (e evaluator) copyInto(object map[string]any, copies []map[string]any) error {
	for _, one := range copies {
		name, err := memberOf[string](one, "name")
		if err != nil {
			return err
		}
		if object[name], err = e.copies(one, name); err != nil {
			return err
		}
	}
	return nil
}

// copies evaluates the input of a copy as often as it says.
func (e evaluator) copies(one map[string]any, name string) ([]any, error) {
	count, err := e.count(one)
	if err != nil {
		return nil, err
	}
	input, found := member(one, "input")
	if !found {
		return nil, fmt.Errorf("the copy '%s' has no 'input'", shorten(name))
	}
	list := make([]any, count)
	for i := range list {
		if list[i], err = e.inLoop(name, i).value(input); err != nil {
			return nil, err
		}
	}
	return list, e.d.meter.charge(list)
}

func (e evaluator) inLoop(name string, index int) evaluator {
	e.loops = append(slices.Clip(e.loops), loop{name: name, index: int64(index)})
	return e
}

// count is how often a copy is to be made. That must be known beforehand.
func (e evaluator) count(one map[string]any) (int, error) {
	raw, _ := member(one, "count")
	static := e
	static.runtime = false
	value, err := static.value(raw)
	if err != nil {
		return 0, err
	}
	count, isInteger := value.(int64)
	switch {
	case !isInteger:
		return 0, fmt.Errorf("the count of a copy has the type '%s', not 'Integer'", typeName(value))
	case count < 0 || count > maxCopies:
		return 0, fmt.Errorf("the count '%d' of a copy is not between 0 and the limit of '%d'", count, maxCopies)
	}
	return int(count), nil
}

// innermost is the copy that copyIndex() means without a name: that of the resource, if there is one around.
func (e evaluator) innermost() (loop, error) {
	for i := len(e.loops) - 1; i >= 0; i-- {
		if e.loops[i].resource {
			return e.loops[i], nil
		}
	}
	if len(e.loops) == 0 {
		return loop{}, errors.New("the function 'copyIndex' is not expected at this location: there is no copy around it")
	}
	return e.loops[len(e.loops)-1], nil
}

// copyIndex is copyIndex([name], [offset]).
func copyIndex(e evaluator, args []any) (any, error) {
	at, err := e.innermost()
	if err != nil {
		return nil, err
	}
	offset := int64(0)
	for i, arg := range args {
		switch v := arg.(type) {
		case int64:
			offset = v
		case string:
			found := slices.IndexFunc(e.loops, func(l loop) bool { return strings.EqualFold(l.name, v) })
			if found < 0 || i > 0 {
				return nil, fmt.Errorf("there is no copy called '%s' around the expression", shorten(v))
			}
			at = e.loops[found]
		default:
			return nil, mixed(args)
		}
	}
	return add(at.index, offset)
}

// declareFunctions reads the template's own functions: [{namespace, members:{name:{parameters, output}}}].
func (d *Deployment) declareFunctions() error {
	spaces, err := memberOf[[]any](d.template.root, "functions")
	if err != nil {
		return invalid("%v", err)
	}
	for _, item := range spaces {
		space, _ := item.(map[string]any)
		namespace, _ := memberOf[string](space, "namespace")
		members, err := memberOf[map[string]any](space, "members")
		if err != nil || namespace == "" {
			return invalid("the template functions must have a 'namespace' and 'members'")
		}
		for name, raw := range members {
			definition, isObject := raw.(map[string]any)
			if !isObject {
				return invalid("the template function '%s.%s' is not an object", namespace, name)
			}
			d.own[strings.ToLower(namespace+"."+name)] = definition
		}
	}
	return nil
}

// callOwn calls one of the template's own functions, which sees nothing but its arguments.
func (e evaluator) callOwn(name string, definition map[string]any, args []node) (any, error) {
	declared, err := memberOf[[]any](definition, "parameters")
	if err != nil {
		return nil, inFunction(name, err)
	}
	if len(args) != len(declared) {
		return nil, inFunction(name, fmt.Errorf("the number of arguments is '%d', and should be '%d'", len(args), len(declared)))
	}
	arguments := map[string]any{}
	for i, arg := range args {
		raw, _ := declared[i].(map[string]any)
		as, _ := memberOf[string](raw, "name")
		if arguments[as], err = e.eval(arg); err != nil {
			return nil, err
		}
		if err := e.d.checkRaw(maps.Clone(raw), arguments[as], as); err != nil {
			return nil, inFunction(name, err)
		}
	}
	output, _ := memberOf[map[string]any](definition, "output")
	value, _ := member(output, "value")
	return evaluator{d: e.d, arguments: arguments}.value(value)
}
