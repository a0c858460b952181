package template

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Deployment is a template with the parameters and the place of one deployment. It belongs to one goroutine.
type Deployment struct {
	template   *Template
	env        Environment // of the expressions: for a template in outer scope, the outer one's
	scope      string      // of the resources
	meter      meter
	functions  map[string]function
	own        map[string]map[string]any // the template's own functions, by folded name
	parameters map[string]*lazy
	variables  map[string]*lazy
	parsed     map[string]node
	loops      []loop // copies around the template, if it is in outer scope
	resources  []*Resource
	index      map[string][]*Resource
}

// lazy is a value that is made when it is first wanted.
type lazy struct {
	make    func() (any, error)
	value   any
	err     error
	done    bool
	pending bool
	secure  bool
	kind    string
}

var errCircle = errors.New("the value refers to itself")

func (l *lazy) get() (any, error) {
	switch {
	case l.done:
		return l.value, l.err
	case l.pending:
		return nil, errCircle
	}
	l.pending = true
	l.value, l.err = l.make()
	l.pending, l.done = false, true
	return l.value, l.err
}

// Bind gives a template its parameters and its place, and checks all that can be checked before something is deployed.
// given holds the parameters as a deployment's body does, {"name":{"value":…}}, with integers as int64. The context ends
// every evaluation, now and later.
func Bind(ctx context.Context, t *Template, env Environment, given map[string]any) (*Deployment, error) {
	d := &Deployment{
		template: t, env: env, scope: env.Scope, meter: meter{ctx: ctx}, functions: functionTable(),
		own: map[string]map[string]any{}, parsed: map[string]node{}, index: map[string][]*Resource{},
	}
	steps := []func() error{d.declareFunctions, func() error { return d.declareParameters(given) }, d.declareVariables}
	if env.Outer != nil {
		steps = []func() error{d.speakOuter}
	}
	for _, step := range append(steps, d.plan, d.connect) {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// speakOuter makes the expressions those of the template around this one.
func (d *Deployment) speakOuter() error {
	outer, host := d.env.Outer.d, d.env.Host
	d.loops = d.env.Outer.loops
	d.parameters, d.variables, d.own = outer.parameters, outer.variables, outer.own
	d.env = outer.env
	d.env.Host = host
	return nil
}

func (d *Deployment) evaluator() evaluator { return evaluator{d: d, loops: d.loops} }

// Nested returns the place of a template that is nested in a resource's body, in outer scope.
func (d *Deployment) Nested(r *Resource) *Outer { return &Outer{d: d, loops: r.loops} }

// declareParameters takes the values that are given, and makes the defaults of the others.
func (d *Deployment) declareParameters(given map[string]any) error {
	declared, err := d.template.section("parameters")
	if err != nil {
		return err
	}
	if err := d.refuseUnknown(declared, given); err != nil {
		return err
	}
	d.parameters = map[string]*lazy{}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if err := d.declareParameter(name, declared[name], given); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, err := d.parameters[strings.ToLower(name)].get(); err != nil {
			return d.refuseParameter(name, err)
		}
	}
	return nil
}

func (d *Deployment) refuseUnknown(declared, given map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := member(declared, name); !known {
			return invalid("The template parameters '%s' in the parameters file are not valid; they are not present in the original template and can therefore not be provided at deployment time. The only supported parameters for this template are '%s'. Please see https://aka.ms/arm-pass-parameter-values for usage details.",
				shorten(name), shorten(strings.Join(slices.Sorted(maps.Keys(declared)), ", ")))
		}
	}
	return nil
}

func (d *Deployment) refuseParameter(name string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{Code: CodeInvalid, Message: fmt.Sprintf("Deployment template validation failed: 'The template parameter '%s'%s is not valid: %v.'.",
		name, d.template.position("parameters."+name), err)}
}

