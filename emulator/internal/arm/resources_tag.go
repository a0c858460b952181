package arm

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The bounds of tags (Azure's "Tag support" page; the codes are ARM's where they are known).
const (
	maxTags     = 50
	maxTagName  = 512 // characters
	maxTagValue = 256 // characters
	notInTags   = `<>%&\?/`
)

// checkTags refuses tags that ARM would not keep.
func checkTags(body map[string]any) error {
	tags, _ := body["tags"].(map[string]any)
	if len(tags) > maxTags {
		return errTooManyTags.about("tags", len(tags), maxTags)
	}
	for name, value := range tags {
		text, isText := value.(string)
		switch {
		case !isText && value != nil:
			return errContent.about("tags", "the value of the tag '"+name+"' is not a string")
		case name == "" || utf8.RuneCountInString(name) > maxTagName:
			return errTagName.about("tags", name, maxTagName)
		case strings.ContainsAny(name, notInTags):
			return errTagCharacters.about("tags", name, notInTags)
		case utf8.RuneCountInString(text) > maxTagValue:
			return errTagValue.about("tags", name, maxTagValue)
		}
	}
	return nil
}

// tagsKind is the row of Microsoft.Resources/tags, by which the tags of anything are read and changed without the rest of
// it: SCOPE/providers/Microsoft.Resources/tags/default.
func tagsKind() kind {
	return kind{name: "Microsoft.Resources/tags", serve: map[string]handler{
		http.MethodGet:    func(c *call) (answer, error) { return c.readTags() },
		http.MethodPut:    func(c *call) (answer, error) { return c.changeTags("write", replaceTags) },
		http.MethodPatch:  func(c *call) (answer, error) { return c.changeTags("write", nil) },
		http.MethodDelete: func(c *call) (answer, error) { return c.changeTags("delete", clearTags) },
	}}
}

// retag makes new tags of the old ones and those that the client gives.
type retag func(old, given map[string]any) map[string]any

func replaceTags(_, given map[string]any) map[string]any { return given }
func clearTags(_, _ map[string]any) map[string]any       { return map[string]any{} }

// retags are the operations of PATCH.
var retags = map[string]retag{
	"replace": replaceTags,
	"merge": func(old, given map[string]any) map[string]any {
		merged := deleteNamed(old, given)
		maps.Copy(merged, given)
		return merged
	},
	"delete": func(old, given map[string]any) map[string]any {
		return withoutTags(old, func(name string, value any) bool {
			wanted, named := namedTag(given, name)
			return named && (wanted == "" || wanted == nil || wanted == value)
		})
	},
}

// deleteNamed leaves out the tags that have a name of the others.
func deleteNamed(old, others map[string]any) map[string]any {
	return withoutTags(old, func(name string, _ any) bool { _, named := namedTag(others, name); return named })
}

func withoutTags(tags map[string]any, drop func(name string, value any) bool) map[string]any {
	kept := map[string]any{}
	for name, value := range tags {
		if !drop(name, value) {
			kept[name] = value
		}
	}
	return kept
}

// namedTag finds a tag by its name, in any case.
func namedTag(tags map[string]any, wanted string) (any, bool) {
	for name, value := range tags {
		if strings.EqualFold(name, wanted) {
			return value, true
		}
	}
	return nil, false
}

// tagged finds the resource whose tags the path names, if the principal has the right.
func (c *call) tagged(verb string) (*azure.Document, error) {
	t, err := c.target()
	if err != nil {
		return nil, err
	}
	scope, below := t.id.Parent()
	if !below || azure.Fold(t.id.Name()) != "default" || azure.Hidden(scope) || scope.Key() == "/" {
		return nil, errNoRoute.with(c.path)
	}
	if err := c.checkSubscription(scope); err != nil {
		return nil, err
	}
	if err := c.authorize("Microsoft.Resources/tags/"+verb, scope); err != nil {
		return nil, err
	}
	d, found := c.state.Get(scope.Key())
	if !found {
		return nil, c.missing(scope, c.kindOf(scope.Type()))
	}
	return d, nil
}

