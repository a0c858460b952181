package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

func numbered(n int) *logged { return &logged{record: gate.Record{ID: fmt.Sprint(n)}} }

// TestDecisionLogKeepsTheLast: the ring keeps the newest decisions in order, and finds those alone.
func TestDecisionLogKeepsTheLast(t *testing.T) {
	for _, added := range []int{0, 1, 2, logCapacity - 1, logCapacity, logCapacity + 1, 3*logCapacity + 7} {
		l := &decisionLog{}
		for i := range added {
			l.add(numbered(i))
		}
		last := l.last(logCapacity + 1)
		if len(last) != min(added, logCapacity) {
			t.Fatalf("of %d decisions %d are kept", added, len(last))
		}
		for i, d := range last {
			if want := fmt.Sprint(added - 1 - i); d.record.ID != want {
				t.Fatalf("of %d decisions, number %d from the end is %s, not %s", added, i, d.record.ID, want)
			}
		}
		if got := len(l.last(3)); got != min(added, 3) {
			t.Errorf("last(3) of %d has %d", added, got)
		}
		if _, ok := l.find(fmt.Sprint(added - 1)); ok != (added > 0) {
			t.Errorf("the newest of %d: found %v", added, ok)
		}
		if _, ok := l.find("0"); ok != (added > 0 && added <= logCapacity) {
			t.Errorf("the oldest of %d: found %v", added, ok)
		}
		l.reset()
		if len(l.last(1)) != 0 {
			t.Error("reset leaves decisions")
		}
	}
}

// TestDecisionLogTogether: readers and writers at once, for the race detector.
func TestDecisionLogTogether(t *testing.T) {
	e := open(t, Options{DecisionLog: filepath.Join(t.TempDir(), "decisions")})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 200 {
				d := numbered(i*1000 + j)
				e.log.add(d)
				e.log.note(d, func() { d.place = "somewhere" })
				e.log.done(d, outcome{status: http.StatusOK})
			}
		})
		all.Go(func() {
			for range 20 {
				e.Decisions(10, func(DecisionEntry) bool { return true })
				e.log.find("1001")
			}
		})
	}
	all.Wait()
	if got := len(e.log.last(logCapacity)); got != 800 {
		t.Errorf("%d decisions of 800", got)
	}
}

// visit makes three requests: one that is allowed, one that is denied, one that is challenged.
func (e *Emulator) visit(t *testing.T) {
	t.Helper()
	if _, err := e.at(t, worker, "").Pull(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if _, err := e.at(t, "sites/shop", "").Pull(t.Context(), hello); err == nil {
		t.Fatal("App Service was let in")
	}
	if a := send(t, http.DefaultTransport, request(t, http.MethodGet, e.Endpoints().Service+"/v2/", "", "User-Agent", "test/1")); a.status != http.StatusUnauthorized {
		t.Fatalf("status %d", a.status)
	}
}

// TestDecisionColumns: a line of the log file has Azure's columns (acr-behaviour §8) and ours, one JSON object a line.
func TestDecisionColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	e := start(t, Options{DecisionLog: path})
	e.visit(t)
	if err := e.Close(); err != nil { // the file is complete when the requests have ended
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for line := range bytes.Lines(data) {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, column := range []string{
			"TimeGenerated", "OperationName", "CallerIpAddress", "CorrelationId", "DurationMs", "LoginServer", "ResultType", "ResultDescription",
			"TenantId", "Type", "SourceSystem", "_ResourceId", "_SubscriptionId", "verdict", "stage", "reason", "why", "revision", "steps", "id",
		} {
			if _, ok := entry[column]; !ok {
				t.Errorf("%s has no %s", line, column)
			}
		}
		lines = append(lines, entry)
	}
	is := func(want map[string]any) bool {
		return slices.ContainsFunc(lines, func(entry map[string]any) bool {
			for name, value := range want {
				if entry[name] != value {
					return false
				}
			}
			return true
		})
	}
	for _, want := range []map[string]any{
		{
			"OperationName": "pull", "Type": "ContainerRegistryRepositoryEvents", "Repository": "hello", "Tag": "v1", "verdict": "allow",
			"reason": "role", "stage": "authorization", "place": worker, "ResultDescription": "200", "ResultType": "Succeeded",
			"LoginServer": "myregistry.azurecr.io", "_ResourceId": testRegistry, "Region": "westeurope",
		},
		{
			"OperationName": "login", "Type": "ContainerRegistryLoginEvents", "verdict": "deny", "reason": "not-a-trusted-service",
			"stage": "network", "place": "sites/shop", "ResultDescription": "403", "ResultType": "Failed",
		},
		{
			"verdict": "challenge", "reason": "credential-missing", "CallerIpAddress": "127.0.0.1", "ResultDescription": "401",
			"LoginServer": "playground.azurecr.io", "UserAgent": "test/1",
		},
	} {
		if !is(want) {
			t.Errorf("no line has %v in\n%s", want, data)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log's mode: %v, %v", info.Mode(), err)
	}
}

// TestDecisionHeaders: every answer of a registry names its decision, unless answers are to be plain.
func TestDecisionHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		plain   bool
	}{
		{"headers", Options{}, false},
		{"the flag", Options{PlainAnswers: true}, true},
		{"the quirk", withSample("quirks: {plain-answers: true}"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := start(t, c.options)
			held := e.accessToken(t, worker, "")
			for _, try := range []struct {
				place, token, want string
			}{
				{worker, held.token, "; allow; authorization; role"},
				{worker, "", "; challenge; authentication; credential-missing"},
				{"192.0.2.7", held.token, "; allow; authorization; role"}, // the identity is trusted, wherever its host stands
				{worker, "x", "; challenge; authentication; credential-malformed"},
			} {
				r := request(t, http.MethodGet, manifestURL, "")
				if try.token != "" {
					r.Header.Set("Authorization", "Bearer "+try.token)
				}
				a := send(t, e.at(t, try.place, ""), r)
				decision, why := a.header.Get("X-Acrlocal-Decision"), a.header.Get("X-Acrlocal-Why")
				if c.plain && decision+why != "" {
					t.Errorf("a plain answer has %q %q", decision, why)
				}
				if !c.plain && (!strings.HasSuffix(decision, try.want) || why == "" || strings.HasSuffix(why, ".")) {
					t.Errorf("decision %q (%q), want %q", decision, why, try.want)
				}
				if id, _, ok := strings.Cut(decision, ";"); ok {
					if d, err := e.Decision(id); err != nil || d.Why != why {
						t.Errorf("decision %s: %v: %q, want %q", id, err, d.Why, why)
					}
				}
			}
		})
	}
}

// TestRefusedBodyTellsNothing: what Azure does not say is in headers alone, so that clients see Azure's bytes.
func TestRefusedBodyTellsNothing(t *testing.T) {
	e := start(t, Options{})
	_, err := e.at(t, "sites/shop", "").Login(t.Context(), "myregistry.azurecr.io")
	if err == nil || strings.Contains(err.Error(), "trusted") || !strings.Contains(err.Error(), "https://aka.ms/acr/firewall") {
		t.Errorf("%v", err)
	}
}
