package dockerfile

import (
	"errors"
	"fmt"
)

// ErrLimit is what every error about a bound of Limits wraps.
var ErrLimit = errors.New("limit reached")

func limitError(of string, limit int64) error {
	return fmt.Errorf("more than %d %s: %w", limit, of, ErrLimit)
}
