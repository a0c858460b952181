package gate_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// tally collects what a cross product found, from several goroutines.
type tally struct {
	mu       sync.Mutex
	count    int
	outcomes map[string]int
	wrong    []string
}

// maxWrong is how many disagreements are worth reading.
const maxWrong = 10

func (t *tally) add(part *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += part.count
	for outcome, n := range part.outcomes {
		t.outcomes[outcome] += n
	}
	t.wrong = append(t.wrong, part.wrong[:min(len(part.wrong), maxWrong-min(len(t.wrong), maxWrong))]...)
}

// bench is one compiled policy with its oracle, at which many questions are put.
type bench struct {
	tally
	name     string
	snapshot *gate.Snapshot
	oracle   *oracle
}

func newBench(tb testing.TB, name string, p gate.Policy) *bench {
	tb.Helper()
	s, err := gate.Compile(p)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return &bench{name: name, snapshot: s, oracle: newOracle(p), tally: tally{outcomes: map[string]int{}}}
}

// put asks both and notes it if they disagree.
func (b *bench) put(q question, describe func() string) {
	b.count++
	d := b.snapshot.Decide(q.Request)
	got, want := rulingOf(d), b.oracle.judge(q)
	b.outcomes[want.verdict+" "+want.stage+" "+want.reason]++
	b.outcomes["via "+want.network]++
	if got != want && len(b.wrong) < maxWrong {
		b.wrong = append(b.wrong, fmt.Sprintf("%s, %s:\n    gate: %s\n  oracle: %s\n   steps: %v", b.name, describe(), got, want, d.Steps()))
	}
}

// networkPolicy is what the callers and endpoints of the network product have in common.
const networkPolicy = `
registry myregistry
registry other public default-allow
token ci actions=repositories/*/content/read
endpoint good of=myregistry status=Approved address=10.0.0.4 network=hub prefix=10.0.0.0/16
endpoint waiting of=myregistry status=Pending address=10.1.0.4 network=spoke prefix=10.1.0.0/16
endpoint refused of=myregistry status=Rejected address=10.2.0.4 network=spoke prefix=10.1.0.0/16
endpoint gone of=myregistry status=Disconnected address=10.3.0.4 network=spoke
endpoint theirs of=other status=Approved address=10.4.0.4 network=lab prefix=10.4.0.0/16,10.0.128.0/17
principal aci kind=SystemAssigned resource=Microsoft.ContainerInstance/containerGroups/worker
principal ml kind=SystemAssigned resource=Microsoft.MachineLearningServices/workspaces/vision
principal score kind=SystemAssigned resource=Microsoft.MachineLearningServices/workspaces/vision/onlineEndpoints/score
principal task kind=SystemAssigned resource=Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly
principal idle kind=SystemAssigned resource=Microsoft.ContainerInstance/containerGroups/idle
principal shop kind=SystemAssigned resource=Microsoft.Web/sites/shop
principal jumpbox kind=SystemAssigned resource=Microsoft.Compute/virtualMachines/jumpbox
principal nodes kind=SystemAssigned resource=Microsoft.ContainerService/managedClusters/nodes
principal web kind=SystemAssigned resource=Microsoft.App/containerApps/web
principal ua kind=UserAssigned resource=Microsoft.ManagedIdentity/userAssignedIdentities/builder hosts=Microsoft.ContainerInstance/containerGroups/worker,Microsoft.MachineLearningServices/workspaces/vision,Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly,Microsoft.Web/sites/shop
principal defender kind=FirstParty service=Microsoft_Defender_for_Cloud
principal import kind=FirstParty service=Azure_Container_Registry
principal devops kind=FirstParty service=Azure_DevOps
principal ann kind=User
principal robot kind=ServicePrincipal
principal team kind=Group
assign aci role=AcrPull at=group
assign ml role=AcrPush at=group
assign score role=AcrPull at=group
assign task role=AcrPush at=group
assign shop role=AcrPull at=group
assign jumpbox role=AcrPull at=group
assign nodes role=AcrPull at=group
assign web role=AcrPush at=group
assign ua role=AcrPull at=group
assign ann role=Owner at=group
assign robot role=AcrPull at=group
assign team role=AcrPull at=group`

