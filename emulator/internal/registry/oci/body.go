package oci

import (
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// The bodies of ACR's own API, member by member in the order in which ACR writes them (acr-behaviour §6.1, and the recorded
// answers in the tests of the Azure SDKs).

// place says where something is: the registry by its login server, and the repository.
type place struct {
	Registry  string `json:"registry"`
	ImageName string `json:"imageName"`
}

func (g *Registry) place(c *call) place { return place{g.options.LoginServer, c.repository} }

// changeable are store.Attributes under ACR's names.
type changeable struct {
	Delete bool `json:"deleteEnabled"`
	Write  bool `json:"writeEnabled"`
	Read   bool `json:"readEnabled"`
	List   bool `json:"listEnabled"`
}

type repositoryBody struct {
	place
	CreatedTime    string     `json:"createdTime"`
	LastUpdateTime string     `json:"lastUpdateTime"`
	ManifestCount  int        `json:"manifestCount"`
	TagCount       int        `json:"tagCount"`
	Attributes     changeable `json:"changeableAttributes"`
}

func (g *Registry) repositoryBody(r store.Repository) repositoryBody {
	return repositoryBody{
		place:       place{g.options.LoginServer, r.Name},
		CreatedTime: timeText(r.Created), LastUpdateTime: timeText(r.Updated),
		ManifestCount: r.Manifests, TagCount: r.Tags, Attributes: changeable(r.Attributes),
	}
}

// tagBody tells of a tag. Signed is about Docker content trust, which is not emulated.
type tagBody struct {
	Name           string     `json:"name"`
	Digest         string     `json:"digest"`
	CreatedTime    string     `json:"createdTime"`
	LastUpdateTime string     `json:"lastUpdateTime"`
	Signed         bool       `json:"signed"`
	Attributes     changeable `json:"changeableAttributes"`
}

func bodyOfTag(t store.Tag) tagBody {
	return tagBody{
		Name: t.Name, Digest: t.Digest, CreatedTime: timeText(t.Created), LastUpdateTime: timeText(t.Updated),
		Attributes: changeable(t.Attributes),
	}
}

// manifestBody tells of a manifest. References stand in the answer about one index, not in lists.
type manifestBody struct {
	Digest          string          `json:"digest"`
	ImageSize       int64           `json:"imageSize"`
	CreatedTime     string          `json:"createdTime"`
	LastUpdateTime  string          `json:"lastUpdateTime"`
	Architecture    string          `json:"architecture,omitempty"`
	OS              string          `json:"os,omitempty"`
	MediaType       string          `json:"mediaType"`
	ConfigMediaType string          `json:"configMediaType,omitempty"`
	Tags            []string        `json:"tags,omitempty"`
	Attributes      changeable      `json:"changeableAttributes"`
	References      []referenceBody `json:"references,omitempty"`
}

// referenceBody is a manifest that an index names, and for which platform.
type referenceBody struct {
	Digest       string `json:"digest"`
	Architecture string `json:"architecture,omitempty"`
	OS           string `json:"os,omitempty"`
}

func bodyOfManifest(m store.Manifest) manifestBody {
	body := manifestBody{
		Digest: m.Digest, CreatedTime: timeText(m.Created), LastUpdateTime: timeText(m.Updated),
		MediaType: m.MediaType, Tags: m.Tags, Attributes: changeable(m.Attributes),
	}
	if image := m.Image; image != nil {
		body.ImageSize, body.ConfigMediaType = image.Size, image.ConfigMediaType
		body.Architecture, body.OS = image.Architecture, image.OS
	}
	return body
}

// timeText writes a time as ACR does: up to seven digits of a second, of which the last zeros are left out.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// each applies f to a list. A list of nothing stays nil, which is null in JSON.
func each[T, U any](list []T, f func(T) U) []U {
	var result []U
	for _, v := range list {
		result = append(result, f(v))
	}
	return result
}
