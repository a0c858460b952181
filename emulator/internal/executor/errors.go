package executor

import "fmt"

// Error says with which code it ended, and why if that is known.
func (e *ExitError) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("exit status %d: %s", e.Code, e.Reason)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

const unavailable = "no container can be run here: "

// Error says why.
func (e *UnavailableError) Error() string { return unavailable + e.Why }
