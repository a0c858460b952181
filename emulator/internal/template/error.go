package template

import (
	"errors"
	"fmt"
)

// The codes of errors in templates, which ARM answers with.
const (
	// CodeInvalid is an error in the template itself.
	CodeInvalid = "InvalidTemplate"
	// CodeParameters is an error in the parameters that were given for it.
	CodeParameters = "InvalidDeploymentParameterValue"
	// CodeContent is text that cannot be read as JSON.
	CodeContent = "InvalidRequestContent"
)

// Error is what is wrong with a template or its parameters, as ARM's error answers put it.
type Error struct {
	// Code is one of the Code constants.
	Code string
	// Message says for people what is wrong and where.
	Message string
	// Cause is the error of the Host that made an expression fail, or nil.
	Cause error
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// invalid is an error in the template as such.
func invalid(format string, args ...any) error {
	return &Error{Code: CodeInvalid, Message: fmt.Sprintf("Deployment template validation failed: '"+format+"'.", args...)}
}

// unprocessable is an error in the expressions of one part of the template, such as "resource 'x'".
func unprocessable(part string, at Position, err error) error {
	var known *Error
	if errors.As(err, &known) && known.Code == CodeInvalid {
		return known // an inner part has been named already
	}
	return &Error{
		Code: CodeInvalid, Cause: err,
		Message: fmt.Sprintf("Unable to process template language expressions for %s%s. '%v'", part, at, err),
	}
}