// registryStates are the network rules of the registry, as a policy line has them.
var registryStates = []string{
	"public default-allow",
	"public ip=203.0.113.0/24",
	"public ip=203.0.113.0/24 subnets=hub/app",
	"default-allow ip=203.0.113.0/24",
	"subnets=hub/app",
}

// switches are bypass on and off × the three states of the tasks flag × the behaviours, the firewall of old included,
// × what else a registry may allow.
func switches() (all []string) {
	for _, bypass := range []string{"", " bypass"} {
		for _, flag := range []string{"", " tasks=true", " tasks=false"} {
			for _, behavior := range []string{"", " current", " deny-at-registry"} {
				all = append(all, bypass+flag+behavior)
			}
		}
	}
	return all
}

// origins are where a request comes from, as a row has them.
var origins = []string{
	"from 203.0.113.7", "from 198.51.100.7", "from 2001:db8::1", "from 203.0.114.0",
	"through good", "through waiting", "through refused", "through gone", "through theirs", "through nosuch",
	"dialled 10.0.0.4", "dialled 10.1.0.4", "dialled 10.2.0.4", "dialled 10.3.0.4", "dialled 10.4.0.4", "dialled 10.9.0.4",
	"network hub", "network spoke", "network lab", "network nowhere",
	"from 10.0.0.9", "from 10.0.200.9", "from 10.1.0.9", "from 10.4.0.9",
	"subnet hub/app", "subnet hub/ap", "from 203.0.113.7 subnet hub/app", "dialled 10.0.0.4 through waiting",
}

// callers are who asks; those of the first list hold Entra tokens, which ACR exchanges for its own.
var (
	callers = []string{
		"aci", "ml", "score", "task", "idle", "shop", "jumpbox", "nodes", "web", "defender", "import", "devops", "ann",
		"robot", "team", "ghost", "ua", "ua host=", "ua host=Microsoft.MachineLearningServices/workspaces/vision",
		"ua host=Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly", "ua host=Microsoft.Web/sites/shop",
		"ua host=Microsoft.ContainerInstance/containerGroups/stranger", "aci identity=",
		"aci identity=Microsoft.ContainerInstance/containerGroups/idle", "task but expired",
	}
	manners = []string{
		"sign-in at token using entra", "sign-in at token using refresh", "pull a using entra",
		"pull a using access scopes=repository:a:pull", "push a using refresh",
	}
	otherCallers = []string{
		"sign-in as anonymous", "sign-in as anonymous at token", "pull a as anonymous using access scopes=repository:a:pull",
		"pull a as admin", "sign-in as admin at token", "sign-in as token:ci at token", "pull a as token:ci",
		"pull a as token:gone", "sign-in as anonymous at token but password-wrong",
	}
)

// TestCrossProductNetwork puts every caller in every place before every state of the network rules.
func TestCrossProductNetwork(t *testing.T) {
	total := &tally{outcomes: map[string]int{}}
	t.Run("states", func(t *testing.T) {
		for _, state := range registryStates {
			for i, sw := range switches() {
				line := "registry myregistry " + state + sw
				if i%2 == 0 {
					line += " admin anonymous-pull"
				}
				t.Run(line, func(t *testing.T) {
					t.Parallel()
					total.add(askNetwork(t, line))
				})
			}
		}
	})
	total.report(t, 200_000)
}

func askNetwork(t *testing.T, line string) *tally {
	p, err := parsePolicy(strings.Replace(networkPolicy, "registry myregistry", line+"\ntoken ci actions=repositories/*/content/read", 1))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, line, p)
	for _, who := range networkCallers(t, p) {
		for _, place := range networkPlaces(t, p) {
			q := who.question
			q.Source = place.Source
			b.put(q, func() string { return who.text + " " + place.text })
		}
	}
	return &b.tally
}

// phrased is a request with the row that it was read from.
type phrased struct {
	asked
	text string
}

func mustAsk(tb testing.TB, p gate.Policy, text string) phrased {
	tb.Helper()
	a, err := ask(p, text)
	if err != nil {
		tb.Fatal(err)
	}
	return phrased{a, text}
}

