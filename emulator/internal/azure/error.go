package azure

import "fmt"

// Error is a refusal of a document, with what ARM's error answer needs: {"error":{"code","message","target"}}.
type Error struct {
	// Code is ARM's error code, one of the Code constants or a service's own, such as NetworkRuleValidationError.
	Code string
	// Message says what is wrong and what to do, for people.
	Message string
	// Target is the JSON path of the offending member, such as properties.networkRuleSet.ipRules[0].value; empty means the
	// document.
	Target string
	// ID names the document.
	ID ResourceID
}

// The error codes that several rules share; ARM maps each to a status (400, except CodeConflict 409 and CodeNotFound
// 404).
const (
	CodeInvalidContent = "InvalidRequestContent" // a member has the wrong kind of value
	CodeInvalid        = "InvalidResource"       // a member has a value that the type does not know
	CodeBadRequest     = "BadRequest"            // a rule of the service forbids the combination
	CodeInvalidName    = "InvalidResourceName"   // the resource's name breaks the type's rules
	CodeSKU            = "InvalidSku"            // the registry's SKU lacks the feature
	CodeQuota          = "QuotaExceeded"         // the registry's SKU allows no more of these
	CodeConflict       = "Conflict"              // other documents stand in the way
	CodeNotFound       = "ResourceNotFound"      // a document that this one names does not exist
	// CodeReference is how the network service calls the same.
	CodeReference = "InvalidResourceReference"
)

// Error returns the resource, the path and the message.
func (e *Error) Error() string {
	if e.Target == "" {
		return fmt.Sprintf("%s: %s", e.ID, e.Message)
	}
	return fmt.Sprintf("%s: %s: %s", e.ID, e.Target, e.Message)
}
