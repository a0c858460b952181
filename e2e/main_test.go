package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs are built once and stand first in PATH: ours, and the clients that come as modules.
var programs = []string{
	"github.com/acrlocal/acrlocal/cmd/acrlocal",
	"github.com/google/go-containerregistry/cmd/crane",
	"oras.land/oras/cmd/oras",
}

// TestMain builds the programs and gives all tests surroundings of their own: no proxy, no setting and no state of the
// person who runs them. The signing keys and the certificate authority are made once, and shared.
func TestMain(m *testing.M) {
	code, err := inSurroundings(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func inSurroundings(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "acrlocal-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "bin")
	if err := build(bin); err != nil {
		return 1, err
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "ACRLOCAL_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			if err := os.Unsetenv(name); err != nil {
				return 1, err
			}
		}
	}
	for name, value := range map[string]string{
		"PATH":               bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"XDG_STATE_HOME":     filepath.Join(dir, "state"),
		"DOCKER_CONFIG":      filepath.Join(dir, "docker"),
		"REGISTRY_AUTH_FILE": filepath.Join(dir, "auth.json"),
	} {
		if err := os.Setenv(name, value); err != nil {
			return 1, err
		}
	}
	return run(), nil
}

// build puts the programs in a directory. ACRLOCAL names a binary to test instead of one built here.
func build(bin string) error {
	packages := programs
	if path := os.Getenv("ACRLOCAL"); path != "" {
		packages = programs[1:]
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return err
		}
		if err := os.Symlink(path, filepath.Join(bin, "acrlocal")); err != nil {
			return err
		}
	}
	command := exec.Command("go", append([]string{"build", "-o", bin + string(filepath.Separator)}, packages...)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0") // the emulator is a container's program too
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("build the programs: %w", err)
	}
	return nil
}
