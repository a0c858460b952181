package emulator

import (
	"github.com/acrlocal/acrlocal/emulator/internal/services/instances"
)

// newInstances makes Azure Container Instances, which works from Start on.
func (e *Emulator) newInstances() *instances.Service {
	s := instances.New(e.workloads())
	e.services = append(e.services, s)
	return s
}
