//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

const (
	fewListed, manyListed = 2_500, 10_000
	listRuns              = 10

	// linearBar is how much dearer one resource may be among many than among few. Time that is linear gives 1, and
	// somewhat more where many do not fit the processor's caches; quadratic time gives 4.
	linearBar = 2.5
)

// lists are the ways to go through all resources of a subscription, to the end of their pages; one in ten is red.
var lists = []struct {
	name, query string
	wanted      int // of ten resources
}{
	{"list", "", 10},
	{"page by 100", "$top=100", 10},
	{"filter", "$filter=" + url.QueryEscape("tagName eq 'colour' and tagValue eq 'red'"), 1},
}

// writeResources writes a seed of a resource group and that many resources in it.
func writeResources(t testing.TB, n int) string {
	t.Helper()
	resources := []document{{"id": group, "type": "Microsoft.Resources/resourceGroups", "location": "westeurope"}}
	for i := range n {
		colour := "blue"
		if i%10 == 0 {
			colour = "red"
		}
		resources = append(resources, document{
			"id":   fmt.Sprintf("%s/providers/Microsoft.ContainerInstance/containerGroups/group%05d", group, i),
			"type": "Microsoft.ContainerInstance/containerGroups", "location": "westeurope", "tags": document{"colour": colour},
			"properties": document{"containers": []any{}},
		})
	}
	return writeDocuments(t, resources)
}

// measureLists measures what it costs, for each resource that there is, to go through all lists: among few resources, and
// among many.
func measureLists(t testing.TB, r *report) {
	t.Helper()
	few, many := listCosts(t, fewListed), listCosts(t, manyListed)
	for i, list := range lists {
		r.note(fmt.Sprintf("ARM: %s of %d, CPU for each", list.name, manyListed), many[i], "µs")
		r.atMost(linearBar, fmt.Sprintf("ARM: %s, that times among %d", list.name, fewListed), many[i]/few[i], "")
	}
}

// listCosts are the times in µs that each of the lists takes the emulator for each of n resources.
func listCosts(t testing.TB, n int) []float64 {
	t.Helper()
	e := emulate(t, t.TempDir(), "--config", writeResources(t, n))
	defer e.stop()
	c := newClient(e.url, "")
	token, err := e.entraToken(c, "https://management.azure.com")
	if err != nil {
		t.Fatal(err)
	}
	c.token = token
	var costs []float64
	for _, list := range lists {
		var runs []float64
		for range listRuns {
			before := e.cpu(t)
			if found := listAll(t, c, list.query); found != n*list.wanted/10 {
				t.Fatalf("%s: %d of %d resources, want %d in ten", list.name, found, n, list.wanted)
			}
			runs = append(runs, microseconds(e.cpu(t)-before)/float64(n))
		}
		costs = append(costs, slices.Min(runs)) // what else runs on the machine only adds
	}
	return costs
}

// listAll goes through all pages of a list of resources and counts what is in them.
func listAll(t testing.TB, c *client, query string) (found int) {
	t.Helper()
	next := c.url + subscription + "/resources?api-version=2021-04-01&" + query
	for next != "" {
		_, body, err := c.send(message{method: http.MethodGet, path: next, host: "management.azure.com"})
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Value    []json.RawMessage
			NextLink string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		found += len(page.Value)
		next = c.here(t, page.NextLink)
	}
	return found
}

// here is where the client finds what a link leads to; an empty link leads nowhere.
func (c *client) here(t testing.TB, link string) string {
	t.Helper()
	to, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if link == "" {
		return ""
	}
	return c.url + to.RequestURI()
}
