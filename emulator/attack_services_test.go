package emulator

import (
	"net/http"
	"strings"
	"testing"
)

// uploadOf asks for room for a source of registry alpha, writes to it, and returns the URL.
func (v victim) uploadOf(t *testing.T) string {
	t.Helper()
	var given struct{ UploadURL string }
	if err := v.ARM(t.Context(), http.MethodPost, attackRegistries+"alpha/listBuildSourceUploadUrl", map[string]any{}, &given); err != nil {
		t.Fatal(err)
	}
	return given.UploadURL
}

// blob sends a request to a signed URL from outside.
func (v victim) blob(t *testing.T, method, address, body string) answer {
	t.Helper()
	r := request(t, method, address, body, "x-ms-blob-type", "BlockBlob")
	return send(t, v.at(t, allowed, ""), r)
}

// TestRebornLogs: the URLs that were given out for the sources and logs of a registry lead to nothing of the one that is made in its
// place, not even by the same person. (That of a log once did: it showed the new registry's log of that name, for a day.)
func TestRebornLogs(t *testing.T) {
	v := newVictim(t)
	run := func() (log string) {
		t.Helper()
		var made struct{ Name string }
		if err := v.ARM(t.Context(), http.MethodPost, attackRegistries+"alpha/scheduleRun", map[string]any{
			"type": "EncodedTaskRunRequest", "encodedTaskContent": "Y21k", "platform": map[string]any{"os": "Linux"},
		}, &made); err != nil {
			t.Fatal(err)
		}
		var link struct{ LogLink string }
		if err := v.ARM(t.Context(), http.MethodPost, attackRegistries+"alpha/runs/"+made.Name+"/listLogSasUrl", map[string]any{}, &link); err != nil {
			t.Fatal(err)
		}
		for a := v.blob(t, http.MethodGet, link.LogLink, ""); a.status != http.StatusOK; a = v.blob(t, http.MethodGet, link.LogLink, "") {
			if t.Context().Err() != nil {
				t.Fatalf("there is no log: %d", a.status)
			}
		}
		return link.LogLink
	}
	old, upload := run(), v.uploadOf(t)
	if err := v.ARM(t.Context(), http.MethodDelete, attackRegistries+"alpha", nil, nil); err != nil {
		t.Fatal(err)
	}
	if a := v.blob(t, http.MethodGet, old, ""); a.status != http.StatusForbidden {
		t.Errorf("the log, after the registry: %d", a.status)
	}
	if err := v.ARM(t.Context(), http.MethodPut, attackRegistries+"alpha", map[string]any{"location": "westeurope", "sku": map[string]any{"name": "Premium"}}, nil); err != nil {
		t.Fatal(err)
	}
	again := run()
	if !strings.Contains(again, "/logs/ca1/") || !strings.Contains(old, "/logs/ca1/") {
		t.Fatalf("the two logs are not called the same: %s %s", old, again)
	}
	for method, at := range map[string]string{http.MethodGet: old, http.MethodPut: upload} {
		if a := v.blob(t, method, at, "mine"); a.status != http.StatusForbidden {
			t.Errorf("%s of an old URL: %d %s", method, a.status, a.body)
		}
	}
}
