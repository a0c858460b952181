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
	fresh, planned := s.fresh.Swap(false), covered(s.Cloud.State())
	s.mu.Lock()
	if fresh {
		s.queue, s.images, s.planned = nil, map[image]*record{}, nil
	}
	s.plan(planned)
	s.mu.Unlock()
	if err := s.retract(ctx, planned); err != nil {
		s.Log.Error("findings not taken back", "error", err)
	}
	s.on.Store(len(planned) > 0 || s.stale.Load())
}

// plan notes where the plan is on, and puts into the queue what is to be looked at because of that.
func (s *Service) plan(planned map[string]azure.ResourceID) {
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
		_, refused := errors.AsType[*accessError](r.failed)
		switch {
		case !still && !r.waiting:
			delete(s.images, of)
		case refused:
			s.enqueue(of, r)
		}
	}
}
