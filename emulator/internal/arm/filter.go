package arm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/odata"
)

// fits tells whether a document is one of those that a comparison selects.
type fits func(d *azure.Document) bool

// fieldOf makes the comparison with the value that a filter gives.
//
// A table of these says what the lists of a type can be narrowed by. Its keys are folded:
//
//	name               NAME eq 'VALUE', and with it NAME ne 'VALUE'
//	name ge            NAME ge 'VALUE'; so gt, le, lt
//	name()             NAME() and NAME('VALUE')
//	startswith(name)   startswith(NAME, 'VALUE'); so contains and substringof
//
// It returns nil for a value that nothing can be compared with.
type fieldOf func(c *call, value string) fits

// memberField compares a member of the document, without case.
func memberField(path string) fieldOf {
	return func(_ *call, value string) fits {
		return func(d *azure.Document) bool { return strings.EqualFold(textAt(d.Body, path), value) }
	}
}

// partField looks for a text in a member of the document, without case.
func partField(path string) fieldOf {
	return func(_ *call, value string) fits {
		value = strings.ToLower(value)
		return func(d *azure.Document) bool { return strings.Contains(strings.ToLower(textAt(d.Body, path)), value) }
	}
}

// resourceFields are what lists of resources can be filtered by (az-cli §5; Resources - List in Azure's REST reference).
var resourceFields = map[string]fieldOf{
	"resourcetype":         memberField("type"),
	"resourcegroup":        inGroup,
	"name":                 memberField("name"),
	"substringof(name)":    partField("name"),
	"contains(name)":       partField("name"),
	"location":             memberField("location"),
	"kind":                 memberField("kind"),
	"identity":             memberField("identity.type"),
	"identity/principalid": memberField("identity.principalId"),
	"plan":                 memberField("plan.name"),
	"plan/name":            memberField("plan.name"),
	"plan/product":         memberField("plan.product"),
	"plan/publisher":       memberField("plan.publisher"),
	"plan/version":         memberField("plan.version"),
	"tagname":              hasTag,
	"startswith(tagname)":  hasTagPrefix,
	tagPair:                hasTagPair,
}

// groupFields are what lists of resource groups can be filtered by.
var groupFields = map[string]fieldOf{
	"name": memberField("name"), "location": memberField("location"),
	"tagname": hasTag, "startswith(tagname)": hasTagPrefix, tagPair: hasTagPair,
}

func inGroup(_ *call, group string) fits {
	return func(d *azure.Document) bool { return azure.Fold(d.ID.ResourceGroup()) == azure.Fold(group) }
}

// tagsOf are a document's tags; their names are compared without case, their values with.
func tagsOf(d *azure.Document) map[string]any {
	tags, _ := d.Body["tags"].(map[string]any)
	return tags
}

func anyTag(which func(name string, value any) bool) fits {
	return func(d *azure.Document) bool {
		for name, value := range tagsOf(d) {
			if which(name, value) {
				return true
			}
		}
		return false
	}
}

func hasTag(_ *call, wanted string) fits {
	return anyTag(func(name string, _ any) bool { return strings.EqualFold(name, wanted) })
}

func hasTagPrefix(_ *call, prefix string) fits {
	return anyTag(func(name string, _ any) bool {
		return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
	})
}

func hasTagPair(_ *call, pair string) fits {
	wanted, wantedValue, _ := strings.Cut(pair, pairMark)
	return anyTag(func(name string, value any) bool { return strings.EqualFold(name, wanted) && value == wantedValue })
}

// selects compiles $filter. What cannot be compared is an error, since a client that narrows a list must not be given a
// wider one.
func (c *call) selects(fields map[string]fieldOf) (fits, error) {
	text := c.query("$filter")
	if text == "" {
		return func(*azure.Document) bool { return true }, nil
	}
	filter, err := odata.Parse(text)
	if err != nil {
		return nil, errFilter.with(text, err)
	}
	selected, err := c.compile(filter, fields)
	if err != nil {
		return nil, errFilter.with(text, err)
	}
	return selected, nil
}

// compile makes one comparison of a filter, if everything in it can be compared.
func (c *call) compile(f *odata.Filter, fields map[string]fieldOf) (fits, error) {
	join, joins := joined[f.Op]
	if !joins {
		return c.compare(f, fields)
	}
	var parts []fits
	for _, below := range pairTags(f) {
		part, err := c.compile(below, fields)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return join(parts), nil
}

func (c *call) compare(f *odata.Filter, fields map[string]fieldOf) (fits, error) {
	key, value := keyOf(f), ""
	compare, known := fields[key]
	if !known {
		return nil, fmt.Errorf("'%s' is not known here", key)
	}
	if len(f.Values) > 0 {
		if f.Values[0] == nil {
			return nil, fmt.Errorf("'%s' cannot be compared with null", key)
		}
		value = fmt.Sprint(f.Values[0]) // a text, or true or false
	}
	selected := compare(c, value)
	switch {
	case selected == nil:
		return nil, fmt.Errorf("'%s' cannot be compared with '%s'", key, value)
	case f.Op == "ne":
		return joined[odata.Not]([]fits{selected}), nil
	}
	return selected, nil
}

// keyOf is the key of a comparison in a table of fields.
func keyOf(f *odata.Filter) string {
	path := azure.Fold(f.Path)
	switch f.Op {
	case odata.Call:
		return f.Name + "(" + path + ")"
	case "eq", "ne":
		return path
	}
	return path + " " + f.Op
}

// tagName and tagValue beside each other are one comparison, of one tag.
const (
	tagPair  = "tagname and tagvalue"
	pairMark = "\x00"
)

// pairTags returns the parts of a filter, of which those that name a tag and the value beside it are one comparison each.
func pairTags(f *odata.Filter) []*odata.Filter {
	parts := slices.Clone(f.Parts)
	compares := func(path string) func(*odata.Filter) bool {
		return func(part *odata.Filter) bool { return part.Op == "eq" && azure.Fold(part.Path) == path }
	}
	for f.Op == odata.And {
		name, value := slices.IndexFunc(parts, compares("tagname")), slices.IndexFunc(parts, compares("tagvalue"))
		if name < 0 || value < 0 {
			break
		}
		pair := fmt.Sprint(parts[name].Values[0], pairMark, parts[value].Values[0])
		parts[name] = &odata.Filter{Op: "eq", Path: tagPair, Values: []any{pair}}
		parts = slices.Delete(parts, value, value+1)
	}
	return parts
}

// joined are the ways to make one comparison of several.
var joined = map[string]func([]fits) fits{
	odata.And: func(parts []fits) fits {
		return func(d *azure.Document) bool {
			for _, part := range parts {
				if !part(d) {
					return false
				}
			}
			return true
		}
	},
	odata.Or: func(parts []fits) fits {
		return func(d *azure.Document) bool {
			for _, part := range parts {
				if part(d) {
					return true
				}
			}
			return false
		}
	},
	odata.Not: func(parts []fits) fits { return func(d *azure.Document) bool { return !parts[0](d) } },
}
