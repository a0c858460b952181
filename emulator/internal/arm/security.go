package arm

import (
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Microsoft.Security: the plans of Defender for Cloud, and what it found. Plans are a client's to set; findings are made by
// the service alone.

// securityPlans are the plans that a subscription has, all of them free until it pays for one (az security pricing list).
var securityPlans = []string{
	"VirtualMachines", "SqlServers", "AppServices", "StorageAccounts", "SqlServerVirtualMachines", "KubernetesService",
	"ContainerRegistry", "KeyVaults", "Dns", "Arm", "OpenSourceRelationalDatabases", "CosmosDbs", "Containers", "CloudPosture", "Api", "AI",
}

const (
	tierFree     = "Free"
	tierStandard = "Standard"
)

// The refusals of Microsoft.Security.
var (
	errPlan     = refusal{400, "InvalidPricingName", "There is no plan '%.80s'. The plans are %s."}
	errPlanTier = refusal{400, "InvalidPricingTier", "The pricing tier '%.60s' is not one of Free, Standard."}
	errPlanAt   = refusal{400, "InvalidScope", "A plan is of a subscription, and not of '%s'."}
)

// securityKinds are those of Microsoft.Security. Sub-assessments have two lists: that of an assessment, and that of a scope.
func securityKinds() []kind {
	return []kind{
		{
			name: azure.TypePricing, methods: []string{http.MethodGet, http.MethodHead, http.MethodPut}, created: http.StatusOK,
			readOnly: []string{"properties.freeTrialRemainingTime", "properties.deprecated", "properties.enablementTime"},
			check:    checkPlan, find: findPlan, list: listPlans,
		},
		{name: azure.TypeAssessment, methods: readingOnly},
		{name: azure.TypeSubAssessment, methods: readingOnly},
		{name: "Microsoft.Security/subAssessments", methods: readingOnly, list: listFindings},
	}
}

// planName returns a plan's name in Azure's spelling.
func planName(name string) (string, bool) {
	for _, known := range securityPlans {
		if strings.EqualFold(known, name) {
			return known, true
		}
	}
	return "", false
}

func checkPlan(w *write) error {
	if parent, _ := w.id.Parent(); !parent.Is(azure.TypeSubscription) {
		return errPlanAt.with(parent)
	}
	if _, known := planName(w.id.Name()); !known {
		return errPlan.about("name", w.id.Name(), strings.Join(securityPlans, ", "))
	}
	tier := textAt(w.body, "properties.pricingTier")
	if !strings.EqualFold(tier, tierFree) && !strings.EqualFold(tier, tierStandard) {
		return errPlanTier.about("properties.pricingTier", tier)
	}
	setAt(w.body, "properties.pricingTier", strings.ToUpper(tier[:1])+strings.ToLower(tier[1:]))
	setAt(w.body, "properties.freeTrialRemainingTime", "P0D")
	return nil
}

// findPlan is a plan that nobody has set.
func findPlan(_ *call, id azure.ResourceID) (*azure.Document, bool) {
	name, known := planName(id.Name())
	parent, _ := id.Parent()
	if !known || !parent.Is(azure.TypeSubscription) {
		return nil, false
	}
	return &azure.Document{ID: id, Body: map[string]any{
		"id": parent.String() + "/providers/" + azure.TypePricing + "/" + name, "name": name, "type": azure.TypePricing,
		"properties": map[string]any{"pricingTier": tierFree, "freeTrialRemainingTime": "P30D"},
	}}, true
}

func listPlans(c *call, t target) ([]*azure.Document, error) {
	var all []*azure.Document
	for _, name := range securityPlans {
		id, err := azure.ParseResourceID(t.scope.String() + "/providers/" + azure.TypePricing + "/" + name)
		if err != nil {
			return nil, refusePath(err)
		}
		if d, found := c.find(id, c.kindOf(azure.TypePricing)); found {
			all = append(all, d)
		}
	}
	return all, nil
}

// listFindings are the sub-assessments of all assessments at a scope and below it.
func listFindings(c *call, t target) ([]*azure.Document, error) {
	return c.state.Children(t.scope.Key(), azure.TypeSubAssessment), nil
}
