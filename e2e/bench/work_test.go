//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	workRuns = 20

	buildBar    = 300 // ms, from scheduleRun to the end of a run that builds and pushes (issue 4, "Must show" 8)
	overheadBar = 100 // ms, from scheduleRun to the first step

	patience = 60 * time.Second // until something is taken to hang
)

var noBar = math.Inf(1)

// tenInstructions is a Dockerfile of ten instructions, none of which runs anything.
const tenInstructions = `FROM playground.azurecr.io/hello:v1
ARG VERSION=1.2.3
ENV VERSION=$VERSION LANG=C.UTF-8
LABEL org.opencontainers.image.version=$VERSION
WORKDIR /srv/app
COPY main.txt .
COPY data/ data/
EXPOSE 8080
USER 1000:1000
CMD ["serve", "--version", "$VERSION"]
`

// measureWork measures the services at work: what they are asked through Resource Manager, as az asks it, and what comes of it.
func measureWork(t testing.TB, r *report) {
	t.Helper()
	w := startWork(t)
	build := w.build(w.upload(map[string]string{"Dockerfile": tenInstructions, "main.txt": "main", "data/a": "a", "data/b": "b"}))
	w.measure(r, buildBar, "task: a build of ten instructions, from schedule to its end", func(int) { w.do(build) })
	w.measure(r, overheadBar, "task: from schedule to the first step", func(int) {
		w.awaitLog(w.schedule(quickTask("steps:\n  - build: -t web -f Dockerfile .\n    ignoreErrors: true\n")), "Executing step ID: acb_step_0")
	})
	if w.containers() {
		w.measureContainers(r)
	}
	w.measureImport(r)
	w.measureScan(r)
	w.measureQueue(r, build)
	r.note("memory at its peak, services at work", w.memory(t, "VmHWM"), "MB")
}

// measureQueue measures how long runs take that are queued at once.
func (w *work) measureQueue(r *report, request document) {
	w.Helper()
	const queued = 50
	var runs []string
	begun := time.Now()
	for range queued {
		runs = append(runs, w.schedule(request))
	}
	for _, run := range runs {
		w.end(run)
	}
	r.note(fmt.Sprintf("task: %d builds of ten instructions, queued at once", queued), milliseconds(time.Since(begun)), "ms")
}

// measureContainers measures what needs containers.
func (w *work) measureContainers(r *report) {
	for _, build := range []struct{ name, file string }{
		{"a build of FROM", "FROM mcr.microsoft.com/acr/bash\n"},
		{"a build of FROM and RUN", "FROM mcr.microsoft.com/acr/bash\nRUN [\"bash\", \"-c\", \"true\"]\n"},
	} {
		request := w.build(w.upload(map[string]string{"Dockerfile": build.file}))
		request["isPushEnabled"] = false
		w.measure(r, noBar, "task: "+build.name, func(int) { w.do(request) })
	}
	w.measure(r, noBar, "task: from schedule to what a container says", func(int) {
		w.awaitLog(w.schedule(quickTask("steps:\n  - cmd: bash -c 'echo here'\n")), "\nhere")
	})
	w.measureLog(r)
	w.measure(r, noBar, "container group: from PUT to Running", w.runGroup)
}

// measureLog measures how long a run takes that says much: time that is linear, and memory for a part of it only.
func (w *work) measureLog(r *report) {
	w.Helper()
	const kB = 50_000
	begun := time.Now()
	w.do(quickTask(fmt.Sprintf("steps:\n  - cmd: bash -c 'for ((i=0; i<%d; i++)); do echo %s; done'\n", kB, strings.Repeat("x", 999))))
	r.note("task: a log of 50 MB", milliseconds(time.Since(begun)), "ms")
	r.note("memory at its peak, after it", w.memory(w, "VmHWM"), "MB")
}

// measure takes the time of what is done workRuns times.
func (w *work) measure(r *report, bar float64, name string, do func(i int)) {
	w.Helper()
	do(-1) // what is done the first time only is not counted
	var took []float64
	for i := range workRuns {
		begun := time.Now()
		do(i)
		took = append(took, milliseconds(time.Since(begun)))
	}
	r.note(name+", median", percentile(took, 50), "ms")
	r.atMost(bar, name+fmt.Sprintf(", p95 of %d", workRuns), percentile(took, 95), "ms")
}

