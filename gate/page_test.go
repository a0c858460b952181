package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// decisionsPage is the matrix of decisions as people read it.
const decisionsPage = "../docs/decisions.md"

const pageIntroduction = `# Decisions

What the gate decides, as tables. This page is generated from the gate itself (` + "`make docs`" + `), and a test fails when it
is out of date; an oracle written apart from the gate agrees with every cell.

A decision has four stages: **network** (may a request from there get in), **authentication** (who asks), **authorization**
(may they do that) and **resource** (does the content allow it). The first stage that refuses settles it. Getting past the
network never replaces a role, and a role never gets past the network.

`

// pageColumns are the states of a registry's network rules, and from where a request comes.
var pageColumns = []struct{ title, registry, from string }{
	{"open to all networks", "public default-allow", "from 198.51.100.7"},
	{"selected networks, address in an IP rule", "public ip=203.0.113.0/24", "from 203.0.113.7"},
	{"selected networks, address in none, bypass on", "public ip=203.0.113.0/24 bypass", "from 198.51.100.7"},
	{"the same, bypass off", "public ip=203.0.113.0/24", "from 198.51.100.7"},
	{"public access disabled, bypass on", "bypass", "from 198.51.100.7"},
	{"the same, bypass off", "", "from 198.51.100.7"},
	{"through an approved private endpoint", "", "through good"},
	{"through a pending one, bypass on", "bypass", "through waiting"},
	{"virtual network rules, from elsewhere, bypass on", "public subnets=hub/app bypass", "from 198.51.100.7"},
}

// pageCallers are who asks, in the order of the article.
var pageCallers = []struct{ title, who, flag string }{
	{"Azure Container Instances, system-assigned", "aci", ""},
	{"Azure Container Instances, user-assigned", "ua", ""},
	{"Microsoft Defender for Cloud", "defender", ""},
	{"ACR Tasks, system-assigned, flag unset", "task", ""},
	{"ACR Tasks, system-assigned, flag true", "task", " tasks=true"},
	{"ACR Tasks, system-assigned, flag false", "task", " tasks=false"},
	{"ACR Tasks, user-assigned, flag true", "ua host=Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly", " tasks=true"},
	{"Machine Learning, system-assigned", "ml", ""},
	{"Machine Learning, user-assigned", "ua host=Microsoft.MachineLearningServices/workspaces/vision", ""},
	{"Azure Container Registry (import)", "import", ""},
	{"App Service, system-assigned", "shop", ""},
	{"App Service, user-assigned", "ua host=Microsoft.Web/sites/shop", ""},
	{"virtual machine", "jumpbox", ""},
	{"AKS", "nodes", ""},
	{"Container Apps", "web", ""},
	{"a person", "ann", ""},
	{"a service principal", "robot", ""},
	{"the admin user", "admin", ""},
	{"a repository-scoped token", "token:ci", ""},
	{"nobody (anonymous pull on)", "anonymous", ""},
}

// TestDecisionsPage compares the page with the gate; with -update it writes the page.
func TestDecisionsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(pageIntroduction)
	writeNetworkTables(t, &b)
	writeRoleTables(t, &b)
	writeHolderTable(t, &b)
	writeReasonTable(&b)
	compareGolden(t, decisionsPage, b.String())
}

func writeNetworkTables(t *testing.T, b *strings.Builder) {
	b.WriteString("## Who gets past the network\n\nEach caller asks the token service for a login, and has a role or needs none. ✓ is allowed, ✗ refused\n" +
		"with 403; the word is the reason. *Bypass* is `networkRuleBypassOptions`, *flag* is `networkRuleBypassAllowedForTasks`.\n\n")
	for _, behavior := range []gate.Behavior{gate.Article, gate.Current} {
		fmt.Fprintf(b, "### Behaviour `%s`\n\n", behavior)
		header := []string{"caller"}
		for _, column := range pageColumns {
			header = append(header, column.title)
		}
		writeLine(b, header)
		writeRule(b, len(header))
		for _, caller := range pageCallers {
			line := []string{caller.title}
			for _, column := range pageColumns {
				registry := "registry myregistry " + column.registry + caller.flag + " admin anonymous-pull"
				if behavior == gate.Current {
					registry += " current"
				}
				line = append(line, networkCell(t, registry, "sign-in as "+caller.who+" at token "+column.from))
			}
			writeLine(b, line)
		}
		b.WriteString("\n")
	}
}

func networkCell(t *testing.T, registry, asked string) string {
	p, err := parsePolicy(strings.Replace(networkPolicy, "registry myregistry", registry+"\ntoken ci actions=repositories/*/content/read", 1))
	if err != nil {
		t.Fatal(err)
	}
	return cell(agreed(t, p, asked))
}

