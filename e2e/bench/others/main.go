// Command others is one of the servers that the emulator is measured beside. It prints its address and serves until it
// is killed.
//
// It is a module of its own, because distribution's drivers bring exporters of telemetry and gRPC with them, which the
// emulator does without.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/sirupsen/logrus"
)

var servers = map[string]func() http.Handler{
	"net/http":     newHTTP,
	"proxy":        newProxy,
	"distribution": newDistribution,
	"ggcr":         newGGCR,
}

func main() {
	if len(os.Args) != 2 || servers[os.Args[1]] == nil {
		log.Fatal("usage: others net/http|proxy|distribution|ggcr")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	handler := servers[os.Args[1]]()
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, handler))
}

// newHTTP answers as a registry answers GET /v2/, and does nothing else.
func newHTTP() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, "{}")
	})
}

// newDistribution is distribution with its own driver on the disk, below TMPDIR. Its log is off, which makes it faster.
func newDistribution() http.Handler {
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)
	config := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem":  {"rootdirectory": os.TempDir()},
		"maintenance": {"uploadpurging": map[any]any{"enabled": false}},
	}}
	config.HTTP.Secret = "of the benchmark"
	config.HTTP.RelativeURLs = true
	return handlers.NewApp(context.Background(), config)
}

// newGGCR is go-containerregistry's registry, which keeps everything in memory.
func newGGCR() http.Handler {
	return ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
}
