package dockerfile

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// runCommand carries out RUN in the network of the options.
func (s *stage) runCommand(_ context.Context, c *instructions.RunCommand) error {
	if s.Run == nil {
		return s.refuseRun(c)
	}
	return errors.New("RUN is not carried out yet")
}

// refuseRun says why RUN cannot be carried out here, and what would help.
func (s *stage) refuseRun(c *instructions.RunCommand) error {
	why := s.NoRun
	if why == "" {
		why = "no containers can be run here"
	}
	return fmt.Errorf("%s: RUN needs a container: %s; the other instructions work without", c, why)
}
