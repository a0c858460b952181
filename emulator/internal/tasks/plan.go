package tasks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// argument is a build argument or a value of a request.
type argument struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	IsSecret bool   `json:"isSecret"`
}

// step is what a run does, as requests and tasks alike have it (acr-tasks §2).
type step struct {
	Type string `json:"type"`

	ImageNames     []string   `json:"imageNames"`
	IsPushEnabled  *bool      `json:"isPushEnabled"` // unset is true
	NoCache        bool       `json:"noCache"`
	DockerFilePath string     `json:"dockerFilePath"`
	Target         string     `json:"target"`
	Arguments      []argument `json:"arguments"`

	TaskFilePath   string     `json:"taskFilePath"`
	ValuesFilePath string     `json:"valuesFilePath"`
	TaskContent    []byte     `json:"encodedTaskContent"`
	ValuesContent  []byte     `json:"encodedValuesContent"`
	Values         []argument `json:"values"`

	ContextPath        string `json:"contextPath"`
	ContextAccessToken string `json:"contextAccessToken"`
}

// work is where and for how long, again as requests and tasks have it.
type work struct {
	Platform      platform    `json:"platform"`
	Agent         machine     `json:"agentConfiguration"`
	AgentPoolName string      `json:"agentPoolName"`
	Timeout       int         `json:"timeout"` // in seconds
	Credentials   credentials `json:"credentials"`
}

// machine is what a run asks of the machine that it works on.
type machine struct {
	CPU float64 `json:"cpu"`
}

// defaultCPU is how many processors a machine has unless a run asks for more or less.
const defaultCPU = 2

