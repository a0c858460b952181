package azure

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// ContainerGroup is what a document says of a container group of Azure Container Instances.
type ContainerGroup struct {
	// Containers run beside each other, after each of InitContainers ran to its end, in order.
	Containers, InitContainers []ContainerSpec
	// Restart is the restart policy: RestartAlways, RestartOnFailure or RestartNever.
	Restart string
	// Registries are the logins to registries that the images are pulled with.
	Registries []RegistryLogin
	// Volumes are what containers may mount, by name.
	Volumes []GroupVolume
	// OS is Linux or Windows.
	OS string
	// Made and Written are when the document was made and last written, as it says. A group made again is another one.
	Made, Written string
}

// The restart policies of container groups.
const (
	RestartAlways    = "Always"
	RestartOnFailure = "OnFailure"
	RestartNever     = "Never"
)

// ContainerSpec is a container of a group.
type ContainerSpec struct {
	// Name is unlike that of any other container of the group.
	Name string
	// Image is a reference, such as myregistry.azurecr.io/hello:v1.
	Image string
	// Command takes the place of the image's entry point and command, unless it is empty.
	Command []string
	// Env are variables, as NAME=value, secure ones among them.
	Env []string
	// Mounts are the volumes that it sees.
	Mounts []VolumeMount
	// Memory is the bound in bytes, CPUs in processors; 0 is none.
	Memory int64
	CPUs   float64
}

// VolumeMount is a volume as a container sees it.
type VolumeMount struct {
	// Volume is the name of a volume, Path where it is in the container.
	Volume, Path string
	ReadOnly     bool
}

// GroupVolume is a volume of a group: an empty directory, or files.
type GroupVolume struct {
	Name string
	// Files are the contents of a secret volume by file name; nil for an empty directory.
	Files map[string][]byte
	// Unsupported is the kind of a volume that the emulator has nothing of: azureFile or gitRepo; else empty.
	Unsupported string
}

// RegistryLogin is how a group logs in to a registry: as an identity, or with user and password.
type RegistryLogin struct {
	// Server is the registry's host, folded.
	Server string
	// Identity is that of a user-assigned identity, or of the group itself for its system-assigned one; zero for a password.
	Identity       ResourceID
	User, Password string
}

// maxContainers is how many containers a group may have, as in Azure (ACI quotas).
const maxContainers = 60

// containerName is the form of a container's name: a DNS label.
var containerName = formOf(`[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`)

// systemIdentity are the words by which the login of a group may name its system-assigned identity, besides its own ID.
var systemIdentity = []string{"system", "[system]"}

// ReadContainerGroup reads a document of TypeContainerGroup.
func ReadContainerGroup(d Document) (ContainerGroup, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	g := ContainerGroup{
		Restart: p.choice("restartPolicy", RestartAlways, RestartAlways, RestartOnFailure, RestartNever),
		OS:      p.choice("osType", "Linux", "Linux", "Windows"), Made: f.in("systemData").text("createdAt"),
		Written: f.in("systemData").text("lastModifiedAt"),
	}
	names := map[string]bool{}
	g.Containers, g.InitContainers = readContainers(p, "containers", names), readContainers(p, "initContainers", names)
	for _, item := range p.list("volumes") {
		g.Volumes = append(g.Volumes, readVolume(item))
	}
	identity, err := ReadManagedIdentity(d)
	if err != nil {
		return g, err
	}
	for _, item := range p.list("imageRegistryCredentials") {
		g.Registries = append(g.Registries, readLogin(item, d.ID, identity))
	}
	g.checkMounts(p)
	return g, f.err()
}

func readContainers(p fields, member string, names map[string]bool) []ContainerSpec {
	items := p.list(member)
	if len(items) > maxContainers {
		p.fail(CodeQuota, member, "a container group has at most %d containers", maxContainers)
		return nil
	}
	var containers []ContainerSpec
	for _, item := range items {
		c := readContainer(item)
		if !containerName().MatchString(c.Name) || names[c.Name] {
			item.fail("InvalidContainerName", "name", "%.80q is no name of a container: lower case letters, digits and dashes, at most 63, and none twice", c.Name)
		}
		names[c.Name] = true
		containers = append(containers, c)
	}
	return containers
}

func readContainer(item fields) ContainerSpec {
	p := item.in("properties")
	c := ContainerSpec{Name: item.text("name"), Image: p.text("image"), Command: p.texts("command")}
	if c.Image == "" {
		p.fail(CodeInvalid, "image", "a container has an image, such as myregistry.azurecr.io/hello:v1")
	}
	for _, variable := range p.list("environmentVariables") {
		name, value := variable.text("name"), variable.text("value")
		if name == "" || strings.ContainsAny(name, "=\x00") {
			variable.fail(CodeInvalid, "name", "%.80q is no name of an environment variable", name)
		}
		c.Env = append(c.Env, name+"="+value+variable.text("secureValue"))
	}
	for _, mount := range p.list("volumeMounts") {
		c.Mounts = append(c.Mounts, VolumeMount{
			Volume: mount.text("name"), Path: mount.text("mountPath"), ReadOnly: mount.flag("readOnly", false),
		})
	}
	c.Memory, c.CPUs = readResources(p.in("resources"))
	return c
}

