package taskfile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// The refusals of steps, volumes and secrets, in the engine's words.
var (
	errMissingID     = errors.New("step is missing an ID")
	errMissingKind   = errors.New("step is missing a cmd, build, or push property")
	errIDSpace       = errors.New("step ID cannot contain spaces")
	errManyKinds     = errors.New("step must only contain a single build, cmd, or push property")
	errRetries       = errors.New("step must specify retries >= 0")
	errRepeat        = errors.New("step must specify repeat >= 0")
	errCache         = errors.New("invalid value for cache property. Valid values are 'enabled', 'disabled'")
	errMountsUse     = errors.New("invalid use of Mounts. Mounts must have unique container paths and only used for cmd or build steps")
	errMount         = errors.New("mount name or mount path is empty")
	errMountTwice    = errors.New("mount with duplicate container file path found")
	errWhenAtOnce    = errors.New("step cannot contain other IDs in when if the immediate execution token is specified")
	errVolumeNoName  = errors.New("volume name is empty")
	errVolumeName    = errors.New("volume name is not well formed. Only use alphanumeric and - _")
	errVolumeTwice   = errors.New("volume with duplicate name found")
	errVolumeSource  = errors.New("currently only support for source type secret")
	errVolumeEmpty   = errors.New("secret is empty")
	errVolumeFile    = errors.New("secret name provided for value is empty")
	errVolumeBase64  = errors.New("failed to decode Base64 value. please make sure value provided is Base64 encoded")
	errSecretID      = errors.New("secret is missing an ID as well as auto-generated ID")
	errSecretSpace   = errors.New("secret ID cannot contain spaces")
	errSecretSource  = errors.New("secret should contain either keyvault property for vault secret, or msi clientID/aadResourceId for msi authentication")
	errSecretID4     = errors.New("msi client ID is not a valid guid")
	errNetworkNoName = errors.New("name must be specified")
)

var (
	volumeName = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	fileName   = regexp.MustCompile(`^[a-zA-Z0-9-_.]+$`)
)

// readTask reads a rendered task file and checks what stands outside of its graph.
func readTask(text string) (*fileTask, error) {
	root, err := readYAML(text)
	if err != nil {
		return nil, err
	}
	f := &fileTask{}
	if err := decode(root, f); err != nil {
		return nil, err
	}
	f.fillNull()
	if len(f.Steps) > maxSteps {
		return nil, fmt.Errorf("the task has %d steps, more than the %d that it may have", len(f.Steps), maxSteps)
	}
	return f, f.check()
}

// fillNull puts an empty form where a list has null.
func (f *fileTask) fillNull() {
	fill(f.Steps)
	fill(f.Secrets)
	fill(f.Networks)
	fill(f.Volumes)
	for _, s := range f.Steps {
		fill(s.Mounts)
	}
}

func fill[T any](list []*T) {
	for i := range list {
		if list[i] == nil {
			list[i] = new(T)
		}
	}
}

// check checks secrets, volumes and mounts.
func (f *fileTask) check() error {
	ids := map[string]bool{}
	for _, s := range f.Secrets {
		if err := s.check(); err != nil && s.ID == "" {
			return err
		} else if err != nil {
			return fmt.Errorf("failed to validate secret with ID: %s: %w", s.ID, err)
		}
		if ids[s.ID] {
			return fmt.Errorf("duplicate secret found with ID: %s", s.ID)
		}
		ids[s.ID] = true
	}
	for _, n := range f.Networks {
		if n.Name == "" {
			return errNetworkNoName
		}
	}
	volumes := map[string]bool{}
	for _, v := range f.Volumes {
		if err := v.check(); err != nil {
			return err
		}
		if volumes[v.Name] {
			return errVolumeTwice
		}
		volumes[v.Name] = true
	}
	for _, s := range f.Steps {
		for _, m := range s.Mounts {
			if !volumes[m.Name] {
				return fmt.Errorf("mount name, %s, does not correspond to a volume", m.Name)
			}
		}
	}
	return nil
}

func (s *fileSecret) check() error {
	switch {
	case s.ID == "":
		return errSecretID
	case strings.ContainsFunc(s.ID, unicode.IsSpace):
		return errSecretSpace
	case s.KeyVault == "":
		return errSecretSource
	case s.ClientID != "" && uuid.Validate(s.ClientID) != nil:
		return errSecretID4
	}
	return nil
}

func (v *fileVolume) check() error {
	switch {
	case v.Name == "":
		return errVolumeNoName
	case !volumeName.MatchString(v.Name):
		return errVolumeName
	case v.Secret == nil:
		return errVolumeSource
	case len(v.Secret) == 0:
		return errVolumeEmpty
	}
	for name := range v.Secret {
		if name == "" {
			return errVolumeFile
		}
		if !fileName.MatchString(name) || name == "." || name == ".." {
			return fmt.Errorf("file name, %s, is not well formed. Only use alphanumeric and - _ .", name) //nolint:revive // the engine's words
		}
	}
	return nil
}

// check checks one step.
func (s *fileStep) check() error {
	kinds := 0
	for _, has := range []bool{s.Cmd != "", s.Build != "", len(s.Push) > 0} {
		if has {
			kinds++
		}
	}
	switch {
	case s.ID == "":
		return errMissingID
	case s.Retries < 0:
		return errRetries
	case s.Repeat < 0:
		return errRepeat
	case kinds > 1:
		return errManyKinds
	case strings.ContainsFunc(s.ID, unicode.IsSpace):
		return errIDSpace
	case kinds == 0:
		return errMissingKind
	case len(s.Mounts) > 0 && len(s.Push) > 0:
		return errMountsUse
	}
	if err := s.checkMounts(); err != nil {
		return err
	}
	if err := s.checkWhen(); err != nil {
		return err
	}
	if s.Cache != "" && !strings.EqualFold(s.Cache, "enabled") && !strings.EqualFold(s.Cache, "disabled") {
		return errCache
	}
	return nil
}

func (s *fileStep) checkMounts() error {
	paths := map[string]bool{}
	for _, m := range s.Mounts {
		if m.Name == "" || m.Path == "" {
			return errMount
		}
		if paths[m.Path] {
			return errMountTwice
		}
		paths[m.Path] = true
	}
	return nil
}

func (s *fileStep) checkWhen() error {
	for _, id := range s.When {
		if id == atOnce && len(s.When) > 1 {
			return errWhenAtOnce
		}
		if id == s.ID {
			return fmt.Errorf("Step ID: %s is self-referenced", s.ID) //nolint:staticcheck // the engine's words
		}
	}
	return nil
}

// secrets are what a file asks a key vault for.
func (f *fileTask) secrets() []Secret {
	var secrets []Secret
	for _, s := range f.Secrets {
		secrets = append(secrets, Secret{ID: s.ID, KeyVault: s.KeyVault, ClientID: s.ClientID})
	}
	return secrets
}

func (f *fileTask) networks() []Network {
	var networks []Network
	for _, n := range f.Networks {
		networks = append(networks, Network(*n))
	}
	return networks
}

func (f *fileTask) volumes() ([]Volume, error) {
	var volumes []Volume
	for _, v := range f.Volumes {
		volume := Volume{Name: v.Name, Files: map[string][]byte{}}
		for name, encoded := range v.Secret {
			data, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return nil, errVolumeBase64
			}
			volume.Files[name] = data
		}
		volumes = append(volumes, volume)
	}
	return volumes, nil
}
