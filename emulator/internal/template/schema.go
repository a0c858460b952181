package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxReferences bounds how many definitions refer to one another in a row.
const maxReferences = 32

// The types of parameters and outputs, folded, with what ARM's answers call them.
var types = map[string]string{
	"string": "String", "securestring": "SecureString", "int": "Int", "bool": "Bool", "object": "Object",
	"secureobject": "SecureObject", "array": "Array",
}

// schema is the type of a parameter: its own members, over those of the definition that it refers to.
type schema struct {
	members map[string]any
	name    string // the folded name of the type; "" is any
}

// schema resolves a type as the template writes it.
func (t *Template) schema(raw map[string]any) (schema, error) {
	merged := map[string]any{}
	for range maxReferences {
		for name, value := range raw {
			folded := strings.ToLower(name)
			if _, own := merged[folded]; !own {
				merged[folded] = value
			}
		}
		reference, _ := merged["$ref"].(string)
		delete(merged, "$ref")
		if reference == "" {
			return newSchema(merged)
		}
		name, local := strings.CutPrefix(reference, "#/definitions/")
		definitions, err := t.section("definitions")
		if err != nil {
			return schema{}, err
		}
		definition, _ := member(definitions, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
		if raw, _ = definition.(map[string]any); raw == nil || !local {
			return schema{}, fmt.Errorf("the type definition '%s' is not in the template", shorten(reference))
		}
	}
	return schema{}, errors.New("the type definitions refer to one another without end")
}

func newSchema(members map[string]any) (schema, error) {
	name, _ := members["type"].(string)
	name = strings.ToLower(name)
	if name != "" && types[name] == "" {
		return schema{}, fmt.Errorf("the type '%s' is not one of string, securestring, int, bool, object, secureObject, array", shorten(name))
	}
	return schema{members: members, name: name}, nil
}

// secure reports whether values of the type must not be shown.
func (s schema) secure() bool { return strings.HasPrefix(s.name, "secure") }

func (s schema) nullable() bool {
	is, _ := s.members["nullable"].(bool)
	return is
}

// kinds say what Go type the values of a type have.
var kinds = map[string]func(any) bool{
	"":             func(any) bool { return true },
	"string":       is[string],
	"securestring": is[string],
	"int":          is[int64],
	"bool":         is[bool],
	"array":        is[[]any],
	"object":       is[map[string]any],
	"secureobject": is[map[string]any],
}

func is[T any](value any) bool {
	_, fits := value.(T)
	return fits
}

// fits holds a value against the type. path names the value in messages.
func (d *Deployment) fits(s schema, value any, path string) error {
	definitions, _ := d.template.section("definitions")
	if err := d.meter.spend(nodeSize + len(definitions)); err != nil {
		return err
	}
	if value == nil && s.nullable() {
		return nil
	}
	if !kinds[s.name](value) {
		return fmt.Errorf("the value of '%s' has the type '%s', not '%s'", path, typeName(value), types[s.name])
	}
	if err := d.checkChoice(s, value, path); err != nil {
		return err
	}
	if err := s.checkSize(value, path); err != nil {
		return err
	}
	switch v := value.(type) {
	case []any:
		return d.checkItems(s, v, path)
	case map[string]any:
		return d.checkMembers(s, v, path)
	}
	return nil
}

// checkChoice looks whether the value is one of those that are allowed; for a list, whether its items are.
func (d *Deployment) checkChoice(s schema, value any, path string) error {
	allowed, limited := s.members["allowedvalues"].([]any)
	if !limited {
		return nil
	}
	given := []any{value}
	if list, isList := value.([]any); isList && indexItem(allowed, value) < 0 {
		given = list
	}
	for _, one := range given {
		if err := d.meter.charge(allowed); err != nil {
			return err
		}
		if indexItem(allowed, one) < 0 {
			return fmt.Errorf("the provided value for '%s' is not valid. The value '%s' is not part of the allowed value(s): '%s'",
				path, s.printable(one), shorten(jsonOf(allowed)))
		}
	}
	return nil
}

// printable keeps secrets out of messages.
func (s schema) printable(value any) string {
	if s.secure() {
		return "***"
	}
	return shorten(textOf(value))
}

func (s schema) checkSize(value any, path string) error {
	measure, unit := "length", int64(0)
	if number, isNumber := value.(int64); isNumber {
		measure, unit = "value", number
	} else if count, counts := lengthOf(value); counts {
		unit = int64(count)
	}
	if least, limited := s.members["min"+measure].(int64); limited && unit < least {
		return fmt.Errorf("the provided value for '%s' is not valid: its %s '%d' must be greater than or equal to '%d'", path, measure, unit, least)
	}
	if most, limited := s.members["max"+measure].(int64); limited && unit > most {
		return fmt.Errorf("the provided value for '%s' is not valid: its %s '%d' must be less than or equal to '%d'", path, measure, unit, most)
	}
	return nil
}

func (d *Deployment) checkItems(s schema, list []any, path string) error {
	prefix, _ := s.members["prefixitems"].([]any)
	for i, item := range list {
		raw, _ := s.members["items"].(map[string]any)
		if i < len(prefix) {
			raw, _ = prefix[i].(map[string]any)
		}
		if err := d.checkRaw(raw, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Deployment) checkMembers(s schema, object map[string]any, path string) error {
	s, err := d.variant(s, object, path)
	if err != nil {
		return err
	}
	properties, _ := s.members["properties"].(map[string]any)
	if err := d.meter.spend(len(object) * (1 + len(properties))); err != nil { // a name in another case is looked for
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value, _ := member(object, name)
		raw, _ := properties[name].(map[string]any)
		if err := d.checkRaw(raw, value, path+"."+name); err != nil {
			return err
		}
	}
	if closed, isFlag := s.members["additionalproperties"].(bool); !isFlag || closed {
		return d.checkOthers(s, object, properties, path)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := member(properties, name); !known {
			return fmt.Errorf("the property '%s.%s' is not allowed: the type has only '%s'", path, name, shorten(strings.Join(slices.Sorted(maps.Keys(properties)), ", ")))
		}
	}
	return nil
}

// variant finds the type that a discriminator chooses.
func (d *Deployment) variant(s schema, object map[string]any, path string) (schema, error) {
	discriminator, _ := s.members["discriminator"].(map[string]any)
	if discriminator == nil {
		return s, nil
	}
	by, _ := memberOf[string](discriminator, "propertyName")
	mapping, _ := memberOf[map[string]any](discriminator, "mapping")
	choice, _ := object[by].(string)
	raw, known := mapping[choice].(map[string]any)
	if !known {
		return s, fmt.Errorf("the property '%s.%s' is not one of '%s'", path, by, shorten(strings.Join(slices.Sorted(maps.Keys(mapping)), ", ")))
	}
	return d.template.schema(raw)
}

// checkOthers checks the members that have no type of their own against that of additionalProperties.
func (d *Deployment) checkOthers(s schema, object, properties map[string]any, path string) error {
	raw, typed := s.members["additionalproperties"].(map[string]any)
	if !typed {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := member(properties, name); known {
			continue
		}
		if err := d.checkRaw(raw, object[name], path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func (d *Deployment) checkRaw(raw map[string]any, value any, path string) error {
	if raw == nil {
		return nil
	}
	s, err := d.template.schema(raw)
	if err != nil {
		return err
	}
	return d.fits(s, value, path)
}
