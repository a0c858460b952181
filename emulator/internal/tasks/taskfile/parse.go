package taskfile

import (
	"context"
	"fmt"
)

// templateName is what messages of text/template call a task file. ACR's engine gets every file encoded, and calls it so.
const templateName = "decoded"

// Parse reads a task file. The error is in the words of ACR's engine, with the line where one is known: "unable to render
// task: …" or "failed to unmarshal task before running: …".
func Parse(ctx context.Context, in Input) (*Task, error) {
	if err := checkSize("the task file", in.Text); err != nil {
		return nil, err
	}
	text, aliases, err := replaceAliases(ctx, withoutComments(in.Text), in)
	if err != nil {
		return nil, err
	}
	rendered, err := render(ctx, templateName, text, in)
	if err != nil {
		return nil, fmt.Errorf("unable to render task: %w", err)
	}
	file, err := readTask(rendered)
	if err != nil {
		return nil, fmt.Errorf("failed to unmarshal task before running: failed to deserialize task and validate: %w", err)
	}
	task, err := file.task(aliases, in)
	if err != nil {
		return nil, fmt.Errorf("failed to unmarshal task before running: %w", err)
	}
	return task, nil
}

// replaceAliases replaces the aliases of a file whose version has them. The part about aliases may have templates, too, and
// is rendered first.
func replaceAliases(ctx context.Context, text string, in Input) (string, *aliasSet, error) {
	if findVersion(text) < aliasVersion {
		return text, nil, nil
	}
	part, rest := splitAliases(text)
	rendered, err := render(ctx, "aliasData", part, in)
	if err != nil {
		return "", nil, fmt.Errorf("unable to render alias data: %w", err)
	}
	aliases, err := readAliases(ctx, rendered, in)
	if err == nil {
		rest, err = aliases.replace(rest)
	}
	if err != nil {
		return "", nil, fmt.Errorf("unable to search/replace aliases in task: %w", err)
	}
	return rest, aliases, nil
}

func render(ctx context.Context, name, text string, in Input) (string, error) {
	r, err := newRenderer(in)
	if err != nil {
		return "", err
	}
	return r.file(ctx, name, text)
}

// task makes the task of a file that was read.
func (f *fileTask) task(aliases *aliasSet, in Input) (*Task, error) {
	if err := f.addDefaults(in); err != nil {
		return nil, err
	}
	after, err := graph(f.Steps)
	if err != nil {
		return nil, err
	}
	volumes, err := f.volumes()
	if err != nil {
		return nil, err
	}
	t := &Task{Version: f.Version, Secrets: f.secrets(), Networks: f.networks(), Volumes: volumes}
	for i, s := range f.Steps {
		step, err := s.step(aliases)
		if err != nil {
			return nil, fmt.Errorf("step ID: %s: %w", s.ID, err)
		}
		step.After = after[i]
		t.Steps = append(t.Steps, step)
	}
	return t, nil
}
