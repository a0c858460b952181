package azure

import (
	"fmt"
	"slices"
	"strings"
)

// global is the location of what is in no region.
const global = "global"

// DNSRecordTypes are the types of record sets that a private DNS zone has, such as A, sorted.
var DNSRecordTypes = []string{"A", "AAAA", "CNAME", "MX", "PTR", "SOA", "SRV", "TXT"}

// recordKind returns the folded kind of a record set, such as cname, or "" for what is none.
func recordKind(id ResourceID) string {
	kind, isRecord := strings.CutPrefix(Fold(id.Type()), Fold(TypePrivateDNSZone)+"/")
	if !isRecord || !slices.ContainsFunc(DNSRecordTypes, func(known string) bool { return Fold(known) == kind }) {
		return ""
	}
	return kind
}

// IsPrivateDNS reports whether an ID is that of a private DNS zone, or of what is in one.
func IsPrivateDNS(id ResourceID) bool {
	kind, zone := Fold(id.Type()), Fold(TypePrivateDNSZone)
	return kind == zone || len(kind) > len(zone) && kind[:len(zone)+1] == zone+"/"
}

// zone sets what every private DNS zone has, its SOA record too.
func (w *completion) zone(d *Document) error {
	d.Body["location"] = global
	setDefaults(properties(d), map[string]any{
		"maxNumberOfRecordSets": 25000.0, "maxNumberOfVirtualNetworkLinks": 1000.0, "maxNumberOfVirtualNetworkLinksWithRegistration": 100.0,
	})
	soa, err := d.ID.Child("SOA", "@")
	if err != nil {
		return err
	}
	if _, found := w.get(soa.Key()); found {
		return nil
	}
	w.put(Document{ID: soa, Body: map[string]any{"properties": map[string]any{
		"ttl": 3600.0, "soaRecord": map[string]any{
			"email": "azureprivatedns-host.microsoft.com", "expireTime": 2419200.0, "host": "azureprivatedns.net", "minimumTtl": 10.0,
			"refreshTime": 3600.0, "retryTime": 300.0, "serialNumber": 1.0,
		},
	}}})
	return nil
}

func (w *completion) zoneLink(d *Document) error {
	d.Body["location"] = global
	setDefaults(properties(d), map[string]any{"registrationEnabled": false, "virtualNetworkLinkState": "Completed"})
	return nil
}

// record sets what every record set has.
func (w *completion) record(d *Document) error {
	zone, _ := d.ID.Parent()
	name := zone.Name() + "."
	if d.ID.Name() != "@" {
		name = d.ID.Name() + "." + name
	}
	p := properties(d)
	delete(p, "provisioningState") // a record set has none
	p["fqdn"] = name
	setDefaults(p, map[string]any{"ttl": 3600.0, "isAutoRegistered": false})
	return nil
}

// zoneGroup writes the addresses of an endpoint into the zones that it names, and what it wrote into the group
// (acr-behaviour §7).
func (w *completion) zoneGroup(d *Document) error {
	w.zoneGroupGone(d) // what is still so is written again
	id, _ := d.ID.Parent()
	endpoint, ok := w.get(id.Key())
	if !ok {
		return nil
	}
	addresses, f := w.namesOf(endpoint), fieldsOf(*d)
	for _, item := range f.in("properties").list("privateDnsZoneConfigs") {
		zone, ok := w.get(item.in("properties").idOf("privateDnsZoneId").Key())
		if !ok || !zone.Is(TypePrivateDNSZone) {
			continue // Validate says so
		}
		sets := []any{}
		for _, fqdn := range sortedNames(addresses) {
			if set := w.writeRecord(endpoint, zone.ID, fqdn, addresses[fqdn]); set != nil {
				sets = append(sets, set)
			}
		}
		object(item.object, "properties")["recordSets"] = sets
	}
	return f.err()
}

// namesOf returns the addresses of an endpoint by the names that lead to them.
func (w *completion) namesOf(endpoint *Document) map[string][]string {
	names := map[string][]string{}
	for _, item := range fieldsOf(*endpoint).in("properties").list("customDnsConfigs") {
		names[Fold(item.text("fqdn"))] = item.texts("ipAddresses")
	}
	return names
}

func sortedNames(addresses map[string][]string) []string {
	var names []string
	for name := range addresses {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// writeRecord writes one A record set, and returns what the group shows of it; nil if the name has no place in the zone. A
// name below azurecr.io is one below privatelink.azurecr.io too.
func (w *completion) writeRecord(endpoint *Document, zone ResourceID, fqdn string, addresses []string) map[string]any {
	at, inside := strings.CutSuffix(fqdn, strings.TrimPrefix(PrivateLinkZone, "privatelink"))
	if !inside || Fold(zone.Name()) != PrivateLinkZone {
		return nil
	}
	id, err := zone.Child("A", at)
	if err != nil {
		return nil
	}
	guid, _ := properties(endpoint)["resourceGuid"].(string)
	records, shown := []any{}, []any{}
	for _, address := range addresses {
		records, shown = append(records, map[string]any{"ipv4Address": address}), append(shown, address)
	}
	w.put(Document{ID: id, Body: map[string]any{"properties": map[string]any{
		"ttl": 10.0, "aRecords": records,
		"metadata": map[string]any{"creator": fmt.Sprintf("created by private endpoint %s with resource guid %s", endpoint.ID.Name(), guid)},
	}}})
	return map[string]any{
		"recordType": "A", "recordSetName": at, "fqdn": at + "." + Fold(zone.Name()), "ttl": 10.0, "ipAddresses": shown,
		"provisioningState": "Succeeded",
	}
}

// zoneGroupGone removes the record sets that a group wrote, as far as they still say what it wrote.
func (w *completion) zoneGroupGone(d *Document) {
	before, found := w.old.Get(d.ID.Key())
	if !found {
		return
	}
	for _, item := range fieldsOf(*before).in("properties").list("privateDnsZoneConfigs") {
		p := item.in("properties")
		for _, set := range p.list("recordSets") {
			id, err := p.idOf("privateDnsZoneId").Child("A", set.text("recordSetName"))
			if record, found := w.get(id.Key()); err == nil && found && slices.Equal(recordAddresses(*record), set.texts("ipAddresses")) {
				w.deletes[id.Key()] = true
			}
		}
	}
}

// recordAddresses are the addresses of a record set of type A, as written.
func recordAddresses(d Document) (addresses []string) {
	for _, item := range fieldsOf(d).in("properties").list("aRecords") {
		addresses = append(addresses, item.text("ipv4Address"))
	}
	return addresses
}
