package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// file is a Dockerfile that was read.
type file struct {
	escape rune
	// arguments are those before the first FROM.
	arguments []*instructions.ArgCommand
	stages    []instructions.Stage
}

// parse reads a Dockerfile. The error names the line, in docker's words.
func parse(source []byte, limits Limits) (*file, error) {
	if int64(len(source)) > limits.Dockerfile {
		return nil, limitError("bytes in a Dockerfile", limits.Dockerfile)
	}
	syntax, err := parser.Parse(bytes.NewReader(source))
	if err != nil {
		return nil, fmt.Errorf("failed to parse Dockerfile: %w", err)
	}
	if n := len(syntax.AST.Children); n > limits.Instructions {
		return nil, limitError("instructions", int64(limits.Instructions))
	}
	f := &file{escape: syntax.EscapeToken}
	for _, node := range syntax.AST.Children {
		err := f.add(node)
		if errors.Is(err, errNoStage) {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("dockerfile parse error line %d: %w", node.StartLine, err)
		}
	}
	if len(f.stages) == 0 {
		return nil, errNoStage
	}
	return f, nil
}

// errNoStage says that there is no FROM, or something before it that does not belong there.
var errNoStage = errors.New("no build stage in current context")

// add puts an instruction where it belongs.
func (f *file) add(node *parser.Node) error {
	instruction, err := parseInstruction(node)
	if err != nil {
		return err
	}
	switch i := instruction.(type) {
	case *instructions.Stage:
		f.stages = append(f.stages, *i)
	case *instructions.ArgCommand:
		if len(f.stages) == 0 {
			f.arguments = append(f.arguments, i)
			return nil
		}
		f.stages[len(f.stages)-1].AddCommand(i)
	case instructions.Command:
		if len(f.stages) == 0 {
			return errNoStage
		}
		f.stages[len(f.stages)-1].AddCommand(i)
	}
	return nil
}

// parseInstruction reads an instruction. BuildKit's guesses at what was meant are left out: docker 20.10 makes none.
func parseInstruction(node *parser.Node) (any, error) {
	instruction, err := instructions.ParseInstruction(node)
	var unknown *instructions.UnknownInstructionError
	if errors.As(err, &unknown) {
		return nil, fmt.Errorf("unknown instruction: %s", strings.ToUpper(unknown.Instruction))
	}
	if err == nil {
		return instruction, nil
	}
	if flag, is := strings.CutPrefix(err.Error(), "unknown flag: --"); is {
		word, _, _ := strings.Cut(flag, " ")
		return nil, fmt.Errorf("Unknown flag: %s", word) //nolint:staticcheck // docker's words
	}
	return nil, err
}

// parseTrigger reads what ONBUILD left in an image.
func parseTrigger(text string) (instructions.Command, error) {
	syntax, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if len(syntax.AST.Children) != 1 {
		return nil, errors.New("onbuild trigger should be a single expression")
	}
	instruction, err := parseInstruction(syntax.AST.Children[0])
	if err != nil {
		return nil, err
	}
	switch i := instruction.(type) {
	case *instructions.OnbuildCommand:
		return nil, errors.New("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
	case *instructions.MaintainerCommand:
		return nil, errors.New("MAINTAINER isn't allowed as an ONBUILD trigger")
	case instructions.Command:
		return i, nil
	}
	return nil, errors.New("FROM isn't allowed as an ONBUILD trigger")
}

// stageCalled returns the number of the stage of a name, the last of those before a stage.
func (f *file) stageCalled(name string, before int) (int, bool) {
	for i := before - 1; i >= 0; i-- {
		if name != "" && strings.EqualFold(f.stages[i].Name, name) {
			return i, true
		}
	}
	return 0, false
}

// stageNamed is stageCalled for a name or a number.
func (f *file) stageNamed(name string, before int) (int, bool) {
	if i, found := f.stageCalled(name, before); found {
		return i, true
	}
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && i < before
}

// target returns the number of the stage that is asked for.
func (f *file) target(name string) (int, error) {
	if name == "" {
		return len(f.stages) - 1, nil
	}
	if i, found := f.stageNamed(name, len(f.stages)); found {
		return i, nil
	}
	return 0, fmt.Errorf("failed to reach build target %s in Dockerfile", name)
}

// sources are what a stage copies or mounts from stages and images, as they are written.
func sources(s instructions.Stage) []string {
	var names []string
	for _, command := range s.Commands {
		switch c := command.(type) {
		case *instructions.CopyCommand:
			names = append(names, c.From)
		case *instructions.RunCommand:
			for _, mount := range instructions.GetMounts(c) {
				names = append(names, mount.From)
			}
		}
	}
	return names
}
