package emulator_test

import (
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/emulatortest"
)

// TestExportHidesContainerSecrets exports a container group: its passwords and secure values are left out, unless they are
// asked for.
func TestExportHidesContainerSecrets(t *testing.T) {
	e := emulatortest.Start(t, `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: playground, sku: {name: Standard}}
  - type: Microsoft.ContainerInstance/containerGroups
    name: worker
    location: westeurope
    properties:
      containers: [{name: c, properties: {image: "playground.azurecr.io/hello:v1", environmentVariables: [{name: KEY, secureValue: sesame-1}]}}]
      imageRegistryCredentials: [{server: playground.azurecr.io, username: ci, password: sesame-2}]
      volumes: [{name: keys, secret: {token: c2VzYW1lLTM=}}]
`)
	for _, c := range []struct {
		secrets bool
		want    int
	}{{false, 0}, {true, 3}} {
		text := exported(t, e, c.secrets)
		if got := strings.Count(text, "sesame-") + strings.Count(text, "c2VzYW1l"); got != c.want {
			t.Errorf("with secrets %v: %d of them; want %d\n%s", c.secrets, got, c.want, text)
		}
	}
}
