package learning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// job is a job that runs, or has run since the emulator was started.
type job struct {
	service   *Service
	id        azure.ResourceID
	workspace azure.ResourceID
	spec      azure.TrainingJob
	log       *workload.Log
	cancel    context.CancelFunc
}

// The errors by which a job ends that its command did not end.
var (
	errCanceled    = errors.New("the job was canceled")
	errTimeout     = errors.New("the job reached its timeout")
	errInterrupted = errors.New("the emulator ended while the job ran")
)

// followJob begins a job that was not begun.
func (s *Service) followJob(d *azure.Document) {
	spec, err := azure.ReadTrainingJob(*d)
	old := s.jobs[d.ID.Key()]
	if err != nil || old != nil && old.spec.Made == spec.Made || spec.Status != azure.JobNotStarted && spec.Status != "" {
		return
	}
	if old != nil {
		old.cancel()
	}
	workspace, _ := d.ID.Parent()
	ctx, cancel := context.WithCancel(s.work)
	j := &job{service: s, id: d.ID, workspace: workspace, spec: spec, log: &workload.Log{Now: s.options.Cloud.Now}, cancel: cancel}
	s.jobs[d.ID.Key()] = j
	s.running.Go(func() {
		defer cancel()
		j.run(ctx)
	})
}

// run does what a job does, and writes down how it goes.
func (j *job) run(ctx context.Context) {
	j.become(ctx, azure.JobStarting, nil)
	status, err := j.work(ctx)
	j.become(context.WithoutCancel(ctx), status, err)
}

// work runs the job's command in its image, to its end.
func (j *job) work(ctx context.Context) (status string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if j.spec.Timeout > 0 {
		go j.expire(ctx, cancel)
	}
	code, err := j.do(ctx)
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		return azure.JobFailed, errTimeout
	case ctx.Err() != nil && j.service.ended():
		return azure.JobFailed, errInterrupted
	case ctx.Err() != nil:
		return azure.JobCanceled, errCanceled
	case err != nil:
		return azure.JobFailed, err
	case code != 0:
		return azure.JobFailed, fmt.Errorf("ExecutionFailed: the command ended with exit code %d", code)
	}
	return azure.JobCompleted, nil
}

func (j *job) expire(ctx context.Context, cancel context.CancelCauseFunc) {
	select {
	case <-j.service.options.Cloud.After(j.spec.Timeout):
		cancel(errTimeout)
	case <-ctx.Done():
	}
}

// do pulls the image and runs the command. A refusal has the words of Azure (MachineLearningNotebooks#1733).
func (j *job) do(ctx context.Context) (exitCode int, err error) {
	image, err := j.service.image(j.spec.Environment)
	if err != nil {
		return 0, err
	}
	m, err := j.service.machine(j.place, j.workspace, image)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	content, err := m.Pull(ctx, image)
	if err != nil {
		return 0, fmt.Errorf("AzureMLCompute job failed.\nFailedPullingImage: Unable to pull docker image\n\timageName: %s\n\terror: Run docker command to pull private image failed with error: %w", image, err)
	}
	network, err := m.Network(ctx)
	if err != nil {
		return 0, err
	}
	container, err := network.Start(ctx, executor.Spec{Name: "job", Image: content, Process: executor.Process{
		Args: []string{"/bin/sh", "-c", j.spec.Command}, Env: append(j.env(), j.spec.Env...), Stdout: j.log, Stderr: j.log,
	}})
	if err != nil {
		return 0, err
	}
	j.become(ctx, azure.JobRunning, nil)
	return workload.Wait(ctx, container, func() {}), nil
}

// env are the variables by which a command finds itself.
func (j *job) env() []string {
	return []string{
		"AZUREML_RUN_ID=" + j.id.Name(), "AZUREML_ARM_WORKSPACE_NAME=" + j.workspace.Name(),
		"AZUREML_ARM_RESOURCEGROUP=" + j.id.ResourceGroup(), "AZUREML_ARM_SUBSCRIPTION=" + j.id.Subscription(),
	}
}

// place is the workspace's, or that of the compute in a network on which the job runs: then a machine there works for the
// workspace.
func (j *job) place(state *azure.State) (azure.Place, error) {
	place, err := azure.ResolvePlace(state, j.workspace.String())
	if err != nil || j.spec.Compute.IsZero() {
		return place, err
	}
	compute, err := azure.ResolvePlace(state, j.spec.Compute.String())
	return compute.With(place), err
}

// become writes the job's status down, unless it is gone or over.
func (j *job) become(ctx context.Context, status string, failure error) {
	o := j.service.options
	err := o.Cloud.Update(ctx, func(state *azure.State) (azure.Change, error) {
		return changed(state, j.id, j.spec.Made, outcome{status, failure, o.Cloud.Now()})
	})
	if ctx.Err() == nil {
		o.Failed("note how a job is doing", err)
	}
}

// outcome is how a job is doing from a time on, and why.
type outcome struct {
	status  string
	failure error
	at      time.Time
}

// changed is the change by which a job gets another status; none if it is over, or not the one that was made then.
func changed(state *azure.State, id azure.ResourceID, made string, o outcome) (azure.Change, error) {
	d, found := state.Get(id.Key())
	if !found {
		return azure.Change{}, nil
	}
	if spec, err := azure.ReadTrainingJob(*d); err != nil || spec.Over() || spec.Made != made {
		return azure.Change{}, err
	}
	next := d.Clone()
	properties := next.Body["properties"].(map[string]any)
	properties["status"] = o.status
	switch o.status {
	case azure.JobStarting:
		properties["startTime"] = o.at.UTC().Format(time.RFC3339)
	case azure.JobCompleted, azure.JobFailed, azure.JobCanceled:
		properties["endTime"] = o.at.UTC().Format(time.RFC3339)
	}
	if o.failure != nil {
		properties["error"] = map[string]any{"code": "UserError", "message": reason(o.failure)}
	}
	return azure.Change{Put: []azure.Document{next}}, nil
}

// Cancel ends a job. One that is over stays as it ended.
func (s *Service) Cancel(ctx context.Context, id azure.ResourceID) error {
	s.mu.Lock()
	j := s.jobs[id.Key()]
	s.mu.Unlock()
	if j == nil {
		return nil
	}
	j.cancel()
	j.become(ctx, azure.JobCanceled, errCanceled)
	return ctx.Err()
}

// interrupted ends the jobs that an earlier run left unfinished.
func (s *Service) interrupted(ctx context.Context) {
	err := s.options.Cloud.Update(ctx, func(state *azure.State) (azure.Change, error) {
		var all azure.Change
		for _, d := range state.OfType(azure.TypeTrainingJob) {
			spec, err := azure.ReadTrainingJob(*d)
			if err != nil || spec.Status == "" || spec.Status == azure.JobNotStarted {
				continue
			}
			change, _ := changed(state, d.ID, spec.Made, outcome{azure.JobFailed, errInterrupted, s.options.Cloud.Now()})
			all.Put = append(all.Put, change.Put...)
		}
		return all, nil
	})
	s.options.Failed("note that jobs were interrupted", err)
}

// ended reports whether the service has ended.
func (s *Service) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.work == nil || s.work.Err() != nil
}

// at is a place of a resource.
func at(id azure.ResourceID) agent.Place { return agent.At(id.String()) }
