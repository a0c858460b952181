package sdk

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

// content is the SDK's client of a registry's own API, from where the judge is.
func (j *judge) content(t *testing.T) *azcontainerregistry.Client {
	t.Helper()
	c, err := azcontainerregistry.NewClient("https://myregistry.azurecr.io", j.credential, &azcontainerregistry.ClientOptions{ClientOptions: j.options()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestContent reads what is in a registry as the SDK does.
func TestContent(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	c := j.content(t)
	found := 0
	for _, page := range all(t, c.NewListRepositoriesPager(nil)) {
		found += len(page.Names)
	}
	if found != 1 {
		t.Errorf("%d repositories; want 1", found)
	}
	repository := must[azcontainerregistry.ClientGetRepositoryPropertiesResponse](t)(c.GetRepositoryProperties(ctx, "hello", nil))
	if *repository.Name != "hello" || *repository.TagCount != 1 || repository.CreatedOn == nil || !*repository.ChangeableAttributes.CanDelete {
		t.Errorf("repository: %+v", repository.ContainerRepositoryProperties)
	}
	tag := must[azcontainerregistry.ClientGetTagPropertiesResponse](t)(c.GetTagProperties(ctx, "hello", "v1", nil))
	manifest := must[azcontainerregistry.ClientGetManifestPropertiesResponse](t)(c.GetManifestProperties(ctx, "hello", *tag.Tag.Digest, nil))
	if *manifest.Manifest.Digest != *tag.Tag.Digest || manifest.Manifest.Architecture == nil || manifest.Manifest.Size == nil {
		t.Errorf("manifest: %+v", manifest.Manifest)
	}
	tags := all(t, c.NewListTagsPager("hello", &azcontainerregistry.ClientListTagsOptions{OrderBy: to.Ptr(azcontainerregistry.ArtifactTagOrderByLastUpdatedOnDescending)}))
	if len(tags) != 1 || *tags[0].Tags[0].Name != "v1" {
		t.Errorf("tags: %v", tags)
	}
	raw := must[azcontainerregistry.ClientGetManifestResponse](t)(c.GetManifest(ctx, "hello", "v1", nil))
	defer raw.ManifestData.Close()
	if *raw.DockerContentDigest != *tag.Tag.Digest {
		t.Errorf("the manifest's digest is %s", *raw.DockerContentDigest)
	}
	_, err := c.GetRepositoryProperties(ctx, "nosuch", nil)
	refused(t, err, http.StatusNotFound, "") // the SDK looks for codes where ACR does not put them
}

// TestContentDenied is the firewall, as the SDK reports it.
func TestContentDenied(t *testing.T) {
	j := newJudge(t)
	j.transport = at(j.Emulator, "192.0.2.1")
	_, err := j.content(t).GetRepositoryProperties(t.Context(), "hello", nil)
	refused(t, err, http.StatusForbidden, "")
	if err != nil && !strings.Contains(err.Error(), "is not allowed access. Refer https://aka.ms/acr/firewall") {
		t.Errorf("it does not say why: %v", err)
	}
}
