package azure

// IPRuleQuota is the quirk that sets how many IP rules a registry may have, instead of MaxIPRules.
const IPRuleQuota = "ip-rule-quota"

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
