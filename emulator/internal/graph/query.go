package graph

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The sizes of pages: without $top, and at most.
const (
	pageSize = 100
	maxPage  = 999
)

// supported are the query options that are understood, with those that may be ignored.
var supported = map[string]bool{
	"select": true, "filter": true, "top": true, "skiptoken": true, "count": true, "orderby": true, "expand": true, "format": true,
}

// unsupported are those of OData that would narrow an answer if they were understood, and mean so also without their mark.
var unsupported = map[string]bool{"search": true, "skip": true, "apply": true, "compute": true, "deltatoken": true}

// optionName is the name of a query option as Graph compares it: in any case, with $ and without.
func optionName(given string) string { return strings.ToLower(strings.TrimPrefix(given, "$")) }

// checkQuery refuses query options that would narrow an answer if they were understood, and those that are given twice.
func (c *call) checkQuery() error {
	seen := map[string]bool{}
	for given, values := range c.r.URL.Query() {
		name := optionName(given)
		switch {
		case unsupported[name], strings.HasPrefix(given, "$") && !supported[name]:
			return errQuery.with(given, "leave it out")
		case supported[name] && (seen[name] || len(values) > 1):
			return errQuery.with(given, "give it once")
		}
		seen[name] = true
	}
	return nil
}

// query returns an option of the query, such as $filter.
func (c *call) query(name string) string {
	for given, values := range c.r.URL.Query() {
		if optionName(given) == optionName(name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// checkName refuses a property that none of the kinds has.
func checkName(kinds []*kind) func(string) error {
	return func(name string) error {
		if slices.ContainsFunc(kinds, func(k *kind) bool { return k.has(name) }) {
			return nil
		}
		typeName := "directoryObject"
		if len(kinds) == 1 {
			typeName = kinds[0].name
		}
		return errName.with(name, typeName)
	}
}

// selected reads $select; nil selects what is shown without it.
func (c *call) selected(kinds []*kind) ([]string, error) {
	var names []string
	for _, name := range strings.Split(c.query("$select"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if err := checkName(kinds)(name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// listing is a list on its way to the client.
type listing struct {
	objects []object
	kinds   []*kind // of which the objects may be
	mixed   bool    // each object says its kind
	context string  // the fragment of @odata.context
}

// list narrows, orders and pages a list, and renders it.
func (c *call) list(l listing) (answer, error) {
	if err := c.checkQuery(); err != nil {
		return answer{}, err
	}
	found, err := c.narrow(l)
	if err != nil {
		return answer{}, err
	}
	if err := c.order(found, l.kinds); err != nil {
		return answer{}, err
	}
	selected, err := c.selected(l.kinds)
	if err != nil {
		return answer{}, err
	}
	page, next, err := c.page(found)
	if err != nil {
		return answer{}, err
	}
	items := make([]any, 0, len(page))
	for _, o := range page {
		item := c.directory.show(o, selected)
		if l.mixed {
			item = c.directory.showAmong(o, selected)
		}
		if err := c.expand(o, item); err != nil {
			return answer{}, err
		}
		items = append(items, item)
	}
	body := map[string]any{"@odata.context": c.base() + "/$metadata#" + l.context, "value": items}
	if strings.EqualFold(c.query("$count"), "true") {
		body["@odata.count"] = len(found)
	}
	if next != "" {
		body["@odata.nextLink"] = next
	}
	return answer{status: http.StatusOK, body: body}, nil
}

// narrow keeps the objects that fit $filter.
func (c *call) narrow(l listing) ([]object, error) {
	text := c.query("$filter")
	if text == "" {
		return l.objects, nil
	}
	holds, err := parseFilter(text, checkName(l.kinds))
	if err != nil {
		return nil, err
	}
	var found []object
	for _, o := range l.objects {
		if holds(func(path string) any {
			name, rest, _ := strings.Cut(path, "/")
			return below(c.directory.member(o, name), rest)
		}) {
			found = append(found, o)
		}
	}
	return found, nil
}

// order sorts by one property, if $orderby names one.
func (c *call) order(objects []object, kinds []*kind) error {
	name, direction, _ := strings.Cut(strings.TrimSpace(c.query("$orderby")), " ")
	if name == "" {
		return nil
	}
	if err := checkName(kinds)(name); err != nil {
		return err
	}
	sign := map[string]int{"": 1, "asc": 1, "desc": -1}[strings.ToLower(strings.TrimSpace(direction))]
	if sign == 0 {
		return errQuery.with("$orderby", "give one property, and asc or desc")
	}
	slices.SortStableFunc(objects, func(a, b object) int {
		first, _ := c.directory.member(a, name).(string)
		second, _ := c.directory.member(b, name).(string)
		return sign * strings.Compare(strings.ToLower(first), strings.ToLower(second))
	})
	return nil
}

// page returns the objects of the page that is asked for, and the link to the next one.
func (c *call) page(objects []object) (page []object, next string, err error) {
	size, from := pageSize, 0
	if top := c.query("$top"); top != "" {
		if size, err = strconv.Atoi(top); err != nil || size < 1 || size > maxPage {
			return nil, "", errQuery.with("$top", fmt.Sprintf("a page has 1 to %d objects", maxPage))
		}
	}
	if token := c.query("$skiptoken"); token != "" {
		text, _ := base64.RawURLEncoding.DecodeString(token)
		if from, err = strconv.Atoi(string(text)); err != nil || from < 0 {
			return nil, "", errQuery.with("$skiptoken", "take it from @odata.nextLink as it is")
		}
	}
	from = min(from, len(objects))
	to := min(from+size, len(objects))
	if to < len(objects) {
		next = c.link(to)
	}
	return objects[from:to], next, nil
}

// link is this request again, from another object on.
func (c *call) link(from int) string {
	query := url.Values{}
	for name, values := range c.r.URL.Query() {
		if optionName(name) != "skiptoken" {
			query[name] = values
		}
	}
	query.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(from))))
	return strings.TrimSuffix(c.base(), "/"+c.version) + c.r.URL.EscapedPath() + "?" + query.Encode()
}

// expand adds the relations that $expand names to what is shown of an object.
func (c *call) expand(o object, body map[string]any) error {
	for _, name := range strings.Split(c.query("$expand"), ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		relation, found := relations[strings.ToLower(name)]
		if !found || o.kind.relations[name] == nil {
			return errName.with(name, o.kind.name)
		}
		items := []any{}
		for _, other := range relation.find(c.directory, o) {
			items = append(items, c.directory.showAmong(other, nil))
		}
		body[name] = items
	}
	return nil
}
