package tasks

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/dockerfile"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/source"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// run is a run that goes on.
type run struct {
	*plan
	s      *Service
	id     azure.ResourceID
	pass   string // by which its own registry knows that it goes on
	begun  time.Time
	log    *runLog
	agent  *agent.Agent
	logins agent.Keychain
	task   *taskfile.Task
	files  files
	images images
	cache  dockerfile.Cache
	// fetched is what the source came to.
	fetched source.Result

	network struct {
		sync.Mutex
		executor.Network // nil until a step needs it
	}

	noted struct {
		sync.Mutex
		outputs      []any // in the form of outputImages
		dependencies []dependency
	}
}

// carryOut works at a run from its first state to its last; it has a machine since begun.
func (s *Service) carryOut(ctx context.Context, id azure.ResourceID, begun time.Time) {
	pass := s.letPass()
	defer s.stopPassing(pass)
	r, err := s.start(ctx, id, begun)
	r.pass = pass
	if errors.Is(err, errBegun) {
		return
	}
	e := ending{status: statusError, err: err, begun: r.begun, log: r.log}
	if err == nil {
		e.err = r.limited(ctx)
		e.status = statusOfEnd(e.err)
		e.outputs, e.dependencies = r.noted.outputs, dependencyList(r.noted.dependencies)
	}
	if !errors.Is(context.Cause(ctx), errGone) { // nobody is left whom it could be told
		s.end(context.WithoutCancel(ctx), id, e)
	}
}

// clientName is what requests of a run say of who sends them (acr-behaviour §3.3).
const clientName = "azure/acr/tasks"

// errBegun says that a run does not wait any more.
var errBegun = errors.New("the run does not wait any more")

// start takes a run out of the state in which it waits, and prepares what it works with.
func (s *Service) start(ctx context.Context, id azure.ResourceID, begun time.Time) (*run, error) {
	r := &run{s: s, id: id, begun: begun}
	waited := false
	var given map[string]any
	err := s.note(ctx, id, func(body, about map[string]any) {
		if waited = about["status"] == statusQueued; waited {
			about["status"], about["startTime"], given = statusStarted, stamp(r.begun), body
		}
	})
	if err != nil || !waited {
		return r, errBegun
	}
	if r.log, err = newLog(s.Blobs, logOf(id), s.Cloud.Now); err != nil {
		return r, err
	}
	if remark := textOf(given["remark"]); remark != "" {
		r.log.print(remark)
	}
	registry, _ := id.Parent()
	host, _ := azure.ParseResourceID(textOf(given["host"]))
	if r.plan, err = newPlan(s.Cloud.State(), registry, host, given["request"]); err != nil {
		return r, err
	}
	r.made = textOf(given["hostMade"])
	r.agent, err = agent.New(s.Cloud, r.place(), clientName)
	return r, err
}

// errTimeout is the cause for which a run, or a step, that takes too long is stopped.
var errTimeout = errors.New("timed out")

