package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DeploymentType is the type of the resources that are templates themselves: modules.
const DeploymentType = "Microsoft.Resources/deployments"

// Resource is a resource of a template, one for each turn of its copy.
type Resource struct {
	// ID is the resource's, Scope that of what it stands below or extends.
	ID, Scope string
	// Type and Name are in full: Microsoft.ContainerRegistry/registries/tokens, myregistry/ci.
	Type, Name string
	// APIVersion is the version of the API that the template wants.
	APIVersion string
	// Symbol is the symbolic name, with its index if there is a copy; empty in templates without such names.
	Symbol string
	// Existing resources are read, not deployed.
	Existing bool
	// Skipped says that the condition is false: the resource is not deployed.
	Skipped bool
	// DependsOn are the resources that go before it.
	DependsOn []*Resource
	// Position is where the template has it.
	Position Position

	raw   map[string]any
	loops []loop
	copy  string // the name of its copy
}

// description is how messages call it.
func (r *Resource) description() string { return "resource '" + r.Name + "'" }

// Resources returns the resources so that each goes after those that it depends on. Skipped ones are among them.
func (d *Deployment) Resources() []*Resource { return slices.Clone(d.resources) }

// source is a resource as the template writes it, which may be copied.
type source struct {
	raw    map[string]any
	symbol string
	at     Position
	above  *Resource // that it is written inside of
}

// plan makes the resources: it evaluates their names, conditions and copies.
func (d *Deployment) plan() error {
	section, _ := member(d.template.root, "resources")
	return d.planAll(section, "resources", nil)
}

// planAll makes the resources of a list, or of an object by their symbolic names.
func (d *Deployment) planAll(section any, path string, above *Resource) error {
	var sources []source
	switch section := section.(type) {
	case nil:
	case []any:
		for i, item := range section {
			at := d.template.position(fmt.Sprintf("%s[%d]", path, i))
			raw, isObject := item.(map[string]any)
			if !isObject {
				return invalid("The template resource%s is not an object", at)
			}
			sources = append(sources, source{raw: raw, at: at, above: above})
		}
	case map[string]any:
		for _, symbol := range slices.Sorted(maps.Keys(section)) {
			at := d.template.position(path + "." + symbol)
			raw, isObject := section[symbol].(map[string]any)
			if !isObject {
				return invalid("The template resource '%s'%s is not an object", shorten(symbol), at)
			}
			sources = append(sources, source{raw: raw, symbol: symbol, at: at, above: above})
		}
	default:
		return invalid("The member 'resources' is neither an array nor an object")
	}
	for _, s := range sources {
		if err := d.planSource(s); err != nil {
			return err
		}
	}
	return nil
}

// planSource makes the resource, or one for each turn of its copy.
func (d *Deployment) planSource(s source) error {
	e := d.evaluator()
	if s.above != nil {
		e.loops = s.above.loops
	}
	raw, copied := member(s.raw, "copy")
	if !copied {
		return d.planOne(e, s, s.symbol)
	}
	one, _ := raw.(map[string]any)
	name, err := memberOf[string](one, "name")
	if err != nil || name == "" && s.symbol == "" {
		return invalid("The copy of the template resource%s has no name", s.at)
	}
	if name == "" {
		name = s.symbol
	}
	count, err := e.count(one)
	if err == nil {
		err = checkMode(one)
	}
	if err != nil {
		return unprocessable("copy '"+name+"'", s.at, err)
	}
	for _, called := range []string{name, s.symbol} {
		if _, known := d.find(called); !known && called != "" {
			d.index[strings.ToLower(called)] = nil
		}
	}
	for i := range count {
		turn := e.inLoop(name, i)
		turn.loops[len(turn.loops)-1].resource = true
		if err := d.planOne(turn, s, fmt.Sprintf("%s[%d]", s.symbol, i)); err != nil {
			return err
		}
	}
	return nil
}

// checkMode checks how the turns of a copy follow one another. Here they always do so one by one.
func checkMode(one map[string]any) error {
	mode, err := memberOf[string](one, "mode")
	if err != nil {
		return err
	}
	batch, err := memberOf[int64](one, "batchSize")
	_, sized := member(one, "batchSize")
	switch {
	case err != nil:
		return err
	case mode != "" && !strings.EqualFold(mode, "serial") && !strings.EqualFold(mode, "parallel"):
		return fmt.Errorf("the mode '%s' is not one of Parallel, Serial", shorten(mode))
	case sized && (batch < 1 || !strings.EqualFold(mode, "serial")):
		return errors.New("a batch size is at least 1, and needs the mode Serial")
	}
	return nil
}

func (d *Deployment) planOne(e evaluator, s source, symbol string) error {
	r := &Resource{raw: s.raw, loops: e.loops, Position: s.at}
	if s.symbol != "" {
		r.Symbol = symbol
	}
	if len(e.loops) > 0 {
		r.copy = e.loops[len(e.loops)-1].name
	}
	for _, step := range []func(evaluator, *Resource) error{d.planIdentity(s), d.planCondition, d.planScope} {
		if err := step(e, r); err != nil {
			return unprocessable(s.describe(), s.at, err)
		}
	}
	if s.above != nil {
		r.Skipped = r.Skipped || s.above.Skipped
	}
	if err := d.enlist(r, s); err != nil {
		return err
	}
	children, _ := member(s.raw, "resources")
	return d.planAll(children, "", r)
}

