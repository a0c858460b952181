package emulator

import (
	"path/filepath"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/learning"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// newLearning makes Azure Machine Learning, which works from Start on.
func (e *Emulator) newLearning() *learning.Service {
	s := learning.New(e.workloads())
	e.services = append(e.services, s)
	return s
}

// workloads are what services that run people's containers stand on. What an emulator that was killed left is removed: secrets
// among it. Nothing runs yet.
func (e *Emulator) workloads() workload.Options {
	o := workload.Options{
		Cloud: cloud{e}, Executor: e.executor, Mirror: e.mirror, Dir: filepath.Join(e.content.dir, "workloads"), Log: e.options.Logger,
	}
	o.Failed("remove the files of former workloads", executor.Remove(o.Dir))
	return o
}