// limited does the work in the time that it may take.
func (r *run) limited(ctx context.Context) error {
	defer r.agent.Close()
	ctx, stop := r.s.within(ctx, r.timeout())
	defer stop()
	err := r.do(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// within bounds what is done by a time, after which the context ends with errTimeout.
func (s *Service) within(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.Cloud.After(d):
			cancel(errTimeout)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// do does what a run does, in ACR's order (acr-tasks §1.1).
func (r *run) do(ctx context.Context) error {
	_ = r.s.note(ctx, r.id, func(_, about map[string]any) { about["status"] = statusRunning })
	if err := r.openFiles(); err != nil {
		return err
	}
	defer r.close()
	ctx, stop := r.bounded(ctx)
	defer stop()
	steps := []func(context.Context) error{
		r.download, r.parse, r.resolveLogins, r.configure, r.logIn, r.fillVolumes, r.walk, r.report,
	}
	for _, step := range steps {
		err := step(ctx)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			r.log.print(err.Error())
			return err
		}
	}
	return nil
}

// close ends what the run left: containers, images, files.
func (r *run) close() {
	if r.network.Network != nil {
		if err := r.network.Close(); err != nil {
			r.s.Log.Error("close the network of a run", "run", r.id, "error", err)
		}
	}
	r.images.close()
	r.files.close()
}

func (r *run) loginServer() string { return azure.LoginServer(r.registry.Name()) }

// openFiles makes the directories of the run.
func (r *run) openFiles() (err error) {
	r.files, err = newFiles(r.s.Dir)
	return err
}

// parse reads what is to be done.
func (r *run) parse(ctx context.Context) (err error) {
	volume := "acb_vol_" + strings.ToLower(rand.Text())
	r.log.printf("Using %s as the home volume", volume)
	for _, a := range append(append([]argument(nil), r.Arguments...), r.Values...) {
		if a.IsSecret {
			r.log.hide(a.Value)
		}
	}
	in := taskfile.Input{
		Run: taskfile.Run{
			ID: r.id.Name(), Registry: r.loginServer(), Date: r.begun.UTC(), SharedVolume: volume,
			OS: "linux", Architecture: runtime.GOARCH, TaskName: r.name,
			Commit: r.fetched.Commit, Branch: r.fetched.Branch,
		},
		Set: arguments(r.Values), AliasFile: r.aliasFile,
	}
	if r.kind == dockerBuild {
		r.task, err = taskfile.ParseBuild(ctx, r.dockerBuild(), in)
		return err
	}
	if in.Text, in.Values, err = r.texts(); err != nil {
		return err
	}
	r.task, err = taskfile.Parse(ctx, in)
	return err
}

func (r *run) dockerBuild() taskfile.DockerBuild {
	b := taskfile.DockerBuild{
		Context: ".", Dockerfile: r.DockerFilePath, ImageNames: r.ImageNames, Push: r.IsPushEnabled == nil || *r.IsPushEnabled,
		NoCache: r.NoCache, Target: r.Target, Arguments: arguments(r.Arguments), Platform: platformText(r.Platform),
	}
	for _, host := range r.Credentials.hosts() {
		b.Registries = append(b.Registries, host.(string))
	}
	return b
}

func arguments(given []argument) []taskfile.Argument {
	var list []taskfile.Argument
	for _, a := range given {
		list = append(list, taskfile.Argument{Name: a.Name, Value: a.Value, Secret: a.IsSecret})
	}
	return list
}

// platformText is a platform as docker build --platform has it; empty is the machine's.
func platformText(p platform) string {
	if p.Architecture == "" || azure.Fold(p.Architecture) == "amd64" {
		return ""
	}
	text := cmp.Or(azure.Fold(p.OS), "linux") + "/" + azure.Fold(p.Architecture)
	if p.Variant != "" {
		text += "/" + azure.Fold(p.Variant)
	}
	return text
}

// texts are the task file and the values file, from the request or from the source.
func (r *run) texts() (task, values string, err error) {
	if r.kind == encodedTask {
		return string(r.TaskContent), string(r.ValuesContent), nil
	}
	if task, err = r.files.read(cmp.Or(r.TaskFilePath, "acb.yaml")); err != nil || r.ValuesFilePath == "" {
		return task, "", err
	}
	values, err = r.files.read(r.ValuesFilePath)
	return task, values, err
}

func (r *run) aliasFile(_ context.Context, name string) (string, error) {
	if strings.Contains(name, "://") {
		return "", fmt.Errorf("%s is outside this emulator; keep the aliases in a file of the source", name)
	}
	return r.files.read(name)
}

// wait waits, unless the run is stopped.
func (r *run) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-r.s.Cloud.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// The waits between attempts, as acb has them.
const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

func backoff(attempt int) time.Duration { return min(firstBackoff<<attempt, lastBackoff) }
