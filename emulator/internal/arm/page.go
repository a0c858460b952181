package arm

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const (
	pageSize = 1000 // items of a list that says nothing else
	maxTop   = 1000 // the most that $top may ask for at once
)

// page is the part of a list that a call asks for.
type page struct {
	size  int
	after string // the key of the last document of the page before; empty for the first page
}

// page reads $top and $skipToken.
func (c *call) page(size int) (page, error) {
	p := page{size: cmp.Or(size, pageSize)}
	if top := c.query("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 {
			return page{}, errTop.with(top)
		}
		p.size = min(n, maxTop)
	}
	token := c.query("$skipToken")
	if token == "" {
		return p, nil
	}
	var valid bool
	if p.after, valid = c.readToken(token); !valid {
		return page{}, errSkipToken.with(token)
	}
	return p, nil
}

// A token is the key after which the next page begins, with a sum by which a token of another list, or half of one, is
// noticed. There is nothing secret in it: it holds what the page before showed.
const tokenSum = 8 // bytes

func (c *call) sum(after string) []byte {
	all := sha256.Sum256([]byte(azure.Fold(c.path) + "\x00" + c.query("$filter") + "\x00" + after))
	return all[:tokenSum]
}

func (c *call) token(after string) string {
	return base64.RawURLEncoding.EncodeToString(append(c.sum(after), after...))
}

func (c *call) readToken(token string) (after string, valid bool) {
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(data) <= tokenSum {
		return "", false
	}
	after = string(data[tokenSum:])
	return after, string(c.sum(after)) == string(data[:tokenSum])
}

// nextLink is where the next page is: the same question to the same host, with the token in it.
func (c *call) nextLink(after string) string {
	query := c.r.URL.Query()
	for name := range query {
		if strings.EqualFold(name, "$skipToken") {
			delete(query, name)
		}
	}
	query.Set("$skipToken", c.token(after))
	return origin(c.r) + (&url.URL{Path: c.path}).EscapedPath() + "?" + query.Encode()
}

// render makes the answer of one page of documents, which come in an order that stays the same, and begin after the page
// before. It looks one document further, so that no page is empty but the only one.
func (c *call) render(p page, documents iter.Seq[*azure.Document], item func(*azure.Document) any) answer {
	items, last := []any{}, ""
	for d := range documents {
		if len(items) == p.size {
			return ok(map[string]any{"value": items, "nextLink": c.nextLink(last)})
		}
		items, last = append(items, item(d)), d.ID.Key()
	}
	return list(items)
}

// only leaves out what does not fit.
func only(documents iter.Seq[*azure.Document], keep fits) iter.Seq[*azure.Document] {
	return func(yield func(*azure.Document) bool) {
		for d := range documents {
			if keep(d) && !yield(d) {
				return
			}
		}
	}
}

// sorted brings a list that a type makes itself into the order in which pages go on, and cuts off the pages before.
func sorted(documents []*azure.Document, after string) iter.Seq[*azure.Document] {
	byKey := func(a, b *azure.Document) int { return cmp.Compare(a.ID.Key(), b.ID.Key()) }
	if !slices.IsSortedFunc(documents, byKey) {
		documents = slices.SortedFunc(slices.Values(documents), byKey)
	}
	return slices.Values(azure.After(documents, after))
}
