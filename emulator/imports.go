package emulator

import (
	"context"
	"errors"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/services/imports"
)

// newImporter makes the service that copies images, which works as long as the emulator.
func (e *Emulator) newImporter() arm.Importer {
	service := imports.New(cloud{e}, e.mirror)
	e.services = append(e.services, service)
	return importer{service}
}

// importer lets the control plane hand imports to the service that carries them out.
type importer struct{ service *imports.Service }

// Import takes an import on.
func (i importer) Import(ctx context.Context, what arm.Import) error {
	done := what.Done
	what.Done = func(err error) { done(importError(err)) }
	return importError(i.service.Start(ctx, imports.Request(what)))
}

// importError renders what the service says in ARM's dialect.
func importError(err error) error {
	if failed, ok := errors.AsType[*imports.Error](err); ok {
		return &arm.Error{Status: failed.Status, Code: failed.Code, Message: failed.Message}
	}
	return err
}
