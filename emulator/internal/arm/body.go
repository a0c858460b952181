package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// object reads the body: one JSON object.
func (c *call) object() (map[string]any, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	return parseObject(data)
}

// optionalObject reads the body of a call that may go without one.
func (c *call) optionalObject() (map[string]any, error) {
	data, err := c.body()
	if err != nil || len(data) == 0 {
		return map[string]any{}, err
	}
	return parseObject(data)
}

// body reads the bytes of the body, which must be said to be JSON, if anything is said of them.
func (c *call) body() ([]byte, error) {
	data, err := io.ReadAll(c.r.Body)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	if given := c.r.Header.Get("Content-Type"); given != "" && !isJSON(given) {
		return nil, errMediaType.with(given)
	}
	return data, nil
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json"))
}

// parseObject decodes one JSON object, not nested deeper than maxDepth, in which no member is there twice: of two, one
// would silently not count.
func parseObject(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errContent.with("the body is not text in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	value, err := decode(d, 0)
	if err == nil {
		err = checkEnd(d)
	}
	if err != nil {
		return nil, errContent.with(err)
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		return nil, errContent.with("the body is not a JSON object")
	}
	return object, nil
}

func checkEnd(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON object")
	}
	return nil
}

// decode reads one value.
func decode(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("unexpected end of JSON input")
	}
	delim, isDelim := token.(json.Delim)
	switch {
	case err != nil || !isDelim:
		return token, err
	case depth >= maxDepth:
		return nil, fmt.Errorf("the body is nested deeper than %d levels", maxDepth)
	case delim == '{':
		return decodeObject(d, depth+1)
	}
	return decodeList(d, depth+1)
}

func decodeObject(d *json.Decoder, depth int) (map[string]any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // as the decoder checks
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("the member %.80q is there twice", name)
		}
		if object[name], err = decode(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

func decodeList(d *json.Decoder, depth int) ([]any, error) {
	list := []any{}
	for d.More() {
		item, err := decode(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := d.Token()
	return list, err
}

// members are those of every resource, and those of some of them, in Azure's spelling.
var (
	members = foldedNames("id", "name", "type", "location", "tags", "sku", "identity", "properties", "kind", "plan", "zones",
		"managedBy", "extendedLocation", "etag", "systemData")
	identityMembers = foldedNames("type", "userAssignedIdentities", "principalId", "tenantId")
	skuMembers      = foldedNames("name", "tier", "family", "size", "capacity")
)

func foldedNames(names ...string) map[string]string {
	folded := map[string]string{}
	for _, name := range names {
		folded[azure.Fold(name)] = name
	}
	return folded
}

// spell gives what a client sends the names that Azure's members have; ARM takes them in any case. A member that is there
// in two spellings is refused, and so is a tag or an identity, of which ARM compares the names without case too.
func (c *call) spell(id azure.ResourceID, k kind, body map[string]any) error {
	err := spellObject(body, members, "")
	for _, one := range []struct {
		path  string
		names map[string]string
	}{{"identity", identityMembers}, {"sku", skuMembers}, {"tags", nil}, {"identity.userAssignedIdentities", nil}} {
		value, _ := lookUp(body, one.path)
		if object, isObject := value.(map[string]any); isObject && err == nil {
			err = spellObject(object, one.names, one.path)
		}
	}
	if err == nil {
		err = c.Spell(id.Type(), body)
	}
	if err == nil && k.spell != nil {
		err = k.spell(id, body)
	}
	return err
}

// spellObject renames the members of one object; without names it only looks for those that are the same.
func spellObject(object map[string]any, names map[string]string, path string) error {
	seen := make(map[string]string, len(object))
	for _, given := range slices.Sorted(maps.Keys(object)) {
		folded := azure.Fold(given)
		name, known := names[folded]
		if other, twice := seen[folded]; twice && (known || names == nil) {
			return errContent.about(path, fmt.Sprintf("the members %.80q and %.80q are the same", other, given))
		}
		if seen[folded] = given; known && name != given {
			object[name] = object[given]
			delete(object, given)
		}
	}
	return nil
}
