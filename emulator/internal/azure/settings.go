package azure

import "time"

// IPRuleQuota is the quirk that sets how many IP rules a registry may have, instead of MaxIPRules.
const IPRuleQuota = "ip-rule-quota"

// SlowOperations is the quirk that makes operations of the control plane take a while, as Azure's do: a duration in Go's
// form, such as "5s". What they change is in force at once; only what is said of them lags behind (az-cli §6.2).
const SlowOperations = "slow-operations"

// quirksKey is the key of the settings that hold the quirks:
//
//	{"properties": {"all": {NAME: VALUE}, "registries": {REGISTRY: {NAME: VALUE}}}}
//
// with the names of registries folded.
const quirksKey = "/acrlocal/settings/quirks"

// Quirk returns the value that the settings give a quirk for the registry of that name, or else for all; nil if they say
// nothing of it. No registry asks for what is set for all.
func (s *State) Quirk(name, registry string) any {
	d, ok := s.Get(quirksKey)
	if !ok {
		return nil
	}
	p, _ := d.Body["properties"].(map[string]any)
	registries, _ := p["registries"].(map[string]any)
	if own, _ := registries[Fold(registry)].(map[string]any); own[name] != nil {
		return own[name]
	}
	all, _ := p["all"].(map[string]any)
	return all[name]
}

// ipRuleQuota is how many IP rules a registry may have.
func ipRuleQuota(s *State, registry string) int {
	if quota, ok := s.Quirk(IPRuleQuota, registry).(float64); ok {
		return int(quota)
	}
	return MaxIPRules
}

// SlowOperations returns how long operations of the control plane take; 0, unless the quirk says otherwise.
func (s *State) SlowOperations() time.Duration {
	text, _ := s.Quirk(SlowOperations, "").(string)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0
	}
	return d
}
