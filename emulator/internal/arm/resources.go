package arm

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// resourcesKinds are those of Microsoft.Resources, which hold everything else.
func resourcesKinds() []kind {
	return []kind{
		{name: azure.TypeSubscription, methods: readingOnly},
		{name: azure.TypeTenant, methods: readingOnly},
		{name: azure.TypeResourceGroup, located: true, instant: true, readOnly: []string{"properties"}, fields: groupFields},
		lockKind(), tagsKind(),
	}
}

// resourcesRoutes are the lists and actions of tenants, subscriptions, groups and providers.
func resourcesRoutes() []route {
	return []route{
		{"GET", "/tenants", listTenants},
		{"GET", "/subscriptions", listSubscriptions},
		{"GET", "/subscriptions/{subscription}", getSubscription},
		{"GET", "/subscriptions/{subscription}/locations", listLocations},
		{"GET", "/subscriptions/{subscription}/resources", listResources},
		{"GET", "/subscriptions/{subscription}/resourcegroups", listCollection},
		{"GET", "/subscriptions/{subscription}/resourcegroups/{group}/resources", listResources},
		{"GET", "/subscriptions/{subscription}/providers/microsoft.insights/eventtypes/management/values", listEvents},
		{"GET", "/subscriptions/{subscription}/tagnames", listTagNames},
	}
}
