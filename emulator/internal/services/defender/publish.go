package defender

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// AssessmentName is the assessment that Defender makes of the images of a registry (acr-tasks §5).
const AssessmentName = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5"

const assessmentTitle = "Azure registry container images should have vulnerabilities resolved (powered by Microsoft Defender Vulnerability Management)"

// maxFindings is how many findings of one image are published, the gravest first.
const maxFindings = 1000

// report is what came of looking at an image, or at a registry.
type report struct {
	image
	findings []Finding
	failed   error
}

// assessmentOf is the ID of the assessment of a registry.
func assessmentOf(registry azure.ResourceID) (azure.ResourceID, error) {
	return azure.ParseResourceID(registry.String() + "/providers/Microsoft.Security/assessments/" + AssessmentName)
}

// publish brings the assessment of a registry and its findings to what a report says. What was found in an image that
// cannot be scanned now stays as it was.
func (s *Service) publish(ctx context.Context, registry azure.ResourceID, r report) error {
	unscanned, tags := s.unscanned(r.registry), s.tagsOf(r.image)
	return s.Cloud.Update(ctx, func(state *azure.State) (azure.Change, error) {
		assessment, err := assessmentOf(registry)
		if _, exists := state.Get(registry.Key()); err != nil || !exists {
			return azure.Change{}, err
		}
		change, stay := azure.Change{}, map[string]bool{}
		for _, d := range state.Children(assessment.Key(), azure.TypeSubAssessment) {
			stay[d.ID.Key()] = true
		}
		if r.failed == nil {
			if err := r.replace(state, assessment, finder{s.Cloud.Now(), tags}, &change); err != nil {
				return azure.Change{}, err
			}
		}
		for _, key := range change.Delete {
			delete(stay, key)
		}
		for _, d := range change.Put {
			stay[d.ID.Key()] = true
		}
		properties := propertiesOf(registry, unscanned, len(stay))
		if old, exists := state.Get(assessment.Key()); !exists || !reflect.DeepEqual(old.Body["properties"], properties) {
			change.Put = append(change.Put, document(assessment, azure.TypeAssessment, properties))
		}
		return change, nil
	})
}

// replace puts the findings of the image in the place of those that there were.
func (r report) replace(state *azure.State, assessment azure.ResourceID, by finder, change *azure.Change) error {
	found := map[string]bool{}
	for _, f := range r.findings[:min(len(r.findings), maxFindings)] {
		d, err := by.document(assessment, r.image, f)
		if err != nil {
			return err
		}
		if !found[d.ID.Key()] {
			found[d.ID.Key()] = true
			change.Put = append(change.Put, d)
		}
	}
	for _, d := range state.Children(assessment.Key(), azure.TypeSubAssessment) {
		if !found[d.ID.Key()] && imageOf(r.registry, d) == r.image {
			change.Delete = append(change.Delete, d.ID.Key())
		}
	}
	return nil
}

// imageOf is the image that a sub-assessment is about.
func imageOf(registry string, d *azure.Document) image {
	properties, _ := d.Body["properties"].(map[string]any)
	data, _ := properties["additionalData"].(map[string]any)
	artifact, _ := data["artifactDetails"].(map[string]any)
	repository, _ := artifact["repositoryName"].(string)
	digest, _ := artifact["digest"].(string)
	return image{registry, repository, digest}
}

// maxNamed is how many images that could not be scanned an assessment names.
const maxNamed = 20

// propertiesOf is what the assessment says: what could not be looked at goes before what was found.
func propertiesOf(registry azure.ResourceID, unscanned map[string]error, findings int) map[string]any {
	data, names := map[string]any{"findings": strconv.Itoa(findings)}, slices.Sorted(maps.Keys(unscanned))
	if len(names) > 0 {
		data["notScanned"] = strings.Join(names[:min(len(names), maxNamed)], ", ")
	}
	return map[string]any{
		"displayName": assessmentTitle, "status": statusOf(unscanned, findings > 0), "additionalData": data,
		"resourceDetails": map[string]any{"source": "Azure", "id": registry.String()},
	}
}

// statusOf is NotApplicable with the registry's words where it refused, and else says whether anything was found. Another
// failure is told besides.
func statusOf(unscanned map[string]error, found bool) map[string]any {
	status := map[string]any{"code": "Healthy"}
	if found {
		status["code"] = "Unhealthy"
	}
	for _, name := range slices.Sorted(maps.Keys(unscanned)) {
		if refused, ok := errors.AsType[*accessError](unscanned[name]); ok {
			return map[string]any{"code": "NotApplicable", "cause": "AccessDenied", "description": "not scanned: " + refused.Error()}
		}
		if status["cause"] == nil {
			status["cause"], status["description"] = "ScanFailed", "not scanned: "+name+": "+unscanned[name].Error()
		}
	}
	return status
}

func document(id azure.ResourceID, kind string, properties map[string]any) azure.Document {
	return azure.Document{ID: id, Body: map[string]any{"id": id.String(), "name": id.Name(), "type": kind, "properties": properties}}
}

