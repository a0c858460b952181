package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/acrlocal/acrlocal/emulator"
)

// TestScript plays the scripts: the commands of the binary as a person types them, and crane and oras beside them.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Setup:               prepareScript,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(2 * patience),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up": scriptUp,
		},
	})
}

// prepareScript gives a script an image to push, and a place of its own for logins.
func prepareScript(env *testscript.Env) error {
	env.Setenv("XDG_STATE_HOME", os.Getenv("XDG_STATE_HOME"))
	env.Setenv("DOCKER_CONFIG", filepath.Join(env.WorkDir, ".docker"))
	env.Setenv("REGISTRY_AUTH_FILE", filepath.Join(env.WorkDir, "auth.json"))
	env.Setenv("CLIENT_ID", clientID)
	env.Setenv("CLIENT_SECRET", clientSecret)
	env.Setenv("GROUP", group)
	image, err := emulator.HelloImage("pushed by a script\n")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(filepath.Join(env.WorkDir, "image.tar"), name.MustParseReference("image:v1"), image)
}

// scriptUp starts the emulator for the rest of the script: `up [FLAG…]`. The commands find it by ACRLOCAL_MANAGE, and
// clients by SERVICE. What it says at the start is in up.log; `! up` wants it to fail.
func scriptUp(ts *testscript.TestScript, neg bool, args []string) {
	p, err := startProcess(ts.MkAbs("."), args...)
	ts.Check(err)
	ts.Defer(p.stop)
	failed := p.wait()
	ts.Check(os.WriteFile(ts.MkAbs("up.log"), []byte(p.output.String()), 0o600))
	if neg != (failed != nil) {
		ts.Fatalf("up: %v", failed)
	}
	ts.Setenv("SERVICE", p.host())
	ts.Setenv("MANAGE", p.manager())
	ts.Setenv("ACRLOCAL_MANAGE", p.manager())
}
