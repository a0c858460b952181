package imports

import (
	"context"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// An import is on record while it is under way: a document that no API shows, below the target. A process that finds one at
// its start knows that an earlier process was stopped in the middle of it; the record then answers whoever asks for the
// operation, for a day.

const recordLifetime = 24 * time.Hour

func (r Request) record() (azure.ResourceID, error) {
	return azure.ParseResourceID(r.Target.String() + "/imports/" + r.Operation)
}

func (s *Service) remember(ctx context.Context, r Request) error {
	id, err := r.record()
	if err != nil {
		return err
	}
	return s.cloud.Update(ctx, func(*azure.State) (azure.Change, error) {
		return azure.Change{Put: []azure.Document{{ID: id, Body: map[string]any{
			"id": id.String(), "name": id.Name(), "type": azure.TypeImport,
			"properties": map[string]any{
				"principalId": r.Principal, "sourceImage": r.Image, "startTime": s.cloud.Now().UTC().Format(time.RFC3339Nano),
			},
		}}}}, nil
	})
}

// checkThere refuses an import whose registries are not those of which it was checked who may import: one of the same name may be
// somebody else's. A target that was made again has no record of the import.
func (s *Service) checkThere(r Request) error {
	state := s.cloud.State()
	id, err := r.record()
	if _, there := state.Get(id.Key()); err != nil || !there {
		return errGone.of(r)
	}
	if _, there := state.Get(r.Source.Key()); !there && !r.Source.IsZero() {
		return errGone.at(r, r.Source.String())
	}
	return nil
}

// forget takes an import off the record. That it stays there does no harm: whoever asks was told already.
func (s *Service) forget(ctx context.Context, r Request) {
	_ = s.cloud.Update(ctx, func(state *azure.State) (azure.Change, error) {
		id, err := r.record()
		if _, there := state.Get(id.Key()); err != nil || !there {
			return azure.Change{}, err
		}
		return azure.Change{Delete: []string{id.Key()}}, nil
	})
}

// forgetOld takes off the record what nobody will ask for any more.
func (s *Service) forgetOld(ctx context.Context) {
	_ = s.cloud.Update(ctx, func(state *azure.State) (change azure.Change, _ error) {
		for _, d := range state.OfType(azure.TypeImport) {
			properties, _ := d.Body["properties"].(map[string]any)
			text, _ := properties["startTime"].(string)
			if begun, err := time.Parse(time.RFC3339Nano, text); err != nil || s.cloud.Now().Sub(begun) > recordLifetime {
				change.Delete = append(change.Delete, d.ID.Key())
			}
		}
		return change, nil
	})
}
