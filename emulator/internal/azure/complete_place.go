package azure

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// placeCompleters complete the places that get more than values: addresses, instances, identities.
var placeCompleters = map[string]func(*completion, *Document) error{
	Fold(TypeContainerGroup): (*completion).containerGroup,
	Fold(TypeScaleSet):       (*completion).scaleSet,
	Fold(TypeManagedCluster): (*completion).managedCluster,
	Fold(TypeWebSite):        (*completion).webSite,
	Fold(TypeWebSlot):        (*completion).webSite,
}

// webSite says what kind of app it is; az lists only those that say so.
func (w *completion) webSite(d *Document) error {
	setDefault(d.Body, "kind", "app")
	return nil
}

// containerGroup gives a group in a subnet a private address, and one that asks for a public address such a one. Lists that
// clients count on are there, if empty.
func (w *completion) containerGroup(d *Document) error {
	p, f := properties(d), fieldsOf(*d).in("properties")
	for _, item := range f.list("containers") {
		setDefaults(object(item.object, "properties"), map[string]any{"ports": []any{}, "environmentVariables": []any{}})
	}
	subnet := firstSubnet(f.list("subnetIds"), "id").subnet
	shown := f.in("ipAddress")
	if subnet.IsZero() {
		if Fold(shown.text("type")) == "public" {
			setDefault(shown.object, "ip", outbound(*d))
			if label := shown.text("dnsNameLabel"); label != "" {
				location, _ := d.Body["location"].(string)
				shown.object["fqdn"] = Fold(label) + "." + location + ".azurecontainer.io"
			}
		}
		return f.err()
	}
	given := shown.address("ip")
	if f.err() != nil {
		return f.err()
	}
	if !w.by.Operator && !contains(w.prefixesOf(subnet), given) {
		given = netip.Addr{} // of another subnet
	}
	address, err := w.addressFor(holding{holder: d.ID.Key(), subnet: subnet, address: given}, false)
	if err != nil || !address.IsValid() {
		return about(err, d.ID, "properties.subnetIds[0].id")
	}
	body := object(p, "ipAddress")
	setDefaults(body, map[string]any{"type": "Private", "ports": []any{}})
	body["ip"] = address.String()
	return nil
}

// maxInstances is how many instances a scale set may have, as in Azure.
const maxInstances = 1000

// scaleSet makes the instances that a uniform scale set has.
func (w *completion) scaleSet(d *Document) error {
	capacity, _ := object(d.Body, "sku")["capacity"].(float64)
	if capacity < 0 || capacity > maxInstances {
		return &Error{
			Code: "InvalidParameter", ID: d.ID, Target: "sku.capacity",
			Message: fmt.Sprintf("The value of parameter sku.capacity is invalid: it is between 0 and %d.", maxInstances),
		}
	}
	if properties(d)["orchestrationMode"] != "Uniform" {
		capacity = 0
	}
	for i := range int(capacity) {
		id, err := d.ID.Child("virtualMachines", strconv.Itoa(i))
		if err != nil {
			return err
		}
		if _, found := w.get(id.Key()); !found {
			w.put(Document{ID: id, Body: map[string]any{"instanceId": strconv.Itoa(i), "location": d.Body["location"]}})
		}
	}
	for _, instance := range w.old.Children(d.ID.Key(), TypeScaleSetInstance) {
		if n, err := strconv.Atoi(instance.ID.Name()); !w.by.Operator && (err != nil || n >= int(capacity)) {
			w.delete(instance.ID.Key())
		}
	}
	return nil
}

// managedCluster makes the resource group of a cluster's nodes, and in it the identity with which they pull, unless the
// cluster brings one.
func (w *completion) managedCluster(d *Document) error {
	p, f := properties(d), fieldsOf(*d).in("properties")
	if oidc := f.in("oidcIssuerProfile"); oidc.flag("enabled", false) {
		setDefault(oidc.object, "issuerURL", fmt.Sprintf("https://%s.oic.prod-aks.azure.com/%s/%s/", d.Body["location"], DevelopmentTenant, DerivedID(d.ID.Key()+"/oidc")))
	}
	if before, found := w.old.Get(d.ID.Key()); found && !w.by.Operator {
		p["nodeResourceGroup"] = fieldsOf(*before).in("properties").text("nodeResourceGroup") // it goes with the cluster
	}
	setDefault(p, "nodeResourceGroup", fmt.Sprintf("MC_%s_%s_%s", d.ID.ResourceGroup(), d.ID.Name(), d.Body["location"]))
	setDefault(p, "currentKubernetesVersion", p["kubernetesVersion"])
	kubelet := f.in("identityProfile", "kubeletidentity")
	id := kubelet.idOf("resourceId")
	if f.err() != nil || w.by.Operator && kubelet.text("objectId") != "" {
		return f.err()
	}
	if id.IsZero() {
		var err error
		if id, err = w.nodeIdentity(d, f.text("nodeResourceGroup")); err != nil {
			return err
		}
	}
	shown := map[string]any{"resourceId": id.String()}
	if identity, ok := w.get(id.Key()); ok && identity.Is(TypeUserAssignedIdentity) {
		_ = w.userAssignedIdentity(identity)
		if view, err := ReadUserAssignedIdentity(*identity); err == nil {
			shown["clientId"], shown["objectId"] = view.ClientID, view.PrincipalID
		}
	}
	object(p, "identityProfile")["kubeletidentity"] = shown
	return nil
}

// nodeIdentity makes the identity of a cluster's nodes, in a resource group of its own. A group that is there already is
// another's, and goes with another.
func (w *completion) nodeIdentity(d *Document, name string) (ResourceID, error) {
	group, err := ParseResourceID("/subscriptions/" + d.ID.Subscription() + "/resourceGroups/" + name)
	if err != nil || !group.Is(TypeResourceGroup) || strings.Contains(name, "/") {
		return group, &Error{
			Code: CodeInvalid, ID: d.ID, Target: "properties.nodeResourceGroup", Message: fmt.Sprintf("%.90q is no name of a resource group", name),
		}
	}
	there, found := w.get(group.Key())
	switch {
	case !found:
		w.put(Document{ID: group, Body: map[string]any{"location": d.Body["location"], "managedBy": d.ID.String()}})
	case !w.by.Operator && !managedBy(there, d.ID):
		return group, &Error{
			Code: "NodeResourceGroupAlreadyExists", ID: d.ID, Target: "properties.nodeResourceGroup",
			Message: fmt.Sprintf("The resource group %s exists already: the nodes need one of their own.", name),
		}
	}
	id, err := group.Extension(TypeUserAssignedIdentity, d.ID.Name()+"-agentpool")
	if err != nil {
		return id, err
	}
	if _, found := w.get(id.Key()); !found {
		w.put(Document{ID: id, Body: map[string]any{"location": d.Body["location"]}})
	}
	return id, nil
}

func managedBy(group *Document, id ResourceID) bool {
	by, _ := group.Body["managedBy"].(string)
	return Fold(by) == id.Key()
}

// clusterGone removes the resource group of the cluster's nodes.
func (w *completion) clusterGone(d *Document) {
	name := fieldsOf(*d).in("properties").text("nodeResourceGroup")
	key := Fold("/subscriptions/" + d.ID.Subscription() + "/resourceGroups/" + name)
	if group, found := w.old.Get(key); found && managedBy(group, d.ID) && !w.deletes[key] {
		w.delete(key)
	}
}
