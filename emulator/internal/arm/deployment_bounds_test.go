package arm_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestDeploymentsStaySmall: what a deployment leaves behind is in proportion to its template, however often that says what
// depends on what, and whatever its outputs add up to. (Both once were a hundred times as large.)
func TestDeploymentsStaySmall(t *testing.T) {
	const resources, outputs = 300, 12
	var chain, large []string
	var before []string
	for i := range resources {
		chain = append(chain, fmt.Sprintf(`{"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2023-09-01", "name": "n%d",
			"location": "westeurope", "dependsOn": [%s]}`, i, strings.Join(before, ",")))
		before = append(before, fmt.Sprintf(`"n%d"`, i))
	}
	for i := range outputs {
		large = append(large, fmt.Sprintf(`"o%d": {"type": "string", "value": "[padLeft('', 1000000, 'x')]"}`, i))
	}
	for name, members := range map[string]string{
		"dependencies": `"resources": [` + strings.Join(chain, ",") + `]`,
		"outputs":      `"resources": [], "outputs": {` + strings.Join(large, ",") + `}`,
	} {
		b := fixture(t)
		got := send(newServer(b), newRequest("contributor", "PUT", group+"/providers/Microsoft.Resources/deployments/big",
			`{"properties": {"mode": "Incremental", "template": {"contentVersion": "1.0.0.0",
			"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", `+members+`}}}`))
		if limit := 2 << 20; got.Code != http.StatusCreated || got.Body.Len() > limit {
			t.Errorf("%s: %d, %d bytes, want at most %d", name, got.Code, got.Body.Len(), limit)
		}
	}
}