// agreed asks gate and the oracle, and wants one answer.
func agreed(t *testing.T, p gate.Policy, text string) ruling {
	t.Helper()
	b, q := newBench(t, text, p), mustAsk(t, p, text)
	b.put(q.question, func() string { return text })
	for _, wrong := range b.wrong {
		t.Error(wrong)
	}
	return rulingOf(b.snapshot.Decide(q.Request))
}

func cell(r ruling) string {
	if r.verdict == "allow" {
		return "✓ " + r.network
	}
	return "✗ " + r.reason
}

func writeLine(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func writeRule(b *strings.Builder, columns int) {
	b.WriteString(strings.Repeat("|---", columns) + "|\n")
}

// pageOperations are the columns of the tables of rights.
func pageOperations() (header []string) {
	for _, kind := range gate.OperationKinds() {
		header = append(header, kind.String())
	}
	return header
}

func writeRoleTables(t *testing.T, b *strings.Builder) {
	b.WriteString("## What a role allows\n\nThe role is assigned on the registry, its resource group, its subscription or a management group above, directly or\n" +
		"through groups. A dash is `role-lacks-action`. Without any role it is `no-role`; if the role's condition does not hold,\n`condition-not-met`.\n\n")
	for _, mode := range []struct{ title, word string }{{"LegacyRegistryPermissions", ""}, {"AbacRepositoryPermissions", " abac"}} {
		fmt.Fprintf(b, "### Mode `%s`\n\n", mode.title)
		writeLine(b, append([]string{"role"}, pageOperations()...))
		writeRule(b, len(pageOperations())+1)
		for _, role := range oracleBuiltIn {
			p, err := parsePolicy("registry myregistry public default-allow" + mode.word + "\nprincipal ann kind=User\n" +
				"assign ann role=" + strings.ReplaceAll(role.name, " ", "_") + " at=myregistry")
			if err != nil {
				t.Fatal(err)
			}
			writeLine(b, append([]string{role.name}, marks(t, p, "ann", "–")...))
		}
		b.WriteString("\n")
	}
}

// marks are ✓, or what stands for a refusal, for each operation.
func marks(t *testing.T, p gate.Policy, who, refused string) (line []string) {
	for _, kind := range gate.OperationKinds() {
		repository := "team/app"
		if kind == gate.OpCatalog || kind == gate.OpSignIn {
			repository = ""
		}
		r := agreed(t, p, kind.String()+" "+repository+" as "+who+" at token")
		if r.verdict == "allow" {
			line = append(line, "✓")
			continue
		}
		line = append(line, refused)
	}
	return line
}

func writeHolderTable(t *testing.T, b *strings.Builder) {
	b.WriteString("## What needs no role\n\nThe accounts that a registry keeps itself, and Azure's own services. A dash is `scope-map-lacks-action` for tokens, and\n" +
		"`no-role` for the others, who may be given roles as well.\n\n")
	p, err := parsePolicy(`registry myregistry public default-allow admin anonymous-pull
token reads actions=repositories/*/content/read,repositories/*/metadata/read
token writes actions=repositories/*/content/read,repositories/*/content/write
token all actions=repositories/*/content/read,repositories/*/content/write,repositories/*/content/delete,repositories/*/metadata/read,repositories/*/metadata/write
principal defender kind=FirstParty service=Microsoft_Defender_for_Cloud
principal import kind=FirstParty service=Azure_Container_Registry`)
	if err != nil {
		t.Fatal(err)
	}
	writeLine(b, append([]string{"holder"}, pageOperations()...))
	writeRule(b, len(pageOperations())+1)
	for _, holder := range []struct{ title, who string }{
		{"admin user", "admin"},
		{"anonymous pull", "anonymous"},
		{"token with content/read, metadata/read", "token:reads"},
		{"token with content/read, content/write", "token:writes"},
		{"token with every action", "token:all"},
		{"Microsoft Defender for Cloud", "defender"},
		{"Azure Container Registry (import)", "import"},
	} {
		writeLine(b, append([]string{holder.title}, marks(t, p, holder.who, "–")...))
	}
	b.WriteString("\n")
}

func writeReasonTable(b *strings.Builder) {
	b.WriteString("## Reasons\n\nThe reasons in headers, logs and tests. *Answer* is the status and code of the refusal.\n\n")
	writeLine(b, []string{"stage", "reason", "answer", "meaning", "source"})
	writeRule(b, 5)
	for _, info := range gate.Reasons() {
		answer := "allowed"
		if info.Verdict != gate.Allow {
			answer = fmt.Sprintf("%d %s", info.Status, info.Code)
		}
		writeLine(b, []string{info.Stage.String(), "`" + string(info.Reason) + "`", answer, info.Why, info.Source})
	}
}
