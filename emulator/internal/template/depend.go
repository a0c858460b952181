package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// connect finds what each resource depends on, and sorts the resources so that it goes before.
func (d *Deployment) connect() error {
	for _, r := range d.resources {
		if err := d.connectResource(r); err != nil {
			return err
		}
	}
	return d.sort()
}

func (d *Deployment) connectResource(r *Resource) error {
	e := d.evaluator()
	e.loops = r.loops
	listed, err := memberOf[[]any](r.raw, "dependsOn")
	if err != nil {
		return unprocessable(r.description(), r.Position, err)
	}
	before := map[*Resource]bool{}
	for _, raw := range listed {
		value, err := e.value(raw)
		if err != nil {
			return unprocessable(r.description(), r.Position, err)
		}
		name := textOf(value)
		found, known := d.find(name)
		if err := d.meter.spend(nodeSize * (1 + len(found))); err != nil {
			return unprocessable(r.description(), r.Position, err)
		}
		if !known {
			return invalid("The resource '%s' is not defined in the template. Please see https://aka.ms/arm-syntax-resources for usage details.", shorten(name))
		}
		for _, one := range found {
			before[one] = true
		}
	}
	if err := d.mentioned(e, r.body(), before, r); err != nil {
		return unprocessable(r.description(), r.Position, err)
	}
	for _, one := range d.resources {
		if before[one] {
			r.DependsOn = append(r.DependsOn, one)
		}
	}
	return nil
}

// mentioned adds the resources that a body asks for by reference() and list*(), which are dependencies without being
// listed. What cannot be told beforehand is none.
func (d *Deployment) mentioned(e evaluator, raw any, before map[*Resource]bool, self *Resource) error {
	switch raw := raw.(type) {
	case string:
		if err := d.meter.spend(len(raw)); err != nil || !isExpression(raw) || !asksForResource(raw) {
			return err
		}
		if n, err := d.parse(raw); err == nil {
			d.mentionedIn(e, n, before, self)
		}
	case []any:
		for _, item := range raw {
			if err := d.mentioned(e, item, before, self); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(raw)) {
			if err := d.mentioned(e, raw[name], before, self); err != nil {
				return err
			}
		}
	}
	return nil
}

// asksForResource is a quick look whether an expression may use reference() or list*().
func asksForResource(expression string) bool {
	folded := strings.ToLower(expression)
	return strings.Contains(folded, "reference") || strings.Contains(folded, "list")
}

func (d *Deployment) mentionedIn(e evaluator, n node, before map[*Resource]bool, self *Resource) {
	switch n := n.(type) {
	case access:
		d.mentionedIn(e, n.of, before, self)
		d.mentionedIn(e, n.by, before, self)
	case call:
		name := strings.ToLower(n.name)
		if len(n.args) > 0 && (name == "reference" || name == "references" || strings.HasPrefix(name, "list")) {
			value, err := e.eval(n.args[0])
			text, isText := value.(string)
			mentioned, _ := d.find(text)
			for _, found := range mentioned {
				before[found] = before[found] || err == nil && isText && found != self
			}
		}
		for _, arg := range n.args {
			d.mentionedIn(e, arg, before, self)
		}
	}
}

// sort puts the resources in order; those that are free to go stay as the template has them.
func (d *Deployment) sort() error {
	const visiting, done = 1, 2
	state := map[*Resource]int{}
	sorted := make([]*Resource, 0, len(d.resources))
	var visit func(*Resource) error
	visit = func(r *Resource) error {
		switch state[r] {
		case done:
			return nil
		case visiting:
			return invalid("Circular dependency detected on resource: '%s'. Please see https://aka.ms/arm-syntax-resources for usage details.", r.ID)
		}
		state[r] = visiting
		for _, before := range r.DependsOn {
			if err := visit(before); err != nil {
				return err
			}
		}
		state[r] = done
		sorted = append(sorted, r)
		return nil
	}
	for _, r := range d.resources {
		if err := visit(r); err != nil {
			return err
		}
	}
	d.resources = sorted
	return nil
}

// structure are the members of a resource that are the template's and not the resource's.
var structure = []string{
	"apiVersion", "type", "name", "condition", "copy", "dependsOn", "resources", "existing", "comments", "metadata", "scope",
	"subscriptionId", "resourceGroup", "import", "extension",
}

// body is what the template says of the resource itself.
func (r *Resource) body() map[string]any {
	body := maps.Clone(r.raw)
	maps.DeleteFunc(body, func(name string, _ any) bool {
		return slices.ContainsFunc(structure, func(known string) bool { return strings.EqualFold(known, name) })
	})
	return body
}

// Body evaluates what is to be written for a resource. The template of a module stays as it is: it is evaluated when it
// is deployed, in the scope that the module chooses.
func (d *Deployment) Body(r *Resource) (map[string]any, error) {
	e := d.evaluator()
	e.loops, e.runtime = r.loops, true
	body := r.body()
	inner := any(nil)
	if strings.EqualFold(r.Type, DeploymentType) {
		body, inner = withoutTemplate(body)
	}
	value, err := e.value(body)
	if err != nil {
		return nil, unprocessable(r.description(), r.Position, err)
	}
	evaluated, isObject := value.(map[string]any)
	if !isObject {
		return nil, unprocessable(r.description(), r.Position, fmt.Errorf("it is not an object"))
	}
	if properties, isObject := evaluated["properties"].(map[string]any); isObject && inner != nil {
		properties["template"] = inner
	}
	return evaluated, nil
}

// withoutTemplate takes the template out of a module's body, which it copies as far as that goes.
func withoutTemplate(body map[string]any) (without map[string]any, inner any) {
	properties, err := memberOf[map[string]any](body, "properties")
	if err != nil || properties == nil {
		return body, nil
	}
	inner, _ = member(properties, "template")
	properties = maps.Clone(properties)
	maps.DeleteFunc(properties, func(name string, _ any) bool { return strings.EqualFold(name, "template") })
	body = maps.Clone(body)
	maps.DeleteFunc(body, func(name string, _ any) bool { return strings.EqualFold(name, "properties") })
	body["properties"] = properties
	return body, inner
}
