package instances

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// client is what requests of the service say of who sends them (acr-behaviour §3.3).
const client = "azure/aci"

// machine is where a group runs: at its place, with its volumes.
type machine struct {
	*workload.Machine
	volumes map[string]string // directories, by name of the volume
}

func newMachine(g *group) (*machine, error) {
	base, err := g.service.options.Machine(agent.At(g.id.String()), client, logins(g.id, g.spec))
	if err != nil {
		return nil, err
	}
	m := &machine{base, map[string]string{}}
	for i, v := range g.spec.Volumes {
		if m.volumes[v.Name], err = makeVolume(filepath.Join(m.Dir, "volume-"+strconv.Itoa(i)), v); err != nil {
			m.close()
			return nil, err
		}
	}
	return m, nil
}

// logins are those of a group. An identity of its own makes the token one of the group itself; a user-assigned one is used by
// the group (acr-tasks §4.2).
func logins(group azure.ResourceID, spec azure.ContainerGroup) []workload.Login {
	var logins []workload.Login
	for _, r := range spec.Registries {
		login := workload.Login{Server: r.Server, Credential: agent.Credential{User: r.User, Password: r.Password}}
		switch {
		case r.Identity.IsZero():
		case r.Identity.Key() == group.Key():
			login.Identity = agent.Identity{Resource: group.String()}
		default:
			login.Identity = agent.Identity{Resource: r.Identity.String(), Host: group.String()}
		}
		logins = append(logins, login)
	}
	return logins
}

// makeVolume makes the directory of a volume. Whoever runs in the group's containers may use it.
func makeVolume(dir string, v azure.GroupVolume) (string, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	for name, data := range v.Files {
		if err := root.WriteFile(name, data, 0o444); err != nil {
			return "", err
		}
	}
	return dir, root.Chmod(".", volumeMode(v))
}

func volumeMode(v azure.GroupVolume) os.FileMode {
	if v.Files != nil {
		return 0o555
	}
	return 0o777
}

// mounts are the volumes as a container sees them.
func (m *machine) mounts(g azure.ContainerGroup, c azure.ContainerSpec) []executor.Mount {
	secret := map[string]bool{}
	for _, v := range g.Volumes {
		secret[v.Name] = v.Files != nil
	}
	var mounts []executor.Mount
	for _, v := range c.Mounts {
		mounts = append(mounts, executor.Mount{From: m.volumes[v.Volume], To: v.Path, ReadOnly: v.ReadOnly || secret[v.Volume]})
	}
	return mounts
}

// close ends what runs, and removes what the group had.
func (m *machine) close() {
	for _, dir := range m.volumes {
		_ = os.Chmod(dir, 0o700) // a directory of secrets cannot be emptied otherwise
	}
	m.Close()
}
