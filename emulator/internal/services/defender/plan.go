package defender

import (
	"context"
	"errors"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Plan is the plan of Defender for Cloud that images are scanned by.
const Plan = "Containers"

// covered are the registries of the subscriptions that have the plan, by folded name.
func covered(state *azure.State) map[string]azure.ResourceID {
	planned := map[string]azure.ResourceID{}
	for _, d := range state.OfType(azure.TypePricing) {
		properties, _ := d.Body["properties"].(map[string]any)
		tier, _ := properties["pricingTier"].(string)
		if !strings.EqualFold(d.ID.Name(), Plan) || !strings.EqualFold(tier, "Standard") {
			continue
		}
		for _, registry := range state.Children("/subscriptions/"+d.ID.Subscription(), azure.TypeRegistry) {
			planned[azure.Fold(registry.ID.Name())] = registry.ID
		}
	}
	return planned
}

// refresh finds out where the plan is on now. A registry for which it was not is looked through; what a registry refused is
// tried again, since its settings may be what changed; what was found where the plan is off is taken back.
func (s *Service) refresh(ctx context.Context) {
	s.on.Store(true) // what happens from now on is noted, in case it matters
	state := s.Cloud.State()
	planned := covered(state)
	s.mu.Lock()
	before := s.planned
	s.planned = planned
	for name := range planned {
		if _, known := before[name]; !known {
			all := image{registry: name}
			s.enqueue(all, s.remember(all))
		}
	}
	for of, r := range s.images {
		_, still := planned[of.registry]
		var refused *accessError
		switch {
		case !still && !r.waiting:
			delete(s.images, of)
		case errors.As(r.failed, &refused):
			s.enqueue(of, r)
		}
	}
	s.mu.Unlock()
	if err := s.retract(ctx, planned); err != nil {
		s.Log.Error("findings not taken back", "error", err)
	}
	s.on.Store(len(planned) > 0 || s.stale.Load())
}