func (m machine) cpus() float64 {
	if m.CPU <= 0 {
		return defaultCPU
	}
	return m.CPU
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// request is the body of scheduleRun, in any of its four forms, and what a trigger adds.
type request struct {
	step
	work
	TaskID         string   `json:"taskId"`
	SourceLocation string   `json:"sourceLocation"`
	Override       override `json:"overrideTaskStepProperties"`
}

// override is what a run of a task changes of its step.
type override struct {
	Arguments          []argument `json:"arguments"`
	Values             []argument `json:"values"`
	ContextPath        string     `json:"contextPath"`
	File               string     `json:"file"`
	Target             string     `json:"target"`
	UpdateTriggerToken string     `json:"updateTriggerToken"`
}

// stepKinds are the kinds of steps by the type of a request or of a task's step.
var stepKinds = map[string]kind{
	"DockerBuildRequest": dockerBuild, "Docker": dockerBuild,
	"FileTaskRunRequest": fileTask, "FileTask": fileTask,
	"EncodedTaskRunRequest": encodedTask, "EncodedTask": encodedTask,
}

type kind uint8

const (
	unknownStep kind = iota
	dockerBuild
	fileTask
	encodedTask
)

// plan is what a run comes to once its request and its task are put together.
type plan struct {
	step
	work
	kind     kind
	registry azure.ResourceID
	host     azure.ResourceID // the task, or task run, whose identity the run has; zero for a quick run
	made     string           // when the host was made: one that is made again later is another
	name     string           // of the task
	source   string           // empty is none
}

// The bounds of a run's time (acr-tasks §1.6).
const (
	defaultTimeout = time.Hour
	maxTimeout     = 8 * time.Hour
)

func (p *plan) timeout() time.Duration {
	if p.Timeout <= 0 {
		return defaultTimeout
	}
	return min(time.Duration(p.Timeout)*time.Second, maxTimeout)
}

// decode reads an object of a document into what has members for it.
func decode(object any, into any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// newPlan puts a run together: its request, and its task as it is now. Its identity is that of the host, if there is one, or
// of the task.
func newPlan(s *azure.State, registry, host azure.ResourceID, given any) (*plan, error) {
	var r request
	if err := decode(given, &r); err != nil {
		return &plan{}, fmt.Errorf("the request cannot be read: %w", err)
	}
	p := &plan{registry: registry, host: host, step: r.step, work: r.work, source: r.SourceLocation}
	if r.Type == "TaskRunRequest" {
		if err := p.readTask(s, r); err != nil {
			return p, err
		}
	}
	if p.kind = stepKinds[p.Type]; p.kind == unknownStep {
		return p, fmt.Errorf("a step of the type %q cannot be run", p.Type)
	}
	return p, nil
}

// readTask takes what the request leaves to the task.
func (p *plan) readTask(s *azure.State, r request) error {
	id, err := azure.ParseResourceID(r.TaskID)
	if err != nil {
		return err
	}
	d, found := s.Get(id.Key())
	if above, _ := id.Parent(); above.Key() != p.registry.Key() || !found || !d.Is(azure.TypeTask) {
		return fmt.Errorf("there is no task %s any more", id.Name())
	}
	var task struct {
		Properties struct {
			work
			Step step `json:"step"`
		} `json:"properties"`
	}
	if err := decode(d.Body, &task); err != nil {
		return fmt.Errorf("task %s cannot be read: %w", id.Name(), err)
	}
	if p.name = d.ID.Name(); p.host.IsZero() {
		p.host = d.ID
	}
	p.step, p.work = task.Properties.Step, task.Properties.work
	p.AgentPoolName = cmp.Or(r.AgentPoolName, p.AgentPoolName)
	p.override(r.Override)
	p.source = p.ContextPath
	return nil
}

func (p *plan) override(o override) {
	p.ContextPath = cmp.Or(o.ContextPath, p.ContextPath)
	p.Target = cmp.Or(o.Target, p.Target)
	p.Arguments = merge(p.Arguments, o.Arguments)
	p.Values = merge(p.Values, o.Values)
	p.DockerFilePath, p.TaskFilePath = cmp.Or(o.File, p.DockerFilePath), cmp.Or(o.File, p.TaskFilePath)
}

// merge adds arguments to others, in place of those of the same name.
func merge(old, given []argument) []argument {
	merged := append([]argument(nil), old...)
next:
	for _, a := range given {
		for i := range merged {
			if merged[i].Name == a.Name {
				merged[i] = a
				continue next
			}
		}
		merged = append(merged, a)
	}
	return merged
}

// pool is the agent pool that the run waits for; zero if it is that of the registry.
func (p *plan) pool() azure.ResourceID {
	if p.AgentPoolName == "" {
		return azure.ResourceID{}
	}
	id, _ := p.registry.Child("agentPools", p.AgentPoolName)
	return id
}

// place is where the run works: at its task, or at no resource, outside all networks; on a machine of the agent pool if it
// has one, but with the same identity (acr-tasks §4.5).
func (p *plan) place() agent.Place {
	at, pool := p.outside, p.pool()
	if !p.host.IsZero() {
		at = p.atHost
	}
	if pool.IsZero() {
		return at
	}
	return func(s *azure.State) (azure.Place, error) {
		who, err := at(s)
		if err != nil {
			return who, err
		}
		where, err := azure.ResolvePlace(s, pool.String())
		return where.With(who), err
	}
}

// atHost is the place of the host, as long as it is the one for which the run was made.
func (p *plan) atHost(s *azure.State) (azure.Place, error) {
	if _, err := p.hostIn(s); err != nil {
		return azure.Place{}, err
	}
	return azure.ResolvePlace(s, p.host.String())
}

// hostIn is the host of the run. What was made again in its place may have an identity that is none of the run's.
func (p *plan) hostIn(s *azure.State) (*azure.Document, error) {
	d, found := s.Get(p.host.Key())
	if !found || madeAt(d) != p.made {
		return nil, fmt.Errorf("%s was removed since the run was scheduled", p.host.Name())
	}
	return d, nil
}

// madeAt is when a document was made, as it says.
func madeAt(d *azure.Document) string {
	system, _ := d.Body["systemData"].(map[string]any)
	return textOf(system["createdAt"])
}

func (p *plan) outside(*azure.State) (azure.Place, error) { return azure.OutsidePlace(p.registry), nil }
