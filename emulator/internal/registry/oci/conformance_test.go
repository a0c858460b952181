package oci_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestConformance runs the suite of the OCI distribution specification with everything it has switched on, also what is
// optional: sha512, tags as parameters, cancelling of uploads, digest headers.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("the OCI suite takes seconds")
	}
	server := httptest.NewServer(newFixture(t, nil))
	defer server.Close()
	results := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "conformance")
	cmd.Env = append(os.Environ(),
		"OCI_REGISTRY="+strings.TrimPrefix(server.URL, "http://"), "OCI_TLS=disabled", "OCI_VERSION=1.1", "OCI_RESULTS_DIR="+results,
		"OCI_DATA_SHA512=true", "OCI_API_MANIFESTS_TAG_PARAM=true", "OCI_API_BLOBS_UPLOAD_CANCEL=true",
		"OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the OCI suite: %v\n%s", err, failures(results, output))
	}
	t.Logf("%s", summary.Find(output))
}

var summary = regexp.MustCompile(`(?s)OCI Conformance Result:.*?\n\n`)

func failures(dir string, output []byte) string {
	if report, err := os.ReadFile(filepath.Join(dir, "report.yaml")); err == nil {
		output = append(output, report...)
	}
	var lines []string
	for line := range strings.SplitSeq(string(output), "\n") {
		if strings.Contains(line, "FAIL") || strings.Contains(line, "rror") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[:min(len(lines), 60)], "\n")
}
