//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	writes   = 200
	seedRuns = 5

	seedBar = 1000 // ms
)

const (
	subscription = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	group        = subscription + "/resourceGroups/bench"
	registryID   = group + "/providers/Microsoft.ContainerRegistry/registries/playground"
	identities   = 1_000
)

type document map[string]any

var (
	scopes = []string{registryID, group, subscription}
	roles  = []string{
		"7f951dda-4ed3-4680-a7ca-43fe172d538d", // AcrPull
		"8311e382-0749-4cb8-b61a-304f252e45ec", // AcrPush
		"c2f4ef07-c644-48eb-af81-4b1b4947fb11", // AcrDelete
		"acdd72a7-3385-48ef-bd42-f606fba81ae7", // Reader
	}
)

// assignment returns the ID of a role assignment and what ARM is told of it. No two of the first 12,000 give the same
// role at the same scope to the same identity, which ARM would refuse.
func assignment(i int) (id string, properties document) {
	holder, scope, role := i%identities, i/identities%len(scopes), i/identities/len(scopes)%len(roles)
	return fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-%012x", scopes[scope], i),
		document{
			"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + roles[role],
			"principalId":      principal(holder), "principalType": "ServicePrincipal",
		}
}

func principal(i int) string { return fmt.Sprintf("00000000-1000-4000-8000-%012x", i) }

// writeSeed writes a seed of a resource group, a registry, identities, and enough assignments to make that many documents.
func writeSeed(t testing.TB, documents int) string {
	t.Helper()
	resources := []document{
		{"id": group, "type": "Microsoft.Resources/resourceGroups", "location": "westeurope"},
		{"id": registryID, "type": "Microsoft.ContainerRegistry/registries", "location": "westeurope", "sku": document{"name": "Premium"}},
	}
	for i := range identities {
		resources = append(resources, document{
			"id":         fmt.Sprintf("%s/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id%d", group, i),
			"type":       "Microsoft.ManagedIdentity/userAssignedIdentities",
			"location":   "westeurope",
			"properties": document{"principalId": principal(i)},
		})
	}
	for i := 0; len(resources) < documents; i++ {
		id, properties := assignment(i)
		resources = append(resources, document{"id": id, "type": "Microsoft.Authorization/roleAssignments", "properties": properties})
	}
	return writeDocuments(t, resources)
}

// writeDocuments writes a seed of these documents.
func writeDocuments(t testing.TB, documents []document) string {
	t.Helper()
	seed, err := json.Marshal(document{"resources": documents})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// measureSeed measures how much longer the start takes with a seed of 10,000 documents than with the sample environment.
func measureSeed(t testing.TB, r *report) {
	t.Helper()
	state, seed := t.TempDir(), writeSeed(t, 10_000)
	startOnce(t, state)
	var added []float64
	for range seedRuns {
		sample, _ := startOnce(t, state)
		large, _ := startOnce(t, state, "--config", seed)
		added = append(added, milliseconds(large-sample))
	}
	r.atMost(seedBar, "start, added by a seed of 10,000 documents", percentile(added, 50), "ms")
}

// measureWrites measures role assignments put through ARM among 10,000 others.
func measureWrites(t testing.TB, r *report) {
	t.Helper()
	const there = 10_000
	e := emulate(t, t.TempDir(), "--config", writeSeed(t, 2+identities+there))
	c := newClient(e.url, "")
	token, err := e.entraToken(c, "https://management.azure.com")
	if err != nil {
		t.Fatal(err)
	}
	c.token = token
	before, begun := e.cpu(t), time.Now()
	for i := range writes {
		putAssignment(t, c, there+i)
	}
	r.atMost(writeBar, "ARM: one assignment put among 10,000, CPU", milliseconds(e.cpu(t)-before)/writes, "ms")
	r.note("ARM: one assignment put among 10,000, elapsed", milliseconds(time.Since(begun))/writes, "ms")
	r.note("memory with 10,000 assignments", e.memory(t, "VmRSS"), "MB")
}

func putAssignment(t testing.TB, c *client, i int) {
	t.Helper()
	id, properties := assignment(i)
	body, err := json.Marshal(document{"properties": properties})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.send(message{
		method: http.MethodPut, path: id + "?api-version=2022-04-01", host: "management.azure.com",
		contentType: "application/json", body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
}