// unscanned are the images of a registry that could not be scanned, and why; the registry itself if that could not be
// looked through.
func (s *Service) unscanned(registry string) map[string]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]error{}
	for of, r := range s.images {
		if of.registry == registry && r.failed != nil {
			all[of.String()] = r.failed
		}
	}
	return all
}

func (s *Service) tagsOf(of image) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.images[of]; r != nil {
		return slices.Clone(r.tags)
	}
	return nil
}

// retract takes back what was found in registries that the plan is not on for.
func (s *Service) retract(ctx context.Context, planned map[string]azure.ResourceID) error {
	if len(s.Cloud.State().OfType(azure.TypeAssessment)) == 0 {
		return nil
	}
	return s.Cloud.Update(ctx, func(state *azure.State) (change azure.Change, _ error) {
		for _, kind := range []string{azure.TypeAssessment, azure.TypeSubAssessment} {
			for _, d := range state.OfType(kind) {
				if _, covered := planned[registryOf(d.ID.Key())]; !covered {
					change.Delete = append(change.Delete, d.ID.Key())
				}
			}
		}
		return change, nil
	})
}

// registryOf is the name of the registry that a key is below.
func registryOf(key string) string {
	_, rest, _ := strings.Cut(key, "/providers/microsoft.containerregistry/registries/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// finder makes sub-assessments at a time, of an image with these tags.
type finder struct {
	now  time.Time
	tags []string
}

// document is the sub-assessment of a finding, in the form of Microsoft.Security (2019-01-01-preview and later).
func (by finder) document(assessment azure.ResourceID, of image, f Finding) (azure.Document, error) {
	name := azure.DerivedID(strings.Join([]string{assessment.Key(), of.repository, of.digest, f.ID, f.Package.Name, f.Package.Version, f.Package.Path}, "\n"))
	id, err := azure.ParseResourceID(assessment.String() + "/subAssessments/" + name)
	if err != nil {
		return azure.Document{}, err
	}
	return document(id, azure.TypeSubAssessment, map[string]any{
		"id": f.ID, "displayName": f.title(), "category": f.category(), "description": cmp.Or(f.Details, f.Summary), "remediation": f.remedy(),
		"status":          map[string]any{"code": "Unhealthy", "severity": f.Severity},
		"timeGenerated":   timestamp(by.now),
		"resourceDetails": map[string]any{"source": "Azure", "id": "/repositories/" + of.repository + "/images/" + of.digest},
		"additionalData": map[string]any{
			"assessedResourceType": "AzureContainerRegistryVulnerability",
			"artifactDetails": map[string]any{
				"registryHost": azure.LoginServer(of.registry), "repositoryName": of.repository, "digest": of.digest,
				"tags": listOf(by.tags), "artifactType": "ContainerImage",
			},
			"softwareDetails":      f.software(),
			"vulnerabilityDetails": f.vulnerability(),
		},
	}), nil
}

func (f Finding) title() string { return cmp.Or(f.Summary, f.ID) }

// category is where a package comes from, in Defender's words.
func (f Finding) category() string {
	if f.isLibrary() {
		return "Language"
	}
	return "OS"
}

func (f Finding) isLibrary() bool { return strings.HasPrefix(f.Package.Ecosystem, "Go") }

func (f Finding) remedy() string {
	if f.Fixed == "" {
		return "There is no version of " + f.Package.Name + " yet that is not affected."
	}
	return "Create a new image with the package " + f.Package.Name + " of version " + f.Fixed + " or higher."
}

func (f Finding) software() map[string]any {
	software := map[string]any{
		"category": f.category(), "packageName": f.Package.Name, "version": f.Package.Version, "vendor": f.Package.Ecosystem, "fixStatus": "NoFixAvailable",
		"evidence": []any{"/" + f.Package.Path},
	}
	if f.Fixed != "" {
		software["fixedVersion"], software["fixStatus"] = f.Fixed, "FixAvailable"
	}
	if f.isLibrary() {
		software["language"] = "go"
	} else {
		software["osDetails"] = map[string]any{"osPlatform": "Linux", "osVersion": f.Package.Ecosystem}
	}
	return software
}

func (f Finding) vulnerability() map[string]any {
	scores, references := map[string]any{}, []any{}
	for _, score := range f.Scores {
		scores[strings.TrimPrefix(score.Type, "CVSS_V")] = map[string]any{"cvssVectorString": score.Score}
	}
	for _, r := range f.References {
		references = append(references, map[string]any{"title": f.ID, "link": r.URL})
	}
	return map[string]any{
		"cveId": f.cve(), "severity": f.Severity, "publishedDate": timestamp(f.Published), "lastModifiedDate": timestamp(f.Modified),
		"cvss": scores, "references": references, "aliases": listOf(f.Aliases),
	}
}

// cve is the name by which people know a vulnerability.
func (f Finding) cve() string {
	for _, name := range f.Aliases {
		if strings.HasPrefix(name, "CVE-") {
			return name
		}
	}
	return f.ID
}

// timestamp is a time in the form in which documents have it; nothing for one that nobody told.
func timestamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// listOf is a list as documents have it.
func listOf(texts []string) []any {
	items := []any{}
	for _, text := range texts {
		items = append(items, text)
	}
	return items
}