func (c *call) readTags() (answer, error) {
	d, err := c.tagged("read")
	if err != nil {
		return answer{}, err
	}
	return ok(tagsBody(d)), nil
}

func tagsBody(d *azure.Document) map[string]any {
	id, _ := d.ID.Extension("Microsoft.Resources/tags", "default")
	tags := tagsOf(d)
	if tags == nil {
		tags = map[string]any{}
	}
	return map[string]any{"id": id.String(), "name": "default", "type": "Microsoft.Resources/tags", "properties": map[string]any{"tags": tags}}
}

// changeTags changes the tags of a resource, and nothing else of it.
func (c *call) changeTags(verb string, change retag) (answer, error) {
	if _, err := c.tagged(verb); err != nil {
		return answer{}, err
	}
	given, err := c.optionalObject()
	if err == nil {
		err = spellTags(given)
	}
	if err != nil {
		return answer{}, err
	}
	if change == nil {
		operation := textAt(given, "operation")
		if change = retags[azure.Fold(operation)]; change == nil {
			return answer{}, errTagOperation.about("operation", operation)
		}
	}
	c.Writing.Lock()
	defer c.Writing.Unlock()
	c.state = c.Backend.State()
	d, err := c.tagged(verb) // again, as it is now
	if err == nil {
		err = c.checkLocks("write", d.ID)
	}
	if err != nil {
		return answer{}, err
	}
	tags, err := givenTags(given)
	if err != nil {
		return answer{}, err
	}
	return c.retag(d, change(tagsOf(d), tags))
}

var tagsMembers = foldedNames("properties", "operation", "tags")

// spellTags takes names in any case, since tags that go unnoticed would be tags taken away.
func spellTags(given map[string]any) error {
	if err := spellObject(given, tagsMembers, ""); err != nil {
		return err
	}
	properties, _ := given["properties"].(map[string]any)
	return spellObject(properties, tagsMembers, "properties")
}

func givenTags(given map[string]any) (map[string]any, error) {
	value, found := lookUp(given, "properties.tags")
	tags, isObject := value.(map[string]any)
	if found && !isObject && value != nil {
		return nil, errContent.about("properties.tags", "'tags' is not an object")
	}
	return tags, spellObject(tags, nil, "properties.tags")
}

func (c *call) retag(d *azure.Document, tags map[string]any) (answer, error) {
	after := d.Clone()
	after.Body["tags"] = tags
	azure.DropNulls(after.Body)
	if err := checkTags(after.Body); err != nil {
		return answer{}, err
	}
	c.stamp(after.Body, d)
	if err := c.commit(azure.Change{Put: []azure.Document{after}}); err != nil {
		return answer{}, err
	}
	return ok(tagsBody(&after)), nil
}

// listTagNames tells which tags there are in a subscription, on what the principal may read, and how often.
func listTagNames(c *call) (answer, error) {
	if _, err := c.authorizeSubscription("Microsoft.Resources/subscriptions/tagNames/read"); err != nil {
		return answer{}, err
	}
	subscription := "/subscriptions/" + c.segment(1)
	counts := map[string]map[string]int{}
	for d := range c.state.Walk(subscription, "") {
		for name, value := range tagsOf(d) {
			if text, isText := value.(string); isText {
				if counts[name] == nil {
					counts[name] = map[string]int{}
				}
				counts[name][text]++
			}
		}
	}
	var items []any
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		items = append(items, tagName(subscription+"/tagNames/"+name, name, counts[name]))
	}
	return list(items), nil
}

func tagName(id, name string, counts map[string]int) map[string]any {
	values, total := []any{}, 0
	for _, value := range slices.Sorted(maps.Keys(counts)) {
		values = append(values, map[string]any{
			"id": id + "/tagValues/" + value, "tagValue": value, "count": tagCount(counts[value]),
		})
		total += counts[value]
	}
	return map[string]any{"id": id, "tagName": name, "count": tagCount(total), "values": values}
}

func tagCount(n int) map[string]any { return map[string]any{"type": "Total", "value": n} }
