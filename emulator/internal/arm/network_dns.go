package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// privateDNSKinds are private DNS zones, their links and record sets.
func privateDNSKinds() []kind {
	kinds := []kind{
		{
			name: azure.TypePrivateDNSZone, located: true, remove: removeZone, show: showZone,
			readOnly: []string{
				"etag", "properties.numberOfRecordSets", "properties.numberOfVirtualNetworkLinks", "properties.numberOfVirtualNetworkLinksWithRegistration",
				"properties.maxNumberOfRecordSets", "properties.maxNumberOfVirtualNetworkLinks", "properties.maxNumberOfVirtualNetworkLinksWithRegistration",
			},
		},
		{
			name: azure.TypePrivateDNSZoneLink, located: true, show: showTag, readOnly: []string{"etag", "properties.virtualNetworkLinkState"},
			links: []link{join("properties.virtualNetwork.id", "virtualNetworks")},
		},
		{name: azure.TypePrivateDNSZone + "/ALL", methods: readingOnly, list: listRecords},
	}
	for _, record := range azure.DNSRecordTypes {
		kinds = append(kinds, kind{
			name: azure.TypePrivateDNSZone + "/" + record, show: showTag, remove: removeRecord,
			readOnly: []string{"etag", "properties.fqdn", "properties.isAutoRegistered"},
		})
	}
	return kinds
}

// records returns the record sets of a zone.
func (c *call) records(zone string) []*azure.Document {
	var all []*azure.Document
	for _, record := range azure.DNSRecordTypes {
		all = append(all, c.state.Children(zone, azure.TypePrivateDNSZone+"/"+record)...)
	}
	return all
}

// listRecords lists the record sets of all types of a zone (az-cli §8).
func listRecords(c *call, t target) ([]*azure.Document, error) { return c.records(t.scope.Key()), nil }

// showZone counts what is in a zone.
func showZone(c *call, id azure.ResourceID, body map[string]any) {
	links := c.state.Children(id.Key(), azure.TypePrivateDNSZoneLink)
	registering := 0
	for _, d := range links {
		if on, _ := lookUp(d.Body, "properties.registrationEnabled"); on == true {
			registering++
		}
	}
	setAt(body, "properties.numberOfRecordSets", len(c.records(id.Key())))
	setAt(body, "properties.numberOfVirtualNetworkLinks", len(links))
	setAt(body, "properties.numberOfVirtualNetworkLinksWithRegistration", registering)
	showTag(c, id, body)
}

// removeZone refuses to remove a zone while networks are linked to it.
func removeZone(r *removal, d *azure.Document) error {
	if group, _ := d.ID.Parent(); r.gone[group.Key()] {
		return nil // with everything in its resource group
	}
	if links := r.state.Children(d.ID.Key(), azure.TypePrivateDNSZoneLink); len(links) > 0 {
		return errZoneLinked.with(d.ID.Name(), links[0].ID)
	}
	return nil
}

// removeRecord refuses to remove what makes a zone a zone.
func removeRecord(r *removal, d *azure.Document) error {
	zone, _ := d.ID.Parent()
	if d.Is(azure.TypePrivateDNSSOARecord) && !r.gone[zone.Key()] {
		return errZoneSOA.with()
	}
	return nil
}

var (
	errZoneLinked = refusal{
		http.StatusConflict, "CannotDeleteResource",
		"Can not delete resource before nested resources are deleted: the private DNS zone %s has the virtual network link %s.",
	}
	errZoneSOA = refusal{http.StatusBadRequest, "BadRequest", "The record set of type SOA cannot be deleted."}
)
