package arm

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Importer copies images into registries.
type Importer interface {
	// Import takes an import on and returns at once. What comes of it is told by Done, unless this returns an error.
	Import(ctx context.Context, what Import) error
}

// Import is an image to be copied into a registry. Its request has been checked, and its principal may import.
type Import struct {
	// Operation is the ID of the operation, Principal the object ID of who asked for it.
	Operation, Principal string
	// Target is the registry that the image is copied to.
	Target azure.ResourceID
	// Source is the registry that the image comes from, when it was named by its resource ID; otherwise zero.
	Source azure.ResourceID
	// Host is the registry that the image comes from by its address, when it was named so; otherwise empty.
	Host string
	// Image is REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST.
	Image string
	// User and Password are a login to the source; a password without a user is a token. Without both the source is asked as
	// the registry service if it was named by resource ID, and else as nobody.
	User, Password string
	// Tags are REPOSITORY or REPOSITORY:TAG each, Repositories those that get the image without a tag.
	Tags, Repositories []string
	// Force lets tags move that are there already.
	Force bool
	// Progress takes how much is done, in per cent. It may be called any number of times, from any goroutine.
	Progress func(percent int)
	// Done takes how it ended, once; nil is success.
	Done func(error)
}

// importRequest is the body of importImage (acr-behaviour §6.2).
type importRequest struct {
	registryURI, resourceID, image string
	credentials                    map[string]any
	tags, repositories             []string
	force                          bool
}

// The forms of what an import names. A repository's name is that of the registry's own API.
const repositoryForm = `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*`

var (
	importSource     = formOf(repositoryForm + `(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})?`)
	importTag        = formOf(repositoryForm + `(?::[\w][\w.-]{0,127})?`)
	importRepository = formOf(repositoryForm)
	importHost       = formOf(`[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,252}[a-zA-Z0-9])?(?::[0-9]{1,5})?`)
)

// maxImportTags is how many targets one import may name.
const maxImportTags = 50

// importImage takes an import on, after all that can be said against it before its bytes are looked at.
func importImage(c *call, d *azure.Document, given map[string]any) (answer, error) {
	request, err := readImport(given)
	if err != nil {
		return answer{}, err
	}
	if err := c.checkImportSource(request, d); err != nil {
		return answer{}, err
	}
	if c.Importer == nil {
		return answer{}, errImportUnmoved.with(request.image)
	}
	operation := c.start(importRight, d.ID)
	if err := c.Importer.Import(c.r.Context(), c.order(request, operation)); err != nil {
		operation.settle(c.Now(), outcome{err: err})
		return answer{}, err
	}
	return operation.accepted(c, http.StatusAccepted, nil), nil
}

const importRight = azure.TypeRegistry + "/importImage/action"

