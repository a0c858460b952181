package emulator

import (
	"fmt"
	"os"

	"github.com/acrlocal/acrlocal/emulator/internal/services/defender"
)

// openDefender makes the service that scans images, which has nothing to do until a plan is on. The advisories are read when
// they are first needed.
func (e *Emulator) openDefender() error {
	if dir := e.options.Advisories; dir != "" {
		if at, err := os.Stat(dir); err != nil || !at.IsDir() {
			return fmt.Errorf("advisories: %s is no directory that can be read", dir)
		}
	}
	e.services = append(e.services, defender.New(defender.Options{
		Cloud: cloud{e}, Advisories: e.options.Advisories, Log: e.options.Logger,
	}))
	return nil
}