func (s source) describe() string {
	name, _ := memberOf[string](s.raw, "name")
	if s.symbol != "" {
		name = s.symbol
	}
	return "resource '" + shorten(name) + "'"
}

// planIdentity evaluates name, type and version; those of a child go on from those of its parent.
func (d *Deployment) planIdentity(s source) func(evaluator, *Resource) error {
	return func(e evaluator, r *Resource) error {
		for _, part := range []struct {
			name string
			to   *string
		}{{"type", &r.Type}, {"name", &r.Name}, {"apiVersion", &r.APIVersion}} {
			value, err := e.staticText(s.raw, part.name)
			if err != nil {
				return err
			}
			if value == "" {
				return fmt.Errorf("the resource has no '%s'", part.name)
			}
			*part.to = value
		}
		if s.above != nil {
			r.Type, r.Name = s.above.Type+"/"+r.Type, s.above.Name+"/"+r.Name
		}
		return nil
	}
}

// staticText evaluates a member that must be known before anything is deployed.
func (e evaluator) staticText(raw map[string]any, name string) (string, error) {
	given, _ := member(raw, name)
	value, err := e.value(given)
	if err != nil || value == nil {
		return "", err
	}
	text, isText := value.(string)
	if !isText {
		return "", fmt.Errorf("the value of '%s' has the type '%s', not 'String'", name, typeName(value))
	}
	return text, nil
}

func (d *Deployment) planCondition(e evaluator, r *Resource) error {
	existing, err := memberOf[bool](r.raw, "existing")
	if err != nil {
		return err
	}
	r.Existing = existing
	raw, conditional := member(r.raw, "condition")
	if !conditional {
		return nil
	}
	value, err := e.value(raw)
	if err != nil {
		return err
	}
	deploy, err := as[bool]([]any{value}, 0)
	r.Skipped = !deploy
	return err
}

// planScope finds what the resource stands below, and so its ID.
func (d *Deployment) planScope(e evaluator, r *Resource) error {
	var given [3]string
	for i, name := range []string{"scope", "subscriptionId", "resourceGroup"} {
		var err error
		if given[i], err = e.staticText(r.raw, name); err != nil {
			return err
		}
	}
	subscription, group := cutScope(d.scope)
	switch {
	case given[0] != "":
		r.Scope = absolute(d.scope, given[0])
	case given[2] != "":
		r.Scope = "/subscriptions/" + first(given[1], subscription) + "/resourceGroups/" + given[2]
	case given[1] != "":
		r.Scope = "/subscriptions/" + given[1]
	case strings.EqualFold(r.Type, resourceGroups) && group != "":
		r.Scope = "/subscriptions/" + subscription
	default:
		r.Scope = d.scope
	}
	id, err := idBelow(r.Scope, r.Type, strings.Split(r.Name, "/"))
	if err != nil {
		return err
	}
	r.ID = id.(string)
	return nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// absolute makes an ID of a scope that may be written from where the deployment is: NAMESPACE/TYPE/NAME.
func absolute(scope, given string) string {
	switch {
	case strings.HasPrefix(given, "/"):
		return given
	case hasStart(given, "Microsoft.Management/"):
		return "/providers/" + given
	}
	return strings.TrimSuffix(scope, "/") + "/providers/" + given
}

// enlist takes a resource into the deployment, by all the names that it can be called.
func (d *Deployment) enlist(r *Resource, s source) error {
	if len(d.resources) == maxResources {
		return invalid("The number of template resources exceeds the limit of '%d'. Please see https://aka.ms/arm-syntax-resources for usage details.", maxResources)
	}
	for _, known := range d.index[strings.ToLower(r.ID)] {
		if !r.Skipped && !known.Skipped && !r.Existing && !known.Existing {
			return invalid("The resource '%s'%s is defined multiple times in a template. Please see https://aka.ms/arm-syntax-resources for usage details.", r.ID, r.Position)
		}
	}
	d.resources = append(d.resources, r)
	names := map[string]bool{}
	for _, name := range []string{r.ID, r.Symbol, s.symbol, r.copyName(s), r.relative()} {
		names[strings.ToLower(name)] = name != ""
	}
	if !d.template.symbolic() {
		names[strings.ToLower(r.Name)] = true
	}
	for name, is := range names {
		if is {
			d.index[name] = append(d.index[name], r)
		}
	}
	return nil
}

// copyName is the name of the resource's own copy.
func (r *Resource) copyName(s source) string {
	if _, copied := member(s.raw, "copy"); copied {
		return r.copy
	}
	return ""
}

// relative is NAMESPACE/TYPE/NAME, as older templates write dependencies.
func (r *Resource) relative() string {
	joined, _ := joinNames(r.Type, strings.Split(r.Name, "/"))
	return joined
}

// find returns the resources of the template that a text calls: by symbolic name, name, name of the copy, or ID.
// A copy of nothing is known, and no resource.
func (d *Deployment) find(text string) (found []*Resource, known bool) {
	found, known = d.index[strings.ToLower(text)]
	return found, known
}
