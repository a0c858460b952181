package template

import (
	"errors"
	"fmt"
	"strings"
)

// resourceFunctions are those that ask for resources. They work only in bodies and outputs.
func resourceFunctions() map[string]function {
	return map[string]function{
		"reference":  {min: 1, max: 3, call: reference},
		"references": {min: 1, max: 2, call: references},
		"providers":  {min: 1, max: 2, call: providers},
		"pickzones":  {min: 3, max: 5, call: pickZones},
	}
}

var errRuntime = errors.New("the function is not expected at this location: it depends on deployed resources, and is available " +
	"only in properties of resources and in outputs")

func (e evaluator) get(id, apiVersion string) (map[string]any, error) {
	if !e.runtime || e.d.env.Host == nil {
		return nil, errRuntime
	}
	if err := e.d.meter.spend(nodeSize); err != nil {
		return nil, err
	}
	body, err := e.d.env.Host.Get(e.d.meter.ctx, id, apiVersion)
	if err != nil {
		return nil, err
	}
	return Integral(body).(map[string]any), nil
}

// reference is reference(symbol, name or ID, [apiVersion], ['Full']).
func reference(e evaluator, args []any) (any, error) {
	given, err := texts(args)
	if err != nil {
		return nil, err
	}
	apiVersion, full := "", false
	for _, option := range given[1:] {
		if strings.EqualFold(option, "Full") {
			full = true
		} else {
			apiVersion = option
		}
	}
	id, apiVersion, err := e.locate(given[0], apiVersion)
	if err != nil {
		return nil, err
	}
	body, err := e.get(id, apiVersion)
	if err != nil {
		return nil, err
	}
	return shown(body, id, apiVersion, full), nil
}

// shown is what reference() shows of a resource: its properties, or in full the rest too.
func shown(body map[string]any, id, apiVersion string, full bool) any {
	if !full {
		if properties, found := body["properties"]; found {
			return properties
		}
		return map[string]any{}
	}
	subscription, group := cutScope(id)
	return mergeDeep(body, map[string]any{
		"apiVersion": apiVersion, "resourceId": id, "subscriptionId": subscription, "resourceGroupName": group,
		"scope": "", "condition": true, "isConditionTrue": true, "isTemplateResource": true, "isAction": false,
		"provisioningOperation": "Read",
	})
}

// locate finds what an argument means: a resource of the template by its symbolic name, name or ID, or another one by
// its ID.
func (e evaluator) locate(text, apiVersion string) (id, version string, err error) {
	if !e.runtime {
		return "", "", errRuntime
	}
	if found, _ := e.d.find(text); len(found) > 0 {
		if apiVersion == "" {
			apiVersion = found[0].APIVersion
		}
		return found[0].ID, apiVersion, nil
	}
	switch {
	case !strings.HasPrefix(text, "/"):
		return "", "", fmt.Errorf("the resource '%s' is not defined in the template. Please see https://aka.ms/arm-syntax-resources for usage details", shorten(text))
	case apiVersion == "":
		return "", "", fmt.Errorf("the resource '%s' is not defined in the template, so that an api version is required", shorten(text))
	}
	return text, apiVersion, nil
}

// references shows all resources of a copy.
func references(e evaluator, args []any) (any, error) {
	given, err := texts(args)
	if err != nil {
		return nil, err
	}
	found, known := e.d.find(given[0])
	if !known {
		return nil, fmt.Errorf("the resource '%s' is not defined in the template", shorten(given[0]))
	}
	full := len(given) == 2 && strings.EqualFold(given[1], "Full")
	list := make([]any, 0, len(found))
	for _, r := range found {
		body, err := e.get(r.ID, r.APIVersion)
		if err != nil {
			return nil, err
		}
		list = append(list, shown(body, r.ID, r.APIVersion, full))
	}
	return list, nil
}

// listFunction is any function whose name begins with list: an action of a resource, done as who deploys.
func listFunction(name string) function {
	return function{min: 1, max: 3, call: func(e evaluator, args []any) (any, error) {
		resource, err := as[string](args, 0)
		if err != nil {
			return nil, err
		}
		apiVersion, err := optional(args, 1, "")
		if err != nil {
			return nil, err
		}
		given, err := optional[map[string]any](args, 2, nil)
		if err != nil {
			return nil, err
		}
		id, apiVersion, err := e.locate(resource, apiVersion)
		if err != nil {
			return nil, err
		}
		if e.d.env.Host == nil {
			return nil, errRuntime
		}
		answer, err := e.d.env.Host.Post(e.d.meter.ctx, id, name, apiVersion, given)
		return Integral(answer), err
	}}
}

// providers shows a resource provider, or one of its types.
func providers(e evaluator, args []any) (any, error) {
	given, err := texts(args)
	if err != nil {
		return nil, err
	}
	subscription, _ := cutScope(e.d.env.Scope)
	outer := e
	outer.runtime = true // providers are there before anything is deployed
	body, err := outer.get("/subscriptions/"+subscription+"/providers/"+given[0], "2021-04-01")
	if err != nil || len(given) == 1 {
		return body, err
	}
	types, _ := body["resourceTypes"].([]any)
	for _, item := range types {
		object, _ := item.(map[string]any)
		if name, _ := object["resourceType"].(string); strings.EqualFold(name, given[1]) {
			return object, nil
		}
	}
	return map[string]any{"resourceType": given[1], "locations": []any{}, "apiVersions": []any{}}, nil
}

// zones are the availability zones that pickZones picks from; every region counts as having three.
var zones = []any{"1", "2", "3"}

// pickZones is pickZones(namespace, type, location, [count], [offset]).
func pickZones(_ evaluator, args []any) (any, error) {
	if _, err := texts(args[:3]); err != nil {
		return nil, err
	}
	count, err := optional(args, 3, int64(1))
	if err != nil {
		return nil, err
	}
	from, err := optional(args, 4, int64(0))
	switch {
	case err != nil:
		return nil, err
	case count < 1 || count > int64(len(zones)) || from < 0 || from > int64(len(zones))-count:
		return nil, fmt.Errorf("there are '%d' zones", len(zones))
	}
	return zones[from : from+count], nil
}
