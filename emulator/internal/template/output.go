package template

import (
	"fmt"
	"maps"
	"slices"
)

// Outputs evaluates the outputs as a deployment shows them: {"name":{"type":"String","value":…}}, without those whose
// condition is false, and without the values of those that are secret.
func (d *Deployment) Outputs() (map[string]any, error) {
	declared, err := d.template.section("outputs")
	if err != nil {
		return nil, err
	}
	outputs := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		output, wanted, err := d.output(name, declared[name])
		if err != nil {
			return nil, unprocessable("output '"+name+"'", d.template.position("outputs."+name), err)
		}
		if wanted {
			outputs[name] = output
		}
	}
	return outputs, nil
}

func (d *Deployment) output(name string, raw any) (output map[string]any, wanted bool, err error) {
	declared, isObject := raw.(map[string]any)
	if !isObject {
		return nil, false, fmt.Errorf("it is not an object")
	}
	e := d.evaluator()
	if condition, found := member(declared, "condition"); found {
		value, err := e.value(condition)
		if err != nil {
			return nil, false, err
		}
		if is, err := as[bool]([]any{value}, 0); err != nil || !is {
			return nil, false, err
		}
	}
	s, err := d.template.schema(declared)
	if err != nil {
		return nil, false, err
	}
	if s.name == "" {
		return nil, false, fmt.Errorf("it has no type")
	}
	e.runtime = true
	value, err := e.outputValue(declared, name)
	if err != nil {
		return nil, false, err
	}
	if s.secure() {
		return map[string]any{"type": types[s.name]}, true, nil
	}
	return map[string]any{"type": types[s.name], "value": value}, true, d.fits(s, value, name)
}

func (e evaluator) outputValue(declared map[string]any, name string) (any, error) {
	if copies, found := member(declared, "copy"); found {
		one, _ := copies.(map[string]any)
		return e.copies(one, name)
	}
	value, found := member(declared, "value")
	if !found {
		return nil, fmt.Errorf("it has no value")
	}
	return e.value(value)
}
