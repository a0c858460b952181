package identity

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// counting is a verify function that counts its calls and says good for an hour from noon.
func counting(calls *int) func(string) (string, Window, error) {
	return func(token string) (string, Window, error) {
		*calls++
		return "value of " + token, Window{noon, noon.Add(time.Hour)}, nil
	}
}

func TestCacheWindow(t *testing.T) {
	at := &testClock{}
	cache := &Cache[string]{Now: at.Now}
	calls := 0
	for _, row := range []struct {
		when      time.Duration
		wantCalls int
		wantHeld  int
	}{
		{-1, 1, 0}, // not remembered before it is good
		{0, 2, 1},
		{0, 2, 1},
		{time.Hour - 1, 2, 1},
		{-1, 3, 1}, // the clock was set back: not believed
		{time.Hour, 4, 0},
		{time.Hour, 5, 0}, // nor remembered after
		{time.Minute, 6, 1},
	} {
		at.Time = noon.Add(row.when)
		value, err := cache.Do("t", counting(&calls))
		if err != nil || value != "value of t" {
			t.Fatalf("got %q, %v", value, err)
		}
		if calls != row.wantCalls || cache.Len() != row.wantHeld {
			t.Errorf("at noon %+v: verified %d times, want %d; %d held, want %d", row.when, calls, row.wantCalls, cache.Len(), row.wantHeld)
		}
	}
}

// A token that is refused is refused each time, and by verify's own error.
func TestCacheRemembersNoRefusal(t *testing.T) {
	var cache Cache[string]
	refused := &VerifyError{Expired, "long ago"}
	for range 2 {
		value, err := cache.Do("t", func(string) (string, Window, error) {
			return "secret", Window{Expires: time.Now().Add(time.Hour)}, refused
		})
		if !errors.Is(err, refused) || value != "" || cache.Len() != 0 {
			t.Errorf("got %q, %v, %d held", value, err, cache.Len())
		}
	}
}

func TestCacheClear(t *testing.T) {
	cache := &Cache[string]{Now: (&testClock{noon}).Now}
	calls := 0
	for want := 1; want <= 2; want++ {
		_, _ = cache.Do("t", counting(&calls))
		_, _ = cache.Do("t", counting(&calls))
		if _, ok := cache.Get("t"); !ok || calls != want {
			t.Errorf("verified %d times, want %d", calls, want)
		}
		cache.Clear()
		if _, ok := cache.Get("t"); ok || cache.Len() != 0 {
			t.Error("there is something left after Clear")
		}
	}
}

// What was verified by the rules of before a Clear must not come in after it.
func TestCacheClearWhileVerifying(t *testing.T) {
	cache := &Cache[string]{Now: (&testClock{noon}).Now}
	calls := 0
	value, err := cache.Do("t", func(token string) (string, Window, error) {
		cache.Clear()
		return counting(&calls)(token)
	})
	if err != nil || value != "value of t" || cache.Len() != 0 {
		t.Errorf("got %q, %v, %d held", value, err, cache.Len())
	}
}

func TestCacheIsBounded(t *testing.T) {
	at := &testClock{noon}
	cache := &Cache[string]{Now: at.Now, Limit: evictionSample}
	calls := 0
	for n := range 200 {
		_, _ = cache.Do(fmt.Sprint("first ", n), counting(&calls))
		if want := min(n+1, evictionSample); cache.Len() != want {
			t.Fatalf("%d held after %d, want %d", cache.Len(), n+1, want)
		}
	}
	if _, ok := cache.Get("first 199"); !ok {
		t.Error("the newest was dropped")
	}
	// The expired ones go first; in a cache this small all are seen.
	at.advance(2 * time.Hour)
	later := func(token string) (string, Window, error) {
		return token, Window{at.Time, at.Add(time.Hour)}, nil
	}
	for n := range evictionSample {
		_, _ = cache.Do(fmt.Sprint("second ", n), later)
	}
	for n := range evictionSample {
		if _, ok := cache.Get(fmt.Sprint("second ", n)); !ok {
			t.Errorf("second %d was dropped, although there were expired ones", n)
		}
	}
}

func TestCacheDefaultLimit(t *testing.T) {
	cache := &Cache[string]{Now: (&testClock{noon}).Now}
	calls := 0
	for n := range DefaultCacheLimit + 10 {
		_, _ = cache.Do(fmt.Sprint(n), counting(&calls))
	}
	if cache.Len() != DefaultCacheLimit {
		t.Errorf("%d held", cache.Len())
	}
}

func TestCacheConcurrently(t *testing.T) {
	cache := &Cache[string]{Limit: 8}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 200 {
				token := fmt.Sprint(n % 16)
				value, err := cache.Do(token, func(token string) (string, Window, error) {
					return token, Window{Expires: time.Now().Add(time.Hour)}, nil
				})
				if err != nil || value != token {
					t.Errorf("token %s: %q, %v", token, value, err)
				}
				if worker == 0 && n%50 == 0 {
					cache.Clear()
				}
			}
		})
	}
	all.Wait()
}

// benchmarkHits has a cache of full size, tokens of real length, and the wall clock.
func benchmarkHits(b *testing.B, tokens int) {
	issuer, at := newIssuer()
	at.Time = time.Now()
	v := issuer.Verifier(ACR)
	verify := func(token string) (Claims, Window, error) {
		claims, err := v.Verify(token)
		return claims, claims.Window(), err
	}
	var cache Cache[*Claims]
	held := make([]string, tokens)
	for n := range held {
		held[n] = mustIssue(b, issuer, builderID, ACR, worker).AccessToken
		_, _ = cache.Do(held[n], func(token string) (*Claims, Window, error) {
			claims, window, err := verify(token)
			return &claims, window, err
		})
	}
	b.ReportAllocs()
	next := 0
	for b.Loop() {
		if _, ok := cache.Get(held[next]); !ok {
			b.Fatal("no hit")
		}
		if next++; next == tokens {
			next = 0
		}
	}
}

func BenchmarkCacheHit(b *testing.B) {
	for _, tokens := range []int{1, 100} {
		b.Run(fmt.Sprintf("tokens=%d", tokens), func(b *testing.B) { benchmarkHits(b, tokens) })
	}
}
