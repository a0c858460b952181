package azure_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// TestParseSchedule: cron of five fields in UTC, and nothing that only looks like it.
func TestParseSchedule(t *testing.T) {
	from := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // a Friday
	for text, want := range map[string]string{
		"0 21 * * *":       "2026-01-02T21:00:00Z",
		"*/5 * * * *":      "2026-01-02T03:05:00Z",
		"0 9 * * 1-5":      "2026-01-02T09:00:00Z",
		"30 2 1 JAN,JUL *": "2026-07-01T02:30:00Z",
		"0 0 * * SUN":      "2026-01-04T00:00:00Z",
	} {
		schedule, err := azure.ParseSchedule(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := schedule.Next(from).Format(time.RFC3339); got != want {
			t.Errorf("%q is next at %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* * * * 7", "*/0 * * * *", "5-1 * * * *", "@hourly", "@every 1s", "TZ=UTC", "CRON_TZ=UTC * * * * *",
		"\n* * * * *", strings.Repeat("1,", 200) + "1 * * * *", "٣ * * * *",
	} {
		if _, err := azure.ParseSchedule(text); err == nil {
			t.Errorf("%q is taken for a schedule", text)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"0 21 * * *", "*/5 1-3 ? JAN MON", "0-59/7 * 31 2 *", "TZ=", "1,2,, * * * *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		schedule, err := azure.ParseSchedule(text)
		if err == nil {
			schedule.Next(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) // ends, also where no such day comes
		}
	})
}

// FuzzRunRequest: whatever a client sends as a request is understood whole, or refused with an *azure.Error; spelling it
// twice changes nothing.
func FuzzRunRequest(f *testing.F) {
	for _, seed := range []string{
		`{"type":"TaskRunRequest","taskId":"/subscriptions/a"}`,
		`{"Type":"dockerbuildrequest","DockerFilePath":"Dockerfile","platform":{"OS":"linux"},"arguments":[{"Name":"a","isSecret":true}]}`,
		`{"type":"EncodedTaskRunRequest","encodedTaskContent":"dg==","credentials":{"customRegistries":{"a":{"Identity":"[system]"},"b":null,"c":1}}}`,
		`{"type":1,"values":[1],"arguments":{"a":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var request map[string]any
		if json.Unmarshal(data, &request) != nil {
			return
		}
		err := errors.Join(azure.NormalizeRunRequest(request), azure.CheckRunRequest(request))
		if _, known := errors.AsType[*azure.Error](err); err != nil && !known {
			t.Fatalf("%s: %v", data, err)
		}
		if err != nil {
			return
		}
		before, _ := json.Marshal(request)
		if err := azure.NormalizeRunRequest(request); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if after, _ := json.Marshal(request); string(after) != string(before) {
			t.Errorf("%s became %s", before, after)
		}
	})
}

// TestReach finds members below lists and below objects whose names are people's.
func TestReach(t *testing.T) {
	object := map[string]any{
		"list":  []any{map[string]any{"secret": "a"}, map[string]any{}},
		"hosts": map[string]any{"b.example": map[string]any{"password": map[string]any{"value": "b"}}, "c.example": nil},
	}
	for path, want := range map[string]int{"list[].secret": 2, "hosts{}.password.value": 1, "hosts{}.password": 1, "nowhere.at.all": 0, "list": 1} {
		if got := azure.Reach(object, path); len(got) != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