// order is what a request comes to, reporting to an operation. Where operations are slow, it is over no sooner.
func (c *call) order(r importRequest, o *operation) Import {
	slow := c.Now().Add(c.delay())
	source, _ := azure.ParseResourceID(r.resourceID) // as was checked
	return Import{
		Operation: o.id, Principal: c.principal, Target: o.of, Source: source, Host: r.registryURI, Image: r.image,
		User: textAt(r.credentials, "username"), Password: textAt(r.credentials, "password"),
		Tags: r.tags, Repositories: r.repositories, Force: r.force, Progress: o.advance,
		Done: func(err error) { o.settle(later(c.Now(), slow), outcome{err: err}) },
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// interruptedImport finds an import that was under way when an earlier process ended: its record is still there. It failed.
func (c *call) interruptedImport(id string) (*operation, bool) {
	for _, d := range c.state.OfType(azure.TypeImport) {
		if azure.Fold(d.ID.Name()) != azure.Fold(id) {
			continue
		}
		registry, _ := d.ID.Parent()
		begun, _ := time.Parse(time.RFC3339Nano, textAt(d.Body, "properties.startTime"))
		return &operation{
			id: d.ID.Name(), of: registry, right: importRight, principal: textAt(d.Body, "properties.principalId"), begun: begun,
			location: c.regionOf(registry), settled: true, ends: begun,
			outcome: outcome{err: errImportInterrupted.with(d.ID.Name(), registry)},
		}, true
	}
	return nil, false
}

func readImport(given map[string]any) (importRequest, error) {
	source, _ := lookUp(given, "source")
	object, isObject := source.(map[string]any)
	if !isObject {
		return importRequest{}, errImport.about("source", "'source' is missing: it names the registry and the image to import")
	}
	r := importRequest{
		registryURI: textAt(object, "registryUri"), resourceID: textAt(object, "resourceId"), image: textAt(object, "sourceImage"),
	}
	r.credentials, _ = object["credentials"].(map[string]any)
	mode := textAt(given, "mode")
	r.force = strings.EqualFold(mode, "Force")
	for _, part := range []struct {
		into *[]string
		name string
		form func() *regexp.Regexp
	}{{&r.tags, "targetTags", importTag}, {&r.repositories, "untaggedTargetRepositories", importRepository}} {
		var err error
		if *part.into, err = readTargets(given, part.name, part.form()); err != nil {
			return r, err
		}
	}
	if mode != "" && !r.force && !strings.EqualFold(mode, "NoForce") {
		return r, errImport.about("mode", fmt.Sprintf("'mode' is NoForce or Force, not '%.40s'", mode))
	}
	return r, r.checkSource(object)
}

func readTargets(given map[string]any, name string, form *regexp.Regexp) ([]string, error) {
	value, found := given[name]
	if !found || value == nil {
		return nil, nil
	}
	items, isList := value.([]any)
	if !isList || len(items) > maxImportTags {
		return nil, errImport.about(name, fmt.Sprintf("'%s' is a list of at most %d names", name, maxImportTags))
	}
	var targets []string
	for i, item := range items {
		text, _ := item.(string)
		if len(text) > 255+1+128 || !form.MatchString(text) {
			return nil, errImport.about(fmt.Sprintf("%s[%d]", name, i), fmt.Sprintf("'%.80v' is no name of an image such as team/hello:v1", item))
		}
		targets = append(targets, text)
	}
	return targets, nil
}

// checkSource wants one source, in a form that can be followed.
func (r importRequest) checkSource(source map[string]any) error {
	_, hasCredentials := source["credentials"]
	switch {
	case (r.registryURI == "") == (r.resourceID == ""):
		return errImport.about("source", "the source is a registry by 'registryUri' or by 'resourceId', one of them")
	case r.registryURI != "" && !importHost().MatchString(r.registryURI):
		return errImport.about("source.registryUri", fmt.Sprintf("'%.80s' is no host name such as docker.io: neither scheme nor path belong there", r.registryURI))
	case len(r.image) > 512 || !importSource().MatchString(r.image):
		return errImport.about("source.sourceImage", fmt.Sprintf("'%.80s' is no image such as library/hello-world:latest", r.image))
	case hasCredentials && source["credentials"] != nil && textAt(r.credentials, "password") == "":
		return errImport.about("source.credentials", "credentials have a 'password', and a 'username' unless it is a token")
	}
	return nil
}

// checkImportSource looks at a source of this emulator: it exists, the principal may pull from it, and it lets go of what it
// has (acr-behaviour §1.1, exportPolicy). The right to pull is asked for where the registry service will read the source in
// the principal's stead: with credentials the source itself judges them, and by its address alone it is asked as nobody.
func (c *call) checkImportSource(r importRequest, to *azure.Document) error {
	from, err := c.importFrom(r)
	if err != nil || from == nil {
		return err
	}
	if r.resourceID != "" && r.credentials == nil {
		const pull = azure.TypeRegistry + "/pull/read"
		if !c.may(pull, from.ID) {
			return errLinkForbidden.with(c.clientName(), c.principal, importRight, to.ID, pull, from.ID)
		}
	}
	view, err := azure.ReadRegistry(*from)
	if err == nil && view.ExportDisabled && from.ID.Key() != to.ID.Key() {
		return errImportExports.about("source", from.ID.Name())
	}
	return err
}

// importFrom finds the source among this emulator's registries; nil is one elsewhere.
func (c *call) importFrom(r importRequest) (*azure.Document, error) {
	if r.resourceID == "" {
		name, isOurs := strings.CutSuffix(azure.Fold(r.registryURI), ".azurecr.io")
		for _, d := range c.state.OfType(azure.TypeRegistry) {
			if isOurs && azure.Fold(d.ID.Name()) == name {
				return d, nil
			}
		}
		return nil, nil
	}
	id, err := azure.ParseResourceID(r.resourceID)
	if err != nil || !id.Is(azure.TypeRegistry) {
		return nil, errLinkMissing.about("source.resourceId", r.resourceID, "source.resourceId")
	}
	d, found := c.state.Get(id.Key())
	if !found {
		return nil, errLinkMissing.about("source.resourceId", r.resourceID, "source.resourceId")
	}
	return d, nil
}
