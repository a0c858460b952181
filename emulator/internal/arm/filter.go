package arm

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
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
	tree, problem := parseFilter(text)
	if problem != "" {
		return nil, errFilter.with(text, problem)
	}
	selected, problem := tree.compile(c, fields)
	if problem != "" {
		return nil, errFilter.with(text, problem)
	}
	return selected, nil
}

// compile makes one comparison of the tree. problem is empty if everything in it can be compared.
func (t *term) compile(c *call, fields map[string]fieldOf) (_ fits, problem string) {
	if t.op == "" {
		compare, known := fields[t.name]
		if !known {
			return nil, "'" + t.name + "' is not known here"
		}
		selected := compare(c, t.value)
		if selected == nil {
			problem = "'" + t.name + "' cannot be compared with '" + t.value + "'"
		}
		return selected, problem
	}
	var parts []fits
	for _, below := range t.terms {
		part, problem := below.compile(c, fields)
		if problem != "" {
			return nil, problem
		}
		parts = append(parts, part)
	}
	return joined[t.op](parts), ""
}

// joined are the ways to make one comparison of several.
var joined = map[string]func([]fits) fits{
	"and": func(parts []fits) fits {
		return func(d *azure.Document) bool {
			for _, part := range parts {
				if !part(d) {
					return false
				}
			}
			return true
		}
	},
	"or": func(parts []fits) fits {
		return func(d *azure.Document) bool {
			for _, part := range parts {
				if part(d) {
					return true
				}
			}
			return false
		}
	},
	"not": func(parts []fits) fits { return func(d *azure.Document) bool { return !parts[0](d) } },
}
