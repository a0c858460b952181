package dockerfile

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"
)

// progress says what is being done, in the words of the classic docker build (acr-tasks §1.6).
type progress struct{ w io.Writer }

func (p progress) printf(format string, a ...any) {
	fmt.Fprintf(p.w, format+"\n", a...) //nolint:errcheck // who does not listen loses nothing but words
}

func (p progress) context(size int64) {
	p.printf("Sending build context to Docker daemon %8s", units.HumanSize(float64(size)))
}

func (p progress) step(n, of int, text string) { p.printf("Step %d/%d : %s", n, of, text) }

func (p progress) image(id string) { p.printf(" ---> %s", short(id)) }

func (p progress) cached() { p.printf(" ---> Using cache") }

// container frames what docker does in a container.
func (p progress) container(id string) { p.printf(" ---> Running in %s", short(id)) }

func (p progress) removed(id string) { p.printf("Removing intermediate container %s", short(id)) }

func (p progress) triggers(n int) {
	plural := "s"
	if n == 1 {
		plural = ""
	}
	p.printf("# Executing %d build trigger%s", n, plural)
}

func (p progress) done(id string, tags, unread []string) {
	if len(unread) > 0 {
		p.printf("[Warning] One or more build-args %v were not consumed", unread)
	}
	p.printf("Successfully built %s", short(id))
	for _, tag := range tags {
		p.printf("Successfully tagged %s", tag)
	}
}

// short is how docker shows an ID.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}
