package arm_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// attempt is something that a principal might try.
type attempt struct{ method, path string }

var routeNames = strings.NewReplacer(
	"{subscription}", azure.DevelopmentSubscription, "{group}", "rg", "{registry}", "first", "{name}", "one",
	"{namespace}", "microsoft.network", "{location}", "westeurope",
)

// attempts are every route, and every method and action of every type that has a row; and one that has none.
func attempts() (all []attempt) {
	for _, route := range arm.Routes() {
		all = append(all, attempt{route[0], routeNames.Replace(route[1])})
	}
	rows := arm.Kinds()
	rows["Contoso.Things/things"] = nil
	for name, actions := range rows {
		id := sample(name)
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE"} {
			all = append(all, attempt{method, id})
		}
		if above, _, found := strings.Cut(id, "/"+strings.Split(id, "/")[strings.Count(id, "/")]); found {
			all = append(all, attempt{"GET", above})
		}
		for _, action := range actions {
			all = append(all, attempt{"POST", id + "/" + action})
		}
	}
	return slices.DeleteFunc(all, func(a attempt) bool { return strings.Contains(a.path, "{operation}") }) // of whose the operations are: TestOperations
}

// sample is the ID of a resource of a type, where resources of the type stand.
func sample(name string) string {
	namespace, rest, _ := strings.Cut(name, "/")
	id := group + "/providers/" + namespace
	switch {
	case name == azure.TypeTenant || name == azure.TypeSubscription:
		return subscription
	case name == azure.TypeResourceGroup:
		return group
	case namespace == "Microsoft.Management":
		id = "/providers/" + namespace
	case name == "Microsoft.Resources/tags":
		return id + "/tags/default"
	}
	for _, segment := range strings.Split(rest, "/") {
		id += "/" + segment + "/first"
	}
	return id
}

// open are what everybody may do who is in the tenant: it tells and changes nothing of anybody's.
var open = []attempt{
	{"GET", "/tenants"},
	{"GET", "/subscriptions"}, // those in which one has a role
	{"GET", subscription + "/resources"},
	{"GET", subscription + "/resourcegroups/rg/resources"},  // those that one may read (az-cli §5, L1)
	{"POST", "/providers/microsoft.management/getentities"}, // likewise
	{"POST", "/providers/microsoft.management/checknameavailability"},
	{"POST", "/providers/microsoft.resources/checkresourcename"},
	{"POST", "/providers/microsoft.resources/calculatetemplatehash"},
	{"GET", "/providers"},
	{"GET", "/providers/microsoft.network"},
	{"GET", "/providers/microsoft.containerregistry/operations"},
	{"GET", "/providers/microsoft.authorization/provideroperations"},
	{"GET", "/providers/microsoft.authorization/provideroperations/microsoft.network"},
	{"PUT", "/providers/Microsoft.Management/managementGroups/first"},   // a new one, below the root group, as in Azure
	{"PATCH", "/providers/Microsoft.Management/managementGroups/first"}, // of which there is none: 404
	{"GET", group + "/providers/Microsoft.Resources/tags"},              // there is no such list
}

func isOpen(a attempt) bool {
	return slices.ContainsFunc(open, func(o attempt) bool { return o.method == a.method && strings.EqualFold(o.path, a.path) })
}

// reads reports whether a POST takes a right to read only.
func reads(a attempt) bool {
	return a.path == subscription+"/providers/microsoft.containerregistry/checknameavailability"
}

// refused reports whether an answer refuses: for lack of a right, or since the type has no such method.
func refused(status int) bool {
	return status == http.StatusForbidden || status == http.StatusMethodNotAllowed
}

// TestStrangers: without a role for it nobody gets an answer from any route, type or action, and nothing changes: neither
// one without any role, nor one who may pull, nor one who may read, nor the owner of another subscription.
func TestStrangers(t *testing.T) {
	b := fixture(t)
	handler, before := newServer(b), b.revision
	try := func(who string, a attempt) {
		t.Helper()
		got := send(handler, newRequest(who, a.method, a.path, `{"location": "westeurope", "properties": {}}`))
		if !refused(got.Code) {
			t.Errorf("%s: %s %s: %d %s", who, a.method, a.path, got.Code, got.Body)
		}
	}
	for _, a := range attempts() {
		if isOpen(a) {
			continue
		}
		try("nobody", a)
		try("puller", a)
		if a.method != http.MethodGet && a.method != http.MethodHead && !reads(a) {
			try("reader", a)
		}
		if elsewhere := strings.Replace(a.path, subscription, victim, 1); elsewhere != a.path {
			try("owner", attempt{a.method, elsewhere})
		}
	}
	if b.revision != before {
		t.Errorf("%d changes were made", b.revision-before)
	}
}
