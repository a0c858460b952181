package tasks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// configure makes the networks and the configuration of docker that the containers of the run find at home.
func (r *run) configure(context.Context) error {
	for _, n := range r.task.Networks {
		if n.SkipCreation {
			r.log.printf("Skip creating network: %s", n.Name)
			continue
		}
		r.log.printf("Creating Docker network: %s, driver: '%s'", n.Name, n.Driver)
		r.log.printf("Successfully set up Docker network: %s", n.Name)
	}
	r.log.printf("Setting up Docker configuration...")
	if err := r.writeConfig(); err != nil {
		return fmt.Errorf("failed to setup config, msg: %w", err)
	}
	r.log.printf("Successfully set up Docker configuration")
	return nil
}

// writeConfig writes ~/.docker/config.json with the logins of the run (acr-tasks §1.3).
func (r *run) writeConfig() error {
	auths := map[string]any{}
	for _, host := range slices.Sorted(maps.Keys(r.logins)) {
		auth := base64.StdEncoding.EncodeToString([]byte(r.logins[host].User + ":" + r.logins[host].Password))
		r.log.hide(auth)
		auths[host] = map[string]string{"auth": auth}
	}
	config, err := json.MarshalIndent(map[string]any{
		"auths": auths, "HttpHeaders": map[string]string{"X-Meta-Source-Client": clientName},
	}, "", "\t")
	if err != nil {
		return err
	}
	dir := filepath.Join(r.files.path(homeDir), ".docker")
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // for whoever a container runs as; the run's directory is closed
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644) //nolint:gosec // the same
}

// fillVolumes makes the volumes that the task brings along.
func (r *run) fillVolumes(context.Context) error {
	for _, v := range r.task.Volumes {
		if err := r.fillVolume(v); err != nil {
			return fmt.Errorf("failed to create volume %s: %w", v.Name, cause(err))
		}
		r.log.printf("Volume source %s successfully created", v.Name)
	}
	return nil
}

func (r *run) fillVolume(v taskfile.Volume) error {
	dir, err := r.volume(v.Name)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, file := range slices.Sorted(maps.Keys(v.Files)) {
		r.log.hide(string(v.Files[file]))
		if err := root.WriteFile(file, v.Files[file], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// volumeForm is a name that docker takes for a volume. It is no path.
var volumeForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

const maxVolumeName = 128 // bytes

// volume is the directory of a volume of the run, made when it is first named.
func (r *run) volume(volume string) (string, error) {
	if len(volume) > maxVolumeName || !volumeForm.MatchString(volume) {
		return "", fmt.Errorf("%q is no name of a volume; directories of the machine that runs the step cannot be mounted", volume)
	}
	dir := filepath.Join(r.files.path(volumesDir), volume)
	err := os.Mkdir(dir, 0o777) //nolint:gosec // containers write there as anybody
	if os.IsExist(err) {
		err = nil
	}
	return dir, err
}

// mounts are what the container of a step sees of the run.
func (r *run) mounts(step *taskfile.Step) ([]executor.Mount, error) {
	mounts := []executor.Mount{
		{From: r.files.workspacePath(), To: inWorkspace},
		{From: r.files.path(homeDir), To: inHome},
	}
	wanted := slices.Clone(step.Cmd.Volumes)
	for _, m := range step.Mounts {
		wanted = append(wanted, m.Volume+":"+m.Path)
	}
	for _, text := range wanted {
		from, rest, _ := strings.Cut(text, ":")
		to, mode, _ := strings.Cut(rest, ":")
		if !path.IsAbs(to) {
			return nil, fmt.Errorf("invalid volume specification: '%s'", text)
		}
		dir, err := r.volume(from)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, executor.Mount{From: dir, To: to, ReadOnly: slices.Contains(strings.Split(mode, ","), "ro")})
	}
	return mounts, nil
}
