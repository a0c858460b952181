package azure

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// reservedZones are names that no private DNS zone may have.
var reservedZones = []string{
	"azclient.ms", "azure.com", "cloudapp.net", "core.windows.net", "microsoft.com", "msidentity.com", "trafficmanager.net", "windows.net",
}

// dnsLabel is one part of a domain name.
var dnsLabel = formOf(`[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?`)

// isDomain reports whether a folded name is a domain name of so many labels.
func isDomain(name string, fewest, most int) bool {
	labels := strings.Split(name, ".")
	return len(name) <= 253 && len(labels) >= fewest && len(labels) <= most &&
		!slices.ContainsFunc(labels, func(label string) bool { return !dnsLabel().MatchString(label) })
}

func validateZone(_ *State, d Document) error {
	name := Fold(d.ID.Name())
	switch {
	case !isDomain(name, 2, 34):
		return &Error{Code: CodeBadRequest, ID: d.ID, Target: "name", Message: fmt.Sprintf("%.80q is no name of a private DNS zone: a domain name of at least two labels is", name)}
	case slices.Contains(reservedZones, name):
		return &Error{Code: CodeBadRequest, ID: d.ID, Target: "name", Message: fmt.Sprintf("the zone name %s is reserved", name)}
	}
	return nil
}

// validateZoneLink refuses to link a network to two zones of one name: nobody could say which of them answers.
func validateZoneLink(s *State, d Document) error {
	link, err := ReadPrivateDNSZoneLink(d)
	if err != nil {
		return err
	}
	registers := fieldsOf(d).in("properties").flag("registrationEnabled", false)
	for _, other := range s.OfType(TypePrivateDNSZoneLink) {
		known := view(s, other.ID, ReadPrivateDNSZoneLink)
		if known.ID.Key() == d.ID.Key() || known.Network.Key() != link.Network.Key() || link.Network.IsZero() {
			continue
		}
		zone, _ := known.ID.Parent()
		switch {
		case known.Zone() == link.Zone():
			return (&Error{Code: CodeBadRequest, Message: fmt.Sprintf("A virtual network cannot be linked to multiple zones with overlapping"+
				" namespaces. You tried to link virtual network with '%s' and '%s' zones.", link.Zone(), zone)}).of(d.ID, "properties.virtualNetwork.id")
		case registers && fieldsOf(*other).in("properties").flag("registrationEnabled", false):
			return (&Error{Code: CodeBadRequest, Message: fmt.Sprintf("A virtual network can only be linked to 1 Private DNS zone with auto-registration"+
				" enabled; %s is linked to it already.", zone)}).of(d.ID, "properties.registrationEnabled")
		}
	}
	return nil
}

// isRecordName reports whether a record set may be called so: a name in the zone, of which the first label may be a
// wildcard, or @ for the zone itself.
func isRecordName(name string) bool {
	name = strings.TrimPrefix(Fold(name), "*.")
	return name == "@" || name == "*" || isDomain(name, 1, 100)
}

func validateRecord(s *State, d Document) error {
	kind, f := recordKind(d.ID), fieldsOf(d)
	p := f.in("properties")
	wrong := func(target, format string, args ...any) error {
		return &Error{Code: CodeBadRequest, ID: d.ID, Target: target, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !isRecordName(d.ID.Name()):
		return wrong("name", "%.80q is no name of a record set", d.ID.Name())
	case kind == "soa" && d.ID.Name() != "@", kind == "cname" && d.ID.Name() == "@":
		return wrong("name", "a record set of type %s cannot be called %q", strings.ToUpper(kind), d.ID.Name())
	case shadowed(s, d, kind):
		return wrong("name", "The record could not be created because a CNAME record with the same name already exists in this zone, or another record beside which no CNAME can be.")
	}
	for member, is4 := range map[string]bool{"aRecords": true, "aaaaRecords": false} {
		for i, item := range p.list(member) {
			text := item.text(map[bool]string{true: "ipv4Address", false: "ipv6Address"}[is4])
			if addr, err := netip.ParseAddr(text); err != nil || addr.Is4() != is4 || addr.Zone() != "" {
				return wrong(fmt.Sprintf("properties.%s[%d]", member, i), "%.60q is no address for a record set of type %s", text, strings.ToUpper(kind))
			}
		}
	}
	p.in("cnameRecord").text("cname")
	return f.err()
}

// shadowed reports whether another record set of the name stands in the way: a CNAME is alone.
func shadowed(s *State, d Document, kind string) bool {
	zone, _ := d.ID.Parent()
	for _, known := range DNSRecordTypes {
		other := Fold(known)
		if other == kind || other != "cname" && kind != "cname" {
			continue
		}
		if _, found := s.Get(zone.Key() + "/" + other + "/" + d.ID.Name()); found {
			return true
		}
	}
	return false
}

// maxZoneConfigs is how many zones a zone group may name, as in Azure.
const maxZoneConfigs = 5

func validateZoneGroup(s *State, d Document) error {
	f, endpoint := fieldsOf(d), d.ID
	endpoint, _ = endpoint.Parent()
	configs := f.in("properties").list("privateDnsZoneConfigs")
	switch {
	case len(configs) > maxZoneConfigs:
		return (&Error{Code: CodeBadRequest, Message: fmt.Sprintf("a private DNS zone group has at most %d zones", maxZoneConfigs)}).of(d.ID, "properties.privateDnsZoneConfigs")
	case len(s.Children(endpoint.Key(), TypeDNSZoneGroup)) > 1:
		return (&Error{Code: "PrivateDnsZoneGroupLimitExceeded", Message: fmt.Sprintf("the private endpoint %s has a private DNS zone group already", endpoint)}).of(d.ID, "name")
	}
	for _, item := range configs {
		if id := item.in("properties").idOf("privateDnsZoneId"); !id.Is(TypePrivateDNSZone) && f.err() == nil {
			return (&Error{Code: CodeReference, Message: fmt.Sprintf("%q is no private DNS zone", id)}).of(d.ID, item.in("properties").at("privateDnsZoneId"))
		}
	}
	return f.err()
}
