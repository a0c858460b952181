package emulator

import (
	"github.com/acrlocal/acrlocal/emulator/internal/services/learning"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// newLearning makes Azure Machine Learning, which works from Start on.
func (e *Emulator) newLearning() *learning.Service {
	s := learning.New(e.workloads())
	e.services = append(e.services, s)
	return s
}

// workloads are what services that run people's containers stand on.
func (e *Emulator) workloads() workload.Options {
	return workload.Options{Cloud: cloud{e}, Executor: e.executor, Mirror: e.mirror, Log: e.options.Logger}
}