func networkCallers(t *testing.T, p gate.Policy) (all []phrased) {
	for _, manner := range manners {
		for _, who := range callers {
			how := strings.Replace(manner, " using", " as "+who+" using", 1)
			all = append(all, mustAsk(t, p, how))
		}
	}
	for _, text := range otherCallers {
		all = append(all, mustAsk(t, p, text))
	}
	return all
}

func networkPlaces(t *testing.T, p gate.Policy) (all []phrased) {
	for _, origin := range origins {
		all = append(all, mustAsk(t, p, "sign-in "+origin))
	}
	nowhere := phrased{text: "from no address"}
	v4in6 := phrased{text: "from ::ffff:203.0.113.7"}
	v4in6.Source.Peer = netip.MustParseAddr("::ffff:203.0.113.7").Unmap()
	return append(all, nowhere, v4in6)
}

// report fails for every disagreement, and if the product did not reach far enough.
func (t *tally) report(tb testing.TB, atLeast int) {
	tb.Helper()
	for _, w := range t.wrong {
		tb.Error(w)
	}
	if t.count < atLeast {
		tb.Errorf("%d combinations, want %d at least", t.count, atLeast)
	}
	tb.Logf("%d combinations, %d outcomes", t.count, len(t.outcomes))
	for _, outcome := range slices.Sorted(maps.Keys(t.outcomes)) {
		tb.Logf("%7d %s", t.outcomes[outcome], outcome)
	}
}

// roleNames are the roles of the access product: built-in ones, and custom ones of accessPolicy.
func roleNames() (names []string) {
	for _, r := range oracleBuiltIn {
		names = append(names, r.name)
	}
	return append(names, "everything", "except", "readers", "pushers")
}

// accessPolicy is what the access product's policies begin with.
const accessPolicy = `
registry myregistry2 public default-allow
subscription under=near,root
role everything actions=* dataActions=*
role except actions=Microsoft.ContainerRegistry/registries/* notActions=*/pull/read,*/artifacts/* dataActions=*/repositories/* notDataActions=*/content/*,*/metadata/write
role readers actions=*/READ notActions=*/deleted/* dataActions=*/read
role pushers actions=Microsoft.ContainerRegistry/registries/push/write dataActions=Microsoft.ContainerRegistry/registries/repositories/content/write
principal inner kind=Group groups=outer
principal outer kind=Group groups=inner
`

const nameAttribute = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]"

// conditions are those of the access product; see conditionHolds.
var conditions = []string{
	"",
	nameAttribute + " StringEqualsIgnoreCase 'team/app'",
	nameAttribute + " StringStartsWithIgnoreCase 'Team/'",
	"((!(ActionMatches{'" + inRegistry + "repositories/content/read'}) AND !(ActionMatches{'" + inRegistry +
		"push/write'})) OR (" + nameAttribute + " StringEqualsIgnoreCase 'lab'))",
}

// reaches are how an assignment may or may not reach the registry.
var reaches = []string{
	"/", "managementGroup:root", "managementGroup:near", "managementGroup:far", "subscription", "group", group + "2",
	"myregistry", "myregistry2", registryID("myregistry") + "/scopeMaps/x",
}

// assigned adds a principal for each role, condition and reach, and returns their names.
func assigned(p *gate.Policy, direct bool) (names []string) {
	for _, role := range roleNames() {
		for c, condition := range conditions {
			for r, reach := range reaches {
				name := fmt.Sprintf("%s.%d.%d", roleID(role), c, r)
				one := gate.Principal{ID: name, Kind: gate.User}
				holder := name
				if !direct {
					holder = "group-of-" + name
					p.Principals = append(p.Principals, gate.Principal{ID: holder, Kind: gate.Group, Groups: []string{"outer"}})
					one.Groups = []string{holder}
				}
				p.Principals = append(p.Principals, one)
				p.Assignments = append(p.Assignments, gate.Assignment{
					ID: "/assignments/" + name, PrincipalID: holder, Role: roleID(role), Scope: scopeNamed(reach), Condition: condition,
				})
				names = append(names, name)
			}
		}
	}
	return append(names, "stranger")
}

