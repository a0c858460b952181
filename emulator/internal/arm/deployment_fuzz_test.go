package arm_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzDeployment asks what any body would deploy: the answer is ARM's, and no fault of the server.
func FuzzDeployment(f *testing.F) {
	for _, seed := range []string{
		`{"properties":{"mode":"Incremental",template:{"$schema":"s","contentVersion":"1","resources":[]}}}`,
		`{"properties":{"template":{"$schema":"s","contentVersion":"1","resources":[{"type":"Microsoft.ContainerRegistry/registries","apiVersion":"2023-07-01","name":"fuzzed","location":"westeurope","sku":{"name":"Premium"}}]}}}`,
		`{"properties":{"mode":"Complete","template":{"$schema":"s","contentVersion":"1","resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"n","properties":{"template":{"$schema":"s","contentVersion":"1","resources":[],"outputs":{"o":{"type":"string","value":"[resourceGroup().id]"}}}}}]}}}`,
		`{"properties":{"template":{"$schema":"s","contentVersion":"1","languageVersion":"2.0","resources":{"r":{"existing":true,"type":"Microsoft.ContainerRegistry/registries","apiVersion":"2023-07-01","name":"first"}},"outputs":{"o":{"type":"object","value":"[listCredentials('r')]"}}}}}`,
		`{"properties":{"template":{"$schema":"s","contentVersion":"1","resources":[{"type":"Microsoft.Authorization/locks","apiVersion":"2020-05-01","name":"l","scope":"/subscriptions/x/../y","properties":{"level":"ReadOnly"}}]}}}`,
	} {
		f.Add(seed)
	}
	handler := newServer(fixture(f))
	path := expand("{g}/providers/Microsoft.Resources/deployments/fuzzed/whatIf")
	f.Fuzz(func(t *testing.T, body string) {
		r := newRequest("owner", "POST", path, "")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		got := send(handler, r)
		var answered map[string]any
		if err := json.Unmarshal(got.Body.Bytes(), &answered); err != nil || got.Code >= http.StatusInternalServerError {
			t.Errorf("%q: %d %s", body, got.Code, got.Body)
		}
	})
}
