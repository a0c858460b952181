package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
)

// manage is embedded by the commands that ask a running emulator.
type manage struct {
	Manage string `help:"Management address of the running emulator; ${default} unless told." default:"127.0.0.1:5081" placeholder:"ADDR"`
}

// usualManage is the management address of an emulator that is told none.
const usualManage = "127.0.0.1:5081"

// maxAnswer bounds an answer of the management API, in bytes.
const maxAnswer = 64 << 20

func (m manage) url(path string) string {
	base := m.Manage
	if strings.HasPrefix(base, ":") {
		base = "127.0.0.1" + base
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return strings.TrimSuffix(base, "/") + path
}

// get asks for a JSON document and reads it into answer.
func (m manage) get(ctx context.Context, path string, answer any) error {
	return m.do(ctx, http.MethodGet, path, nil, answer)
}

// post sends a JSON document and reads the answer, unless answer is nil.
func (m manage) post(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return m.do(ctx, http.MethodPost, path, body, answer)
}

func (m manage) do(ctx context.Context, method, path string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, m.url(path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	// The management address is local: a proxy of the environment has no business with it.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return fmt.Errorf("no emulator answers at %s: start one with 'acrlocal up', or name another with --manage (%w)", m.url(""), unwrapURL(err))
	}
	defer response.Body.Close()
	return read(response, answer)
}

func unwrapURL(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client returns exactly this
		return u.Err
	}
	return err
}

func read(response *http.Response, answer any) error {
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		var problem emulator.APIError
		if json.Unmarshal(data, &problem) == nil && problem.Message != "" {
			return fmt.Errorf("%s", problem.Message)
		}
		return fmt.Errorf("the emulator answers %s", response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}
