package arm

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// resourcesKinds are those of Microsoft.Resources, which hold everything else.
func resourcesKinds() []kind {
	return []kind{
		{name: azure.TypeSubscription, methods: readingOnly},
		{name: azure.TypeTenant, methods: readingOnly},
		{name: azure.TypeResourceGroup, located: true, instant: true, readOnly: []string{"properties"}, fields: groupFields, check: checkResourceGroupName},
		tagsKind(),
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

// maxResourceGroupName bounds the name of a resource group, in characters (Azure's "Naming rules and restrictions").
const maxResourceGroupName = 90

// checkResourceGroupName refuses names that no resource group can have. Letters of all scripts are letters.
func checkResourceGroupName(w *write) error {
	name := w.id.Name()
	strange := strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._()", r)
	})
	switch {
	case w.old != nil:
		return nil
	case strange >= 0:
		return errResourceGroupName.with(name, "only letters, digits and -._() may be in it")
	case strings.HasSuffix(name, "."):
		return errResourceGroupName.with(name, "it must not end in a period")
	case utf8.RuneCountInString(name) > maxResourceGroupName:
		return errResourceGroupName.with(name, "it must not be longer than 90 characters")
	}
	return nil
}