func (d *Deployment) declareParameter(name string, raw any, given map[string]any) error {
	declared, isObject := raw.(map[string]any)
	if !isObject {
		return d.refuseParameter(name, errors.New("it is not an object"))
	}
	s, err := d.template.schema(declared)
	if err != nil {
		return d.refuseParameter(name, err)
	}
	value, isGiven, err := givenValue(name, given)
	if err != nil {
		return err
	}
	_, byDefault := s.members["defaultvalue"]
	if !isGiven && !byDefault && !s.nullable() {
		return invalid("The value for the template parameter '%s'%s is not provided. Please see https://aka.ms/arm-create-parameter-file for usage details.",
			name, d.template.position("parameters."+name))
	}
	d.parameters[strings.ToLower(name)] = &lazy{secure: s.secure(), kind: types[s.name], make: func() (any, error) {
		if !isGiven {
			e := d.evaluator()
			e.byDefault = true
			if value, err = e.value(s.members["defaultvalue"]); err != nil {
				return nil, err
			}
		}
		return value, d.fits(s, value, name)
	}}
	return nil
}

// givenValue is what a deployment gives for a parameter. Null is as good as nothing, unless the type takes it.
func givenValue(name string, given map[string]any) (value any, found bool, err error) {
	raw, found := member(given, name)
	if !found {
		return nil, false, nil
	}
	object, isObject := raw.(map[string]any)
	if _, refers := member(object, "reference"); refers {
		return nil, false, &Error{Code: CodeParameters, Message: fmt.Sprintf("The parameter '%s' refers to a secret of a key vault. There are no key vaults here: give its value.", name)}
	}
	value, found = member(object, "value")
	if !isObject || !found {
		return nil, false, &Error{Code: CodeParameters, Message: fmt.Sprintf("The value of deployment parameter '%s' is null. Please specify the value or use the parameter reference. See https://aka.ms/arm-create-parameter-file for details.", name)}
	}
	return value, value != nil, nil
}

func (d *Deployment) declareVariables() error {
	declared, err := d.template.section("variables")
	if err != nil {
		return err
	}
	d.variables = map[string]*lazy{}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if copies, found := propertyCopies(name, declared[name]); found {
			d.declareCopies(copies)
			continue
		}
		d.variables[strings.ToLower(name)] = &lazy{make: func() (any, error) { return d.evaluator().value(declared[name]) }}
	}
	for _, name := range slices.Sorted(maps.Keys(d.variables)) {
		if _, err := d.variables[name].get(); err != nil {
			return unprocessable("variable '"+name+"'", Position{}, err)
		}
	}
	return nil
}

func (d *Deployment) declareCopies(copies []map[string]any) {
	for _, one := range copies {
		name, _ := memberOf[string](one, "name")
		d.variables[strings.ToLower(name)] = &lazy{make: func() (any, error) { return d.evaluator().copies(one, name) }}
	}
}

func variable(e evaluator, args []any) (any, error) {
	name, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	found := e.d.variables[strings.ToLower(name)]
	if found == nil || e.arguments != nil {
		return nil, fmt.Errorf("the template variable '%s' is not found. Please see https://aka.ms/arm-syntax-variables for usage details", shorten(name))
	}
	return found.get()
}

func parameter(e evaluator, args []any) (any, error) {
	name, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	if e.arguments != nil {
		if value, found := member(e.arguments, name); found {
			return value, nil
		}
	} else if found := e.d.parameters[strings.ToLower(name)]; found != nil {
		return found.get()
	}
	return nil, fmt.Errorf("the template parameter '%s' is not found. Please see https://aka.ms/arm-syntax-parameters for usage details", shorten(name))
}

// Parameters returns the values of the parameters as a deployment shows them: without those that are secret.
func (d *Deployment) Parameters() map[string]any {
	shown := map[string]any{}
	declared, _ := d.template.section("parameters")
	for name := range declared {
		p := d.parameters[strings.ToLower(name)]
		if p == nil {
			continue // in outer scope the template's own parameters mean nothing
		}
		entry := map[string]any{"type": p.kind}
		if value, err := p.get(); err == nil && !p.secure {
			entry["value"] = value
		}
		shown[name] = entry
	}
	return shown
}