// credentials are the ways of the access product to present oneself; access tokens have scopes.
var credentials = []string{
	"using entra",
	"using access scopes=repository:team/app:pull,metadata_read",
	"using access scopes=repository:*:push,delete,metadata_write;registry:catalog:*",
}

// accessRequests are the operations, on two repositories or on the registry, in each of the credentials.
func accessRequests(t *testing.T, p gate.Policy) (all []phrased) {
	for kind := gate.OpUnknown; kind <= gate.OpSetQuarantine; kind++ {
		for _, repository := range []string{"team/app", "lab"} {
			for _, credential := range credentials {
				if kind == gate.OpCatalog || kind == gate.OpSignIn {
					repository = ""
				}
				all = append(all, mustAsk(t, p, kind.String()+" "+repository+" as stranger "+credential))
			}
		}
	}
	return all
}

// TestCrossProductAccess puts every role at every scope, with every condition, before every operation in both modes.
func TestCrossProductAccess(t *testing.T) {
	total := &tally{outcomes: map[string]int{}}
	t.Run("modes", func(t *testing.T) {
		for _, mode := range []string{"", " abac"} {
			for _, direct := range []bool{true, false} {
				line := "registry myregistry public default-allow" + mode
				t.Run(fmt.Sprintf("%s direct=%t", line, direct), func(t *testing.T) {
					t.Parallel()
					total.add(askAccess(t, line, direct))
				})
			}
		}
	})
	total.report(t, 100_000)
}

func askAccess(t *testing.T, line string, direct bool) *tally {
	p, err := parsePolicy(line + accessPolicy + "principal stranger kind=User groups=inner")
	if err != nil {
		t.Fatal(err)
	}
	names := assigned(&p, direct)
	b := newBench(t, line, p)
	for _, request := range accessRequests(t, p) {
		for _, name := range names {
			q := request.question
			q.Credential.Name = name
			b.put(q, func() string { return name + " " + request.text })
		}
	}
	return &b.tally
}

// TestCrossProductAccounts does the same for the accounts that a registry itself keeps, and for nobody.
func TestCrossProductAccounts(t *testing.T) {
	total := &tally{outcomes: map[string]int{}}
	for _, line := range []string{
		"registry myregistry public default-allow admin anonymous-pull",
		"registry myregistry public default-allow abac admin anonymous-pull",
		"registry myregistry public default-allow",
	} {
		p, err := parsePolicy(line + `
token all actions=repositories/*/content/read,repositories/*/content/write,repositories/*/content/delete,repositories/*/metadata/read,repositories/*/metadata/write
token team actions=repositories/team/*/content/read,repositories/team/*/content/write
token app actions=repositories/team/app/content/read,repositories/team/app/metadata/read
token split actions=repositories/*/content/read,repositories/lab/content/write,repositories/team/*/content/delete
token writer actions=repositories/team/app/content/write,repositories/team/app/metadata/write
token nothing
token disabled disabled actions=repositories/*/content/read`)
		if err != nil {
			t.Fatal(err)
		}
		total.add(askAccounts(t, newBench(t, line, p), p))
	}
	total.report(t, 1_000)
}

func askAccounts(t *testing.T, b *bench, p gate.Policy) *tally {
	accounts := []string{"anonymous", "admin", "run"}
	for _, name := range []string{"all", "team", "app", "split", "writer", "nothing", "disabled", "gone"} {
		accounts = append(accounts, "token:"+name)
	}
	for _, request := range accessRequests(t, p) {
		for _, name := range accounts {
			for _, kind := range []gate.CredentialKind{gate.NoCredential, request.Credential.Kind} {
				q, as := request.question, credentialOf(p, name)
				q.Credential.Holder, q.Credential.Name = as.Holder, as.Name
				if q.Credential.Kind = kind; kind != gate.AccessToken {
					q.Credential.Kind = as.Kind
				}
				b.put(q, func() string { return name + " " + request.text })
			}
		}
	}
	return &b.tally
}
