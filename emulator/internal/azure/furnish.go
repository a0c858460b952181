package azure

import (
	"fmt"
	"strings"
)

// furnishing is a member that Azure fills in when somebody makes a resource.
type furnishing struct {
	// path is the name of the member of properties.
	path string
	// fixed says that a client cannot choose the value.
	fixed bool
	value func(Document) any
}

// fixed and usual are furnishings that a client cannot choose, and that it can.
func fixed(path string, value func(Document) any) furnishing {
	return furnishing{path: path, fixed: true, value: value}
}

func usual(path string, value any) furnishing {
	return furnishing{path: path, value: func(Document) any { return cloneValue(value) }}
}

// always is a value that is the same for every document.
func always(value any) func(Document) any { return func(Document) any { return cloneValue(value) } }

// derivedFor is a value that follows from the resource's ID, and from what it is for.
func derivedFor(what string) func(Document) any {
	return func(d Document) any { return DerivedID(d.ID.Key() + "/" + what) }
}

// named is a text with the resource's folded name, its region, and a short text of letters and digits that nobody else has.
func named(format string) func(Document) any {
	return func(d Document) any {
		location, _ := d.Body["location"].(string)
		return strings.NewReplacer("{name}", Fold(d.ID.Name()), "{region}", Fold(location), "{mark}", DerivedID(d.ID.Key())[:8]).Replace(format)
	}
}

// outbound is the address on the internet that a resource outside all networks has.
func outbound(d Document) any { return derive(outsideOutbound, d.ID.Key(), 1).String() }

// furnishings are what Azure fills in, by folded type.
var furnishings = map[string][]furnishing{
	Fold(TypeVirtualMachine): {fixed("vmId", derivedFor("vmId"))},
	Fold(TypeScaleSet):       {fixed("uniqueId", derivedFor("uniqueId")), usual("orchestrationMode", "Uniform"), usual("overprovision", true)},
	Fold(TypeScaleSetInstance): {
		fixed("vmId", derivedFor("vmId")), fixed("latestModelApplied", always(true)),
	},
	Fold(TypeContainerGroup): {
		usual("osType", "Linux"), usual("restartPolicy", "Always"), usual("sku", "Standard"),
	},
	Fold(TypeWebSite): siteFurnishings,
	Fold(TypeWebSlot): siteFurnishings,
	Fold(TypeAppEnvironment): {
		fixed("defaultDomain", named("{name}-{mark}.{region}.azurecontainerapps.io")), fixed("staticIp", outbound),
	},
	Fold(TypeContainerApp): {
		fixed("latestRevisionName", named("{name}--{mark}")), fixed("latestReadyRevisionName", named("{name}--{mark}")),
		fixed("outboundIpAddresses", func(d Document) any { return []any{outbound(d)} }),
		fixed("customDomainVerificationId", derivedFor("domain")), fixed("runningStatus", always("Running")),
	},
	Fold(TypeContainerAppJob): {
		fixed("outboundIpAddresses", func(d Document) any { return []any{outbound(d)} }),
	},
	Fold(TypeManagedCluster): {
		fixed("fqdn", named("{name}-{mark}.hcp.{region}.azmk8s.io")), fixed("powerState", always(map[string]any{"code": "Running"})),
		usual("kubernetesVersion", "1.30"), usual("enableRBAC", true), fixed("maxAgentPools", always(100.0)),
		fixed("resourceUID", derivedFor("uid")),
	},
	Fold(TypeNodePool): {fixed("powerState", always(map[string]any{"code": "Running"})), usual("mode", "User"), usual("count", 1.0)},
	Fold(TypeMachineLearning): {
		fixed("workspaceId", derivedFor("workspaceId")), fixed("tenantId", always(DevelopmentTenant)),
		fixed("discoveryUrl", named("https://{region}.api.azureml.ms/discovery")), usual("hbiWorkspace", false),
		fixed("mlFlowTrackingUri", func(d Document) any {
			location, _ := d.Body["location"].(string)
			return fmt.Sprintf("azureml://%s.api.azureml.ms/mlflow/v1.0%s", Fold(location), d.ID)
		}),
	},
	Fold(TypeOnlineEndpoint): {
		fixed("scoringUri", named("https://{name}.{region}.inference.ml.azure.com/score")),
		fixed("swaggerUri", named("https://{name}.{region}.inference.ml.azure.com/swagger.json")), usual("authMode", "Key"),
	},
	Fold(TypeBatchAccount): {fixed("accountEndpoint", named("{name}.{region}.batch.azure.com"))},
	Fold(TypeBatchPool):    {fixed("allocationState", always("Steady"))},
}

var siteFurnishings = []furnishing{
	usual("enabled", true), fixed("state", always("Running")), fixed("defaultHostName", siteHost),
	fixed("hostNames", func(d Document) any { return []any{siteHost(d)} }),
	fixed("enabledHostNames", func(d Document) any { return []any{siteHost(d)} }),
	fixed("outboundIpAddresses", outbound), fixed("possibleOutboundIpAddresses", outbound),
	fixed("customDomainVerificationId", derivedFor("domain")), fixed("availabilityState", always("Normal")),
}

// siteHost is the host name of a web app, or of a slot of one.
func siteHost(d Document) any {
	name := Fold(d.ID.Name())
	if parent, ok := d.ID.Parent(); ok && parent.Is(TypeWebSite) {
		name = Fold(parent.Name()) + "-" + name
	}
	return name + ".azurewebsites.net"
}

// Furnished returns the paths of the members that Azure fills in for a type, and that its clients cannot choose.
func Furnished(resourceType string) []string {
	var paths []string
	for _, f := range furnishings[Fold(resourceType)] {
		if f.fixed {
			paths = append(paths, "properties."+f.path)
		}
	}
	return paths
}

// furnish fills in what Azure does. What a document says already, as one that an operator describes may, stays.
func (w *completion) furnish(d *Document) error {
	if recordKind(d.ID) != "" {
		return w.record(d)
	}
	p := properties(d)
	for _, f := range furnishings[Fold(d.Type())] {
		if p[f.path] != nil {
			continue
		}
		if value := f.value(*d); value != nil {
			p[f.path] = value
		}
	}
	if complete := placeCompleters[Fold(d.Type())]; complete != nil {
		return complete(w, d)
	}
	return nil
}
