package azure

import (
	"fmt"
	"maps"
	"slices"
)

// heldTypes are the types whose documents a client cannot remove while others refer to them, with the provider's answer: a
// format for the name of what is held and the ID of its holder.
var heldTypes = map[string]struct{ code, message string }{
	Fold(TypeSubnet): {
		"InUseSubnetCannotBeDeleted",
		"Subnet %s is in use by %s and cannot be deleted. In order to delete the subnet, delete all the resources within the" +
			" subnet. See aka.ms/deletesubnet.",
	},
	Fold(TypePublicIPAddress): {
		"PublicIPAddressCannotBeDeleted",
		"Public IP address %s can not be deleted since it is still allocated to resource %s. In order to delete the public IP," +
			" disassociate/detach the Public IP address from the resource.",
	},
	Fold(TypePublicIPPrefix): {"PublicIPPrefixInUse", "Public IP prefix %s is in use by %s and cannot be deleted."},
	Fold(TypeNATGateway):     {"NatGatewayInUse", "NAT gateway %s is in use by %s and cannot be deleted."},
	Fold(TypeSecurityGroup):  {"InUseNetworkSecurityGroupCannotBeDeleted", "Network security group %s cannot be deleted because it is in use by %s."},
	Fold(TypeRouteTable):     {"InUseRouteTableCannotBeDeleted", "Route table %s is in use by %s and cannot be deleted."},
	Fold(TypeAppEnvironment): {"ManagedEnvironmentInUse", "Managed environment %s is in use by %s and cannot be deleted."},
	Fold(TypeNetworkInterface): {
		"NicInUse",
		"Network interface %s is used by existing resource %s. In order to delete the network interface, it must be dissociated" +
			" from the resource.",
	},
}

// checkHeld refuses a client's change that removes what stays in use.
func (w *completion) checkHeld() error {
	if w.by.Operator {
		return nil
	}
	doomed := map[string]bool{}
	for key := range w.deletes {
		if _, held := heldTypes[keyType(key)]; held && w.puts[key] == nil {
			doomed[key] = true
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	for _, kind := range slices.Sorted(maps.Keys(references)) {
		for _, d := range w.ofType("/", kind) {
			if err := w.holds(d, doomed); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds refuses if a document refers to one that is to go.
func (w *completion) holds(d *Document, doomed map[string]bool) error {
	for _, r := range referencesOf(*d) {
		if !doomed[r.id.Key()] {
			continue
		}
		held, _ := w.old.Get(r.id.Key())
		rule := heldTypes[Fold(held.Type())]
		return &Error{Code: rule.code, ID: held.ID, Message: fmt.Sprintf(rule.message, held.ID.Name(), d.ID)}
	}
	return nil
}
