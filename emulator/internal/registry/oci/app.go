package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/sirupsen/logrus"
)

// silence turns distribution's log off. It has none but logrus' global one, with no way to give an App its own.
var silence = sync.OnceFunc(func() {
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)
})

// lazyApp is distribution, started by the first push: a registry that is only read from costs nothing.
type lazyApp struct {
	once sync.Once
	app  *handlers.App
	err  error
}

func (l *lazyApp) start(d *rows, secret string) (*handlers.App, error) {
	l.once.Do(func() { l.app, l.err = newApp(d, secret) })
	return l.app, l.err
}

func (l *lazyApp) shutdown() error {
	l.once.Do(func() { l.err = errors.New("the registry is closed") })
	if l.app == nil {
		return nil
	}
	return l.app.Shutdown()
}

// newApp starts distribution on a driver. What NewApp panics with becomes an error.
func newApp(d *rows, secret string) (app *handlers.App, err error) {
	silence()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("starting distribution: %v", p)
		}
	}()
	return handlers.NewApp(context.Background(), config(d, secret)), nil
}

// config is what an App needs to do uploads and to validate manifests. NewApp writes into it, so each App has its own.
func config(d *rows, secret string) *configuration.Configuration {
	c := &configuration.Configuration{Storage: configuration.Storage{
		driverName:    {"driver": d},
		"redirect":    {"disable": true},
		"maintenance": {"uploadpurging": map[any]any{"enabled": false}},
	}}
	c.HTTP.Secret = secret
	c.HTTP.RelativeURLs = true
	// What it would refuse is an index that names missing manifests and a layer that is to be had elsewhere. The layers
	// and the config of an image have to be there all the same.
	c.Validation.Disabled = true
	return c
}

// answer is what distribution said. Its answers to pushes are short.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// distribute hands a request to distribution, under a path made from what was parsed, and returns its answer if that is a
// success. Its refusals come back as errors in the words of distribution, its failures and those of storage as ours.
func (g *Registry) distribute(c *call, p *push, path string) (*answer, error) {
	app, err := g.app.start(&rows{g.content, g.files}, g.options.Secret)
	if err != nil {
		return nil, err
	}
	r := c.WithContext(context.WithValue(c.Context(), pushKey{}, p))
	r.URL = &url.URL{Path: path, RawQuery: c.URL.RawQuery}
	r.Form = c.URL.Query() // else a body that calls itself a form is eaten as one
	a := &answer{header: http.Header{}}
	app.ServeHTTP(a, r)
	switch {
	case p.failure != nil:
		return nil, p.failure
	case a.status >= http.StatusBadRequest:
		return nil, a.refusal()
	}
	return a, nil
}

// refusal reads the first error of distribution's answer. The details of a failure stay inside.
func (a *answer) refusal() error {
	var list struct {
		Errors []struct {
			Code, Message string
			Detail        json.RawMessage
		}
	}
	cause := errors.New("distribution: " + a.body.String())
	if err := json.Unmarshal(a.body.Bytes(), &list); err != nil || len(list.Errors) == 0 || a.status >= http.StatusInternalServerError {
		return internal.because(cause)
	}
	e := &Error{Status: a.status, Code: list.Errors[0].Code, Message: list.Errors[0].Message, Cause: cause}
	if detail := list.Errors[0].Detail; len(detail) > 0 && string(detail) != "null" {
		e.Detail = detail
	}
	return e
}

// pass copies the named headers of distribution's answer.
func (a *answer) pass(w http.ResponseWriter, names ...string) {
	for _, name := range names {
		if v := a.header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
}
