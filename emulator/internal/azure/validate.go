package azure

import "fmt"

// Validate checks what a document means, next to the others of its state: the rules that Azure enforces on a write. The
// error is an *Error that names the member at fault. Types that are not modelled have no rules.
func Validate(s *State, d Document) error {
	if namespace := Fold(namespaceOf(d.Type())); (namespace == "microsoft.graph" && !d.ID.IsGraph()) || (namespace == "acrlocal" && !d.ID.IsSettings()) {
		return &Error{Code: CodeInvalid, ID: d.ID, Message: namespaceOf(d.Type()) + " is no namespace of resources"}
	}
	if err := checkHome(d.ID); err != nil {
		return err
	}
	if _, err := ReadManagedIdentity(d); err != nil {
		return err
	}
	if rule := ruleOf(d.ID); rule != nil {
		if err := rule(s, d); err != nil {
			return err
		}
	}
	return validateReferences(s, d)
}

// ruleOf returns the check for a document's type, nil for none. Record sets of all types have one.
func ruleOf(id ResourceID) func(*State, Document) error {
	if recordKind(id) != "" {
		return validateRecord
	}
	return rules[Fold(id.Type())]
}

// rules are the checks by folded type.
var rules = map[string]func(*State, Document) error{
	Fold(TypeRegistry):                  validateRegistry,
	Fold(TypeScopeMap):                  validateScopeMap,
	Fold(TypeToken):                     validateToken,
	Fold(TypePrivateEndpointConnection): validateConnection,
	Fold(TypeReplication):               validateReplication,
	Fold(TypeWebhook):                   validateChild,
	Fold(TypeCacheRule):                 validateCacheRule,
	Fold(TypeCredentialSet):             validateChild,
	Fold(TypeConnectedRegistry):         validateChild,
	Fold(TypeAgentPool):                 validateChild,
	Fold(TypeTask):                      validateTask,
	Fold(TypeTaskRun):                   validateTaskRun,
	Fold(TypeCredentials):               readable(ReadCredentials),
	Fold(TypeTokenCredentials):          readable(ReadCredentials),
	Fold(TypeRoleAssignment):            validateAssignment,
	Fold(TypeRoleDefinition):            readable(ReadRoleDefinition),
	Fold(TypeUserAssignedIdentity):      readable(ReadUserAssignedIdentity),
	Fold(TypeFederatedCredential):       validateFederatedCredential,
	Fold(TypeManagementGroup):           validateManagementGroup,
	Fold(TypeVirtualNetwork):            validateVirtualNetwork,
	Fold(TypeSubnet):                    validateSubnet,
	Fold(TypePeering):                   validatePeering,
	Fold(TypePrivateEndpoint):           validatePrivateEndpoint,
	Fold(TypePrivateDNSZone):            validateZone,
	Fold(TypePrivateDNSZoneLink):        validateZoneLink,
	Fold(TypeDNSZoneGroup):              validateZoneGroup,
	Fold(TypeNATGateway):                readable(ReadNATGateway),
	Fold(TypePublicIPAddress):           readable(ReadPublicIPAddress),
	Fold(TypePublicIPPrefix):            readable(ReadPublicIPPrefix),
	Fold(TypeNetworkInterface):          validateInterface,
	Fold(TypeContainerGroup):            readable(ReadContainerGroup),
	Fold(TypeTrainingJob):               readable(ReadTrainingJob),
	Fold(TypeOnlineDeployment):          readable(ReadOnlineDeployment),
	Fold(TypeUser):                      readable(ReadUser),
	Fold(TypeGroup):                     readable(ReadGroup),
	Fold(TypeServicePrincipal):          readable(ReadServicePrincipal),
	Fold(TypeApplication):               validateApplication,
}

// readable is the rule that a document can be read at all.
func readable[T any](read func(Document) (T, error)) func(*State, Document) error {
	return func(_ *State, d Document) error {
		_, err := read(d)
		return err
	}
}

// mustExist refuses a reference to a document that is not there.
func mustExist(s *State, d Document, target string, id ResourceID) error {
	if id.IsZero() {
		return &Error{Code: CodeInvalid, ID: d.ID, Target: target, Message: "a resource ID is expected here"}
	}
	if _, ok := s.Get(id.Key()); ok {
		return nil
	}
	return &Error{Code: CodeNotFound, ID: d.ID, Target: target, Message: fmt.Sprintf("there is no resource %s", id)}
}

func validateAssignment(_ *State, d Document) error {
	a, err := ReadRoleAssignment(d)
	switch {
	case err != nil:
		return err
	case a.PrincipalID == "":
		return &Error{Code: CodeInvalid, ID: d.ID, Target: "properties.principalId", Message: "a role assignment names a principal"}
	case a.RoleID == "":
		return &Error{Code: CodeInvalid, ID: d.ID, Target: "properties.roleDefinitionId", Message: "a role assignment names a role definition"}
	}
	return nil
}

func validateManagementGroup(s *State, d Document) error {
	if _, err := ReadManagementGroup(d); err != nil {
		return err
	}
	_, err := groupsFrom(s, d.ID)
	return err
}
