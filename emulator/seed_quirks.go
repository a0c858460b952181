package emulator

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// quirkSettings are how the imitated behaviour differs, by the names of quirks: for every registry, and for some by
// folded name. They are kept as settings; azure.State.Quirk reads them.
type quirkSettings struct {
	All        map[string]any            `json:"all"`
	Registries map[string]map[string]any `json:"registries"`
}

// quirk is a named, documented deviation from what is emulated by default (design.md, "Behaviour over time").
type quirk struct {
	name    string
	meaning string
	values  string
	// whole says that it concerns the whole emulator, and cannot be set for one registry.
	whole bool
	// takes says which values there are.
	takes func(value any) bool
	// set changes the quirks of a registry; nil if the quirk acts elsewhere.
	set func(q *gate.Quirks, value any)
}

// quirks is the table of quirks. A behaviour stands for several of them, so that it comes first; what is set alone counts
// more.
var quirks = []quirk{
	{
		"behavior", "the behaviour that registries follow: a set of the others", "`article` or `current`", false, isBehavior,
		func(q *gate.Quirks, v any) { *q, _ = gate.Behavior(v.(string)).Quirks() }, //nolint:forcetypeassert,errcheck // isBehavior
	},
	{
		"tasks-need-flag", "an unset `networkRuleBypassAllowedForTasks` means false", "true or false", false, isFlag,
		func(q *gate.Quirks, v any) { q.TasksNeedFlag = v == true },
	},
	{
		"correlation-in-message", "messages of the token service end in the correlation ID", "true or false", false, isFlag,
		func(q *gate.Quirks, v any) { q.CorrelationInMessage = v == true },
	},
	{
		"deny-at-registry", "the firewall answers 403 on `/v2` before it asks for a credential, as until 2021", "true or false", false, isFlag,
		func(q *gate.Quirks, v any) { q.DenyAtRegistry = v == true },
	},
	{azure.IPRuleQuota, "how many IP rules a registry may have, instead of 200", "a number", false, isQuota, nil},
	{azure.AssumePrivateDNS, "without any private DNS zone, networks with an approved endpoint count as linked; true unless set", "true or false", true, isFlag, nil},
	{azure.StrictPrivateDNS, "private DNS alone decides: a name without a record set in a linked zone, or an address out of reach, leads nowhere", "true or false", true, isFlag, nil},
	{azure.SlowOperations, "how long ARM says that writing, removing and importing take, instead of no time", "a duration such as `5s`, up to an hour", true, isDelay, nil},
	{plainAnswers, "registries answer without the headers `X-Acrlocal-…`", "true or false", true, isFlag, nil},
}

// plainAnswers is the quirk that leaves out the headers that ACR does not send.
const plainAnswers = "plain-answers"

func isFlag(v any) bool { _, ok := v.(bool); return ok }

func isBehavior(v any) bool {
	name, _ := v.(string)
	_, ok := gate.Behavior(name).Quirks()
	return ok
}

// maxQuota bounds the quota of IP rules.
const maxQuota = 100_000

func isQuota(v any) bool {
	n, ok := v.(float64)
	return ok && n >= 0 && n <= maxQuota && n == float64(int(n))
}

func isDelay(v any) bool {
	text, _ := v.(string)
	d, err := time.ParseDuration(text)
	return err == nil && d >= 0 && d <= time.Hour
}

// readQuirks reads quirks by name; registries holds those of single ones.
func (r *seedReader) readQuirks(p position) error {
	entries, err := p.entries("quirks by name: " + quirkNames())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.key == "registries" {
			err = r.registryQuirks(p.at(e.value))
		} else {
			r.quirks.All, err = p.quirk(e, r.quirks.All, true)
		}
		if err != nil {
			return err
		}
	}
	r.seed.plainAnswers = r.quirks.All[plainAnswers] == true
	return nil
}

func (r *seedReader) registryQuirks(p position) error {
	registries, err := p.entries("quirks by the names of registries")
	if err != nil {
		return err
	}
	if r.quirks.Registries == nil {
		r.quirks.Registries = map[string]map[string]any{}
	}
	for _, registry := range registries {
		at, name := p.at(registry.value), azure.Fold(registry.key)
		r.named = append(r.named, namedRegistry{registry.key, at.on(registry.line)})
		entries, err := at.entries("quirks by name: " + quirkNames())
		if err != nil {
			return err
		}
		for _, e := range entries {
			if r.quirks.Registries[name], err = at.quirk(e, r.quirks.Registries[name], false); err != nil {
				return err
			}
		}
	}
	return nil
}

// quirk adds a quirk to those set before. whole says that it is set for the whole emulator.
func (p position) quirk(e entry, before map[string]any, whole bool) (map[string]any, error) {
	at := slices.IndexFunc(quirks, func(q quirk) bool { return q.name == e.key })
	if at < 0 {
		return nil, p.errorAt(e.line, "there is no quirk %q; there are %s", e.key, quirkNames())
	}
	q := quirks[at]
	value, err := p.at(e.value).value()
	switch {
	case err != nil:
		return nil, err
	case q.whole && !whole:
		return nil, p.errorAt(e.line, "the quirk %s concerns the whole emulator, not one registry", q.name)
	case !q.takes(value):
		return nil, p.errorAt(e.line, "%v is no value of the quirk %s, which takes %s", value, q.name, strings.ReplaceAll(q.values, "`", ""))
	}
	after := map[string]any{}
	maps.Copy(after, before)
	after[q.name] = value
	return after, nil
}

// quirkNames are the names that may stand in a seed.
func quirkNames() string {
	all := []string{"registries"}
	for _, q := range quirks {
		all = append(all, q.name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// quirksOf returns the function that tells a registry's quirks: those of the default behaviour, with what the settings say
// for all and for the one.
func quirksOf(b gate.Behavior) func(*azure.State, azure.ResourceID) gate.Quirks {
	return func(s *azure.State, registry azure.ResourceID) gate.Quirks {
		q, _ := b.Quirks()
		for _, rule := range quirks {
			if value := s.Quirk(rule.name, registry.Name()); rule.set != nil && rule.takes(value) {
				rule.set(&q, value)
			}
		}
		return q
	}
}
