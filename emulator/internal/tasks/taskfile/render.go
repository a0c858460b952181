package taskfile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

var errRenderedEmpty = errors.New("rendered template was empty")

// renderer renders the templates of one task.
type renderer struct {
	in   Input
	data map[string]any
}

// newRenderer makes a renderer. Secrets are not known to it before [renderer.file] has asked for them.
func newRenderer(in Input) (*renderer, error) {
	data, err := templateData(in)
	if err != nil {
		return nil, err
	}
	return &renderer{in: in, data: data}, nil
}

// file renders a whole file. Where secrets are named it is rendered twice: once without, to read which there are, and then
// with their values.
func (r *renderer) file(ctx context.Context, name, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if err := r.resolveSecrets(ctx, name, text); err != nil {
		return "", fmt.Errorf("failed to resolve secrets in the task with error: %w", err)
	}
	rendered, err := r.text(ctx, name, text)
	if err != nil {
		return "", fmt.Errorf("error while rendering templates: %w", err)
	}
	if rendered == "" {
		return "", errRenderedEmpty
	}
	return rendered, nil
}

func (r *renderer) resolveSecrets(ctx context.Context, name, text string) error {
	if !strings.Contains(text, "secrets") {
		return nil
	}
	r.data["Secrets"] = map[string]any{}
	rendered, err := r.text(ctx, name, text)
	if err != nil {
		return fmt.Errorf("failed to render the template: %w", err)
	}
	if rendered == "" {
		return errRenderedEmpty
	}
	file, err := readTask(rendered)
	if err != nil {
		return fmt.Errorf("failed to parse template to create task: %w", err)
	}
	if len(file.Secrets) == 0 {
		return nil
	}
	if r.in.ResolveSecrets == nil {
		return errors.New("secrets cannot be resolved here")
	}
	resolved, err := r.in.ResolveSecrets(ctx, file.secrets())
	secrets := map[string]any{}
	for id, value := range resolved {
		secrets[id] = value
	}
	r.data["Secrets"] = secrets
	return err
}

// text renders one text.
func (r *renderer) text(ctx context.Context, name, text string) (string, error) {
	m := &meter{ctx: ctx, left: maxPatience}
	t := template.New(name).Option("missingkey=zero").Funcs(m.functions())
	if _, err := t.Parse(text); err != nil {
		return "", fmt.Errorf("failed to parse template: %s. Err: %w", name, err)
	}
	if err := m.instrument(t); err != nil {
		return "", err
	}
	out := boundedText{left: maxText}
	if err := t.Execute(&out, r.data); err != nil {
		if m.woven != nil {
			err = m.woven
		}
		return "", fmt.Errorf("failed to execute template: %s. Err: %w", name, err)
	}
	return strings.ReplaceAll(out.String(), "<no value>", ""), nil
}

// boundedText is a text that refuses to become too long.
type boundedText struct {
	strings.Builder
	left int
}

// Write adds to the text.
func (b *boundedText) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("the template renders to more than %d bytes", maxText)
	}
	return b.Builder.Write(p)
}

// WriteString hides the builder's, which has no bound.
func (b *boundedText) WriteString(text string) (int, error) { return b.Write([]byte(text)) }