// maxMemory bounds what a container may ask for, in GB: more than any machine has.
const maxMemory = 1 << 16

// readResources takes the limits, or else what is asked for, which is then the bound (ACI, "Resource availability").
func readResources(f fields) (memory int64, cpus float64) {
	for _, kind := range []string{"requests", "limits"} {
		given := f.in(kind)
		for _, name := range []string{"memoryInGB", "memoryInGb"} {
			if given.has(name) {
				memory = int64(min(member[float64](given, name, "a number"), maxMemory) * (1 << 30))
			}
		}
		if given.has("cpu") {
			cpus = member[float64](given, "cpu", "a number")
		}
	}
	return max(memory, 0), max(cpus, 0)
}

func readVolume(item fields) GroupVolume {
	v := GroupVolume{Name: item.text("name")}
	for _, kind := range []string{"azureFile", "gitRepo"} {
		if item.has(kind) {
			v.Unsupported = kind
		}
	}
	if !item.has("secret") {
		return v
	}
	v.Files = map[string][]byte{}
	secret := item.in("secret")
	for name := range secret.object {
		data, err := base64.StdEncoding.DecodeString(secret.text(name))
		if err != nil || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
			secret.fail(CodeInvalid, name, "a secret is a file name with its contents in base64")
		}
		v.Files[name] = data
	}
	return v
}

// readLogin reads how a group logs in to a registry. An identity has to be one of the group's own (azure-docs#117644).
func readLogin(item fields, group ResourceID, has ManagedIdentity) RegistryLogin {
	login := RegistryLogin{Server: Fold(item.text("server")), User: item.text("username"), Password: item.text("password")}
	given := item.text("identity")
	if given == "" {
		return login
	}
	id, err := ParseResourceID(given)
	system := slices.Contains(systemIdentity, Fold(given)) || err == nil && id.Key() == group.Key()
	used := slices.ContainsFunc(has.UserAssigned, func(one ResourceID) bool { return err == nil && one.Key() == id.Key() })
	switch {
	case system && has.System:
		login.Identity = group
	case used:
		login.Identity = id
	default:
		item.fail("InvalidImageRegistryIdentity", "identity",
			"The identity in the 'imageRegistryCredentials' of container group '%s' not found in container group identity list.", group.Name())
	}
	return login
}

// checkMounts refuses what mounts a volume that the group does not have.
func (g ContainerGroup) checkMounts(p fields) {
	for _, c := range slices.Concat(g.InitContainers, g.Containers) {
		for _, mount := range c.Mounts {
			known := slices.ContainsFunc(g.Volumes, func(v GroupVolume) bool { return v.Name == mount.Volume })
			if !known || !strings.HasPrefix(mount.Path, "/") || strings.ContainsRune(mount.Path, ':') {
				p.fail("InvalidVolumeMount", "volumes", "container %s mounts %.80q at %.80q: a volume of the group, at an absolute path without colon", c.Name, mount.Volume, mount.Path)
			}
		}
	}
}

// CheckVolumes refuses volumes that the emulator has nothing of.
func (g ContainerGroup) CheckVolumes(id ResourceID) error {
	for i, v := range g.Volumes {
		if v.Unsupported != "" {
			return &Error{
				Code: "UnsupportedVolume", ID: id, Target: fmt.Sprintf("properties.volumes[%d].%s", i, v.Unsupported),
				Message: fmt.Sprintf("the volume '%.80s' is of %s, which is outside this emulator: emptyDir and secret are the volumes that there are", v.Name, v.Unsupported),
			}
		}
	}
	return nil
}

// secrets are the members of documents that no API shows, by folded type: [] stands for every item of a list.
var secrets = map[string][]string{
	Fold(TypeContainerGroup): {
		"properties.containers[].properties.environmentVariables[].secureValue",
		"properties.initContainers[].properties.environmentVariables[].secureValue",
		"properties.imageRegistryCredentials[].password", "properties.volumes[].secret.*",
		"properties.volumes[].azureFile.storageAccountKey", "properties.diagnostics.logAnalytics.workspaceKey",
	},
	Fold(TypeWebhook): {"properties.customHeaders"},
}

// Conceal takes what no API shows out of a body, in place.
func Conceal(resourceType string, body map[string]any) {
	for _, path := range secrets[Fold(resourceType)] {
		conceal(body, path)
	}
	concealWork(resourceType, body)
}

func conceal(value any, path string) {
	object, isObject := value.(map[string]any)
	name, rest, deeper := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(name, "[]")
	switch {
	case !isObject:
	case name == "*":
		clear(object)
	case !deeper:
		delete(object, name)
	case isList:
		items, _ := object[name].([]any)
		for _, item := range items {
			conceal(item, rest)
		}
	default:
		conceal(object[name], rest)
	}
}
