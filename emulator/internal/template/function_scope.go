package template

import (
	"errors"
	"fmt"
	"strings"
)

// scopeFunctions are those that tell where and by whom the template is deployed, and those that compose resource IDs.
func scopeFunctions() map[string]function {
	return map[string]function{
		"environment":               fixed(cloud()),
		"deployment":                here("deployment", func(e Environment) map[string]any { return e.Deployment }),
		"deployer":                  here("deployer", func(e Environment) map[string]any { return e.Deployer }),
		"tenant":                    here("tenant", func(e Environment) map[string]any { return e.Tenant }),
		"managementgroup":           here("managementGroup", func(e Environment) map[string]any { return e.ManagementGroup }),
		"subscription":              here("subscription", func(e Environment) map[string]any { return e.Subscription }),
		"resourcegroup":             here("resourceGroup", func(e Environment) map[string]any { return e.ResourceGroup }),
		"resourceid":                {min: 2, max: many, call: resourceID},
		"subscriptionresourceid":    {min: 2, max: many, call: subscriptionResourceID},
		"tenantresourceid":          {min: 2, max: many, call: tenantResourceID},
		"managementgroupresourceid": {min: 2, max: many, call: managementGroupResourceID},
		"extensionresourceid":       {min: 3, max: many, call: extensionResourceID},
	}
}

func here(name string, find func(Environment) map[string]any) function {
	return function{part: true, call: func(e evaluator, _ []any) (any, error) {
		if found := find(e.d.env); found != nil {
			return found, nil
		}
		return nil, fmt.Errorf("the function '%s' is not available at the scope '%s' of the deployment", name, e.d.env.Scope)
	}}
}

// joinNames composes NAMESPACE/TYPE/NAME[/TYPE/NAME…] of a type and as many names as it has parts.
func joinNames(resourceType string, names []string) (string, error) {
	parts := strings.Split(resourceType, "/")
	if len(parts) != len(names)+1 || parts[0] == "" {
		return "", fmt.Errorf("the resource type '%s' and the names '%s' do not fit: a type has one part more than there are names",
			shorten(resourceType), shorten(strings.Join(names, ", ")))
	}
	joined := parts[0]
	for i, name := range names {
		joined += "/" + parts[i+1] + "/" + name
	}
	return joined, nil
}

// splitType finds the resource type among the arguments: the first one, but for at most so many before it, that has a
// slash.
func splitType(args []any, before int) (ahead []string, resourceType string, names []string, err error) {
	all, err := texts(args)
	if err != nil {
		return nil, "", nil, err
	}
	for i := 0; i <= before && i < len(all); i++ {
		if strings.Contains(all[i], "/") && len(all)-i-1 == strings.Count(all[i], "/") {
			return all[:i], all[i], all[i+1:], nil
		}
	}
	return nil, "", nil, errors.New("a fully qualified resource type and as many names as it has parts are expected")
}

// idBelow composes the ID of a resource of the type in a scope.
func idBelow(scope, resourceType string, names []string) (any, error) {
	joined, err := joinNames(resourceType, names)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(resourceType, resourceGroups) && strings.HasPrefix(scope, "/subscriptions/") {
		return scope + "/resourceGroups/" + names[0], nil
	}
	return strings.TrimSuffix(scope, "/") + "/providers/" + joined, nil
}

// resourceGroups is the one type whose IDs have no provider.
const resourceGroups = "Microsoft.Resources/resourceGroups"

// resourceID is resourceId([subscription], [group], type, name…), at the scope of the deployment.
func resourceID(e evaluator, args []any) (any, error) {
	ahead, resourceType, names, err := splitType(args, 2)
	if err != nil {
		return nil, err
	}
	scope := e.d.env.Scope
	subscription, group := cutScope(scope)
	switch {
	case len(ahead) == 2:
		scope = "/subscriptions/" + ahead[0] + "/resourceGroups/" + ahead[1]
	case len(ahead) == 1 && group == "" && subscription != "":
		scope = "/subscriptions/" + ahead[0]
	case len(ahead) == 1:
		scope = "/subscriptions/" + subscription + "/resourceGroups/" + ahead[0]
	case subscription == "":
		scope = "/" // below a management group, resources are the tenant's
	}
	return idBelow(scope, resourceType, names)
}

// cutScope finds the subscription and resource group in the ID of a scope.
func cutScope(scope string) (subscription, group string) {
	parts := strings.Split(scope, "/")
	if len(parts) > 2 && strings.EqualFold(parts[1], "subscriptions") {
		subscription = parts[2]
	}
	if len(parts) > 4 && strings.EqualFold(parts[3], "resourceGroups") {
		group = parts[4]
	}
	return subscription, group
}

func subscriptionResourceID(e evaluator, args []any) (any, error) {
	ahead, resourceType, names, err := splitType(args, 1)
	if err != nil {
		return nil, err
	}
	subscription, _ := cutScope(e.d.env.Scope)
	if len(ahead) == 1 {
		subscription = ahead[0]
	}
	if subscription == "" {
		return nil, errors.New("the deployment is not in a subscription, which must be given")
	}
	return idBelow("/subscriptions/"+subscription, resourceType, names)
}

func tenantResourceID(_ evaluator, args []any) (any, error) {
	_, resourceType, names, err := splitType(args, 0)
	if err != nil {
		return nil, err
	}
	return idBelow("/", resourceType, names)
}

const managementGroups = "/providers/Microsoft.Management/managementGroups/"

func managementGroupResourceID(e evaluator, args []any) (any, error) {
	ahead, resourceType, names, err := splitType(args, 1)
	if err != nil {
		return nil, err
	}
	scope := e.d.env.Scope
	if len(ahead) == 1 {
		scope = managementGroups + ahead[0]
	}
	if !hasStart(scope, managementGroups) {
		return nil, errors.New("the deployment is not in a management group, which must be given")
	}
	return idBelow(scope, resourceType, names)
}

func extensionResourceID(_ evaluator, args []any) (any, error) {
	scope, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	_, resourceType, names, err := splitType(args[1:], 0)
	if err != nil {
		return nil, err
	}
	return idBelow(scope, resourceType, names)
}
