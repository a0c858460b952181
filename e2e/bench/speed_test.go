//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"

	benchRepository = "bench/app"
	tagCount        = 2_000
	layerSize       = 10 << 10

	speedRounds = 3
	speedTime   = 400 * time.Millisecond // of one operation on one server in one round
)

// contestant is a registry whose speed is measured, filled with the same content as the others.
type contestant struct {
	name string
	*process
	*client
	small, large string // digests of blobs of 1 KB and 1 MB
	serial       atomic.Int64
}

// operation is something that clients do with a registry.
type operation struct {
	name string
	do   func(c *contestant) error
}

var operations = []operation{
	{"GET manifest by tag", func(c *contestant) error { return c.get("/v2/" + benchRepository + "/manifests/t0001") }},
	{"GET blob of 1 KB", func(c *contestant) error { return c.get("/v2/" + benchRepository + "/blobs/" + c.small) }},
	{"GET blob of 1 MB", func(c *contestant) error { return c.get("/v2/" + benchRepository + "/blobs/" + c.large) }},
	{"GET 100 of 2,000 tags", func(c *contestant) error {
		return c.get("/v2/" + benchRepository + "/tags/list?n=100&last=t1000")
	}},
	{"push blob of 1 KB", func(c *contestant) error {
		_, err := c.pushBlob(benchRepository, c.fresh(1<<10))
		return err
	}},
	{"push image of 5 layers", func(c *contestant) error { return c.pushImage("pushed", 5) }},
}

// fresh returns bytes that were never pushed to the registry before.
func (c *contestant) fresh(size int) []byte {
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	copy(content, fmt.Sprintf("%016d", c.serial.Add(1)))
	return content
}

// pushImage pushes layers and a configuration that the registry has not seen, and a manifest that names them.
func (c *contestant) pushImage(tag string, layers int) error {
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	var pushed []descriptor
	for range layers + 1 {
		digest, err := c.pushBlob(benchRepository, c.fresh(layerSize))
		if err != nil {
			return err
		}
		pushed = append(pushed, descriptor{layerType, digest, layerSize})
	}
	pushed[0].MediaType = configType
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": pushed[0], "layers": pushed[1:],
	})
	if err != nil {
		return err
	}
	return c.pushManifest(benchRepository, tag, manifest)
}

// fill gives the registry what the operations read.
func (c *contestant) fill(t testing.TB) {
	t.Helper()
	var err error
	if c.small, err = c.pushBlob(benchRepository, c.fresh(1<<10)); err != nil {
		t.Fatal(err)
	}
	if c.large, err = c.pushBlob(benchRepository, c.fresh(1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := c.pushImage("t0001", 5); err != nil {
		t.Fatal(err)
	}
	_, manifest, err := c.send(message{method: "GET", path: "/v2/" + benchRepository + "/manifests/t0001"})
	if err != nil {
		t.Fatal(err)
	}
	load(t, times(tagCount), func(i int64) error {
		return c.pushManifest(benchRepository, fmt.Sprintf("t%04d", i), manifest)
	})
}

// speed is how fast an operation was: per second, and the server's CPU time for each.
type speed struct {
	rate float64
	cpu  time.Duration
}

func (c *contestant) measure(t testing.TB, op operation) speed {
	t.Helper()
	cpu, begun := c.cpu(t), time.Now()
	n := load(t, during(speedTime), func(int64) error { return op.do(c) })
	return speed{float64(n) / time.Since(begun).Seconds(), (c.cpu(t) - cpu) / time.Duration(n)}
}

// measureSpeed measures each operation on all registries in turn, several times, and keeps the medians.
func measureSpeed(t testing.TB, all []*contestant) map[string][]speed {
	t.Helper()
	results := map[string][]speed{}
	for _, op := range operations {
		rates, cpus := make([][]float64, len(all)), make([][]time.Duration, len(all))
		for range speedRounds {
			for i, c := range all {
				s := c.measure(t, op)
				rates[i], cpus[i] = append(rates[i], s.rate), append(cpus[i], s.cpu)
			}
		}
		for i := range all {
			results[op.name] = append(results[op.name], speed{percentile(rates[i], 50), percentile(cpus[i], 50)})
		}
	}
	return results
}

// contestants starts and fills the registries to compare.
func contestants(t testing.TB, e *emulator, others string) []*contestant {
	t.Helper()
	all := []*contestant{{name: "acrlocal", process: e.process, client: e.login(t, benchRepository)}}
	for _, name := range []string{bareDistribution, bareGGCR} {
		p := other(t, others, name)
		all = append(all, &contestant{name: name, process: p, client: newClient(p.url, "")})
	}
	for _, c := range all {
		c.fill(t)
	}
	return all
}

// printSpeed writes the table of operations: rate and CPU time of each registry, and how many times the rate of each
// other the first one has.
func printSpeed(out io.Writer, all []*contestant, results map[string][]speed) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "OPERATION, 8 AT ONCE")
	for _, c := range all {
		fmt.Fprintf(w, "\t%s", c.name)
	}
	for _, c := range all[1:] {
		fmt.Fprintf(w, "\tRATE, × %s\tCPU, × %[1]s", c.name)
	}
	fmt.Fprintln(w)
	for _, op := range operations {
		speeds := results[op.name]
		fmt.Fprint(w, op.name)
		for _, s := range speeds {
			fmt.Fprintf(w, "\t%s/s, %s µs", number(s.rate), number(microseconds(s.cpu)))
		}
		for _, s := range speeds[1:] {
			fmt.Fprintf(w, "\t%s\t%s", number(speeds[0].rate/s.rate), number(float64(speeds[0].cpu)/float64(s.cpu)))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
}