// runGroup makes a container group, and removes it once it runs.
func (w *work) runGroup(i int) {
	const version = "2023-05-01"
	at := fmt.Sprintf("%sMicrosoft.ContainerInstance/containerGroups/bench%d", samples, i+1)
	w.ask(http.MethodPut, at, version, document{"location": "westeurope", "properties": document{
		"osType": "Linux", "containers": []any{document{"name": "c", "properties": document{
			"image": "mcr.microsoft.com/acr/bash", "command": []string{"bash", "-c", "sleep 600"},
			"resources": document{"requests": document{"cpu": 1, "memoryInGB": 0.5}},
		}}},
	}}, nil)
	w.await("a container group that runs", func() bool {
		var group struct {
			Properties struct{ InstanceView struct{ State string } }
		}
		w.ask(http.MethodGet, at, version, nil, &group)
		return group.Properties.InstanceView.State == "Running"
	})
	w.ask(http.MethodDelete, at, version, nil, nil)
}

// noise is content that no compression makes smaller.
func noise(size int) []byte {
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = random.Read(content) // it cannot fail
	return content
}

// push pushes an image of such layers.
func (w *work) push(repository string, layers ...[]byte) {
	w.Helper()
	c := w.login(w, repository)
	config := []byte("{}")
	described := func(mediaType string, content []byte) document {
		digest, err := c.pushBlob(repository, content)
		if err != nil {
			w.Fatal(err)
		}
		return document{"mediaType": "application/vnd.oci.image." + mediaType, "digest": digest, "size": len(content)}
	}
	var list []any
	for _, layer := range layers {
		list = append(list, described("layer.v1.tar+gzip", layer))
	}
	manifest, _ := json.Marshal(document{
		"schemaVersion": 2, "mediaType": manifestType, "config": described("config.v1+json", config), "layers": list,
	})
	if err := c.pushManifest(repository, "v1", manifest); err != nil {
		w.Fatal(err)
	}
}

// measureImport measures an import of 100 MB from one registry into another.
func (w *work) measureImport(r *report) {
	w.Helper()
	const layers, size = 4, 25_000_000
	var content [][]byte
	for i := range layers {
		content = append(content, noise(size+i))
	}
	w.push("large", content...)
	begun := time.Now()
	response := w.ask(http.MethodPost, strings.Replace(playground, "playground", "myregistry", 1)+"/importImage", "2023-07-01", document{
		"source": document{"resourceId": playground, "sourceImage": "large:v1"}, "targetTags": []string{"large:v1"}, "mode": "Force",
	}, nil)
	operation := response.Header.Get("Azure-AsyncOperation")
	to, err := url.Parse(operation)
	if err != nil || operation == "" {
		w.Fatalf("an import without an operation: %q %v", operation, err)
	}
	w.await("the end of an import", func() bool {
		var found struct{ Status string }
		w.ask(http.MethodGet, to.Path, "2023-07-01", nil, &found)
		if found.Status == "Failed" {
			w.Fatal("an import has failed")
		}
		return found.Status == "Succeeded"
	})
	r.note("import of 100 MB between registries", layers*size/1e6/time.Since(begun).Seconds(), "MB/s")
}

// measureScan measures from the push of an image of 50 MB to the first finding of Defender for Cloud.
func (w *work) measureScan(r *report) {
	w.Helper()
	w.ask(http.MethodPut, subscription+"/providers/Microsoft.Security/pricings/Containers", "2023-01-01",
		document{"properties": document{"pricingTier": "Standard"}}, nil)
	image := packed(w, map[string]string{
		"etc/os-release":      "ID=debian\nVERSION_ID=\"12\"\n",
		"var/lib/dpkg/status": "Package: bench\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\n\n",
		"usr/share/noise":     string(noise(50_000_000)),
	})
	w.push("scanned", image)
	begun := time.Now()
	findings := playground + "/providers/Microsoft.Security/assessments/c0b7cfc6-3172-465a-b378-53c7ff2cc0d5/subAssessments"
	w.await("a finding", func() bool {
		var list struct{ Value []any }
		w.ask(http.MethodGet, findings, "2019-01-01-preview", nil, &list)
		return len(list.Value) > 0
	})
	r.note("scan of an image of 50 MB, from push to finding", milliseconds(time.Since(begun)), "ms")
}
