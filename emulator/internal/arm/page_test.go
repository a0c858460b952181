package arm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// many is a subscription with n boxes in two groups; every tenth box is red.
func many(t testing.TB, n int) *backend {
	t.Helper()
	b := fixture(t)
	change := azure.Change{Put: []azure.Document{put(subscription+"/resourceGroups/rg2", map[string]any{"location": "westeurope"})}}
	for i := range n {
		id := fmt.Sprintf("%s/resourceGroups/rg%s/providers/Contoso.Things/boxes/box%05d", subscription, []string{"", "2"}[i%2], i)
		body := map[string]any{
			"id": id, "name": fmt.Sprintf("box%05d", i), "type": "Contoso.Things/boxes", "location": "westeurope", "tags": map[string]any{},
		}
		if i%10 == 0 {
			body["tags"] = map[string]any{"Colour": "red"}
		}
		change.Put = append(change.Put, put(id, body))
	}
	if _, err := b.Apply(context.Background(), change); err != nil {
		t.Fatal(err)
	}
	return b
}

type listed struct {
	Value    []struct{ ID, Name string }
	NextLink string
}

// pages follows the links from a first address, and returns the names in all pages and how many pages there were.
func pages(t testing.TB, handler http.Handler, who, path string) (names []string, count int) {
	t.Helper()
	for path != "" {
		got := send(handler, newRequest(who, "GET", path, ""))
		var one listed
		if err := json.Unmarshal(got.Body.Bytes(), &one); err != nil || got.Code != 200 {
			t.Fatalf("%s: %d %s", path, got.Code, got.Body)
		}
		for _, item := range one.Value {
			names = append(names, item.Name)
		}
		next, err := url.Parse(one.NextLink)
		if err != nil || one.NextLink != "" && (next.Scheme != "https" || next.Host != "management.azure.com") {
			t.Fatalf("nextLink %q: %v", one.NextLink, err)
		}
		if path, count = "", count+1; one.NextLink != "" {
			path = next.RequestURI()
		}
	}
	return names, count
}

// TestPages: 10,000 resources come once each, in the same order, whatever the size of the page and the filter.
func TestPages(t *testing.T) {
	const n = 10_000
	handler := newServer(many(t, n))
	boxes := subscription + "/providers/Contoso.Things/boxes"
	for _, row := range []struct {
		path         string
		items, pages int
	}{
		{subscription + "/resources", n + 3, 11},
		{subscription + "/resources?$top=5000", n + 3, 11}, // no page is longer than a thousand
		{subscription + "/resources?$filter=resourceType eq 'contoso.things/boxes'&$top=500", n, 20},
		{subscription + "/resources?$filter=tagName eq 'colour' and tagValue eq 'red'", n / 10, 1},
		{subscription + "/resources?$filter=tagName eq 'colour' and tagValue eq 'red'&$top=300", n / 10, 4},
		{subscription + "/resources?$filter=substringof('BOX0000', name)&$top=3", 10, 4},
		{group + "/resources?$filter=startswith(tagName, 'col')&$top=999", n / 10, 2},
		{boxes, n, 10},
		{group + "/providers/Contoso.Things/boxes?$top=700", n / 2, 8},
		{subscription + "/resourcegroups?$top=1", 2, 2},
		{subscription + "/resources?$filter=name eq 'nothing'", 0, 1},
	} {
		names, count := pages(t, handler, "owner", row.path)
		seen := map[string]bool{}
		for _, name := range names {
			seen[name] = true
		}
		if len(names) != row.items || len(seen) != row.items || count != row.pages {
			t.Errorf("%s: %d items, %d of them different, on %d pages; want %d on %d", row.path, len(names), len(seen), count, row.items, row.pages)
		}
	}
	once, _ := pages(t, handler, "owner", boxes+"?$top=1000")
	again, _ := pages(t, handler, "owner", boxes+"?$top=333")
	if strings.Join(once, " ") != strings.Join(again, " ") {
		t.Error("the order depends on the size of the page")
	}
}

// TestPagesOfOthers: paging shows nobody more than they may read.
func TestPagesOfOthers(t *testing.T) {
	handler := newServer(many(t, 100))
	if names, _ := pages(t, handler, "contributor", subscription+"/resources?$filter=resourceType eq 'Contoso.Things/boxes'&$top=7"); len(names) != 50 {
		t.Errorf("%d", len(names))
	}
	if names, _ := pages(t, handler, "nobody", subscription+"/resources?$top=7"); len(names) != 0 {
		t.Errorf("%v", names)
	}
}

// TestTokens: a token is good for its own list, whole.
func TestTokens(t *testing.T) {
	handler := newServer(many(t, 100))
	path := subscription + "/resources?$top=10&$filter=resourceType eq 'Contoso.Things/boxes'"
	var one listed
	_ = json.Unmarshal(send(handler, newRequest("owner", "GET", path, "")).Body.Bytes(), &one)
	next, _ := url.Parse(one.NextLink)
	token := next.Query().Get("$skipToken")
	for _, bad := range []string{
		path + "&$skipToken=" + token[:len(token)-3],
		path + "&$skipToken=A" + token[1:],
		path + "&$skipToken=%25%00",
		path + "&$skipToken=AAAA",
		subscription + "/resources?$skipToken=" + token,
		group + "/resources?$top=10&$filter=resourceType eq 'Contoso.Things/boxes'&$skipToken=" + token,
	} {
		if got := send(handler, newRequest("owner", "GET", bad, "")); got.Code != 400 || codeOf(t, got) != "InvalidSkipToken" {
			t.Errorf("%s: %d %s", bad, got.Code, got.Body)
		}
	}
	for _, top := range []string{"0", "-1", "x", "1e9", "99999999999999999999"} {
		if got := send(handler, newRequest("owner", "GET", subscription+"/resources?$top="+top, "")); got.Code != 400 || codeOf(t, got) != "InvalidTopInQueryString" {
			t.Errorf("%s: %d %s", top, got.Code, got.Body)
		}
	}
}
