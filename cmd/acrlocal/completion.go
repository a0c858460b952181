package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says what to do with the script.
func (*completionCommand) Help() string {
	return `Examples:
  source <(acrlocal completion bash)
  source <(acrlocal completion zsh)
  acrlocal completion fish | source`
}

// script is how a shell is told what to complete: the first word with the names of the commands, a later one with the
// flags of the command, else with files. The lists come from the command line itself, so that they cannot go stale.
type script struct {
	begin   string // with the names of the commands
	command string // with the name of a command and its flags
	end     string
}

var scripts = map[string]script{
	"bash": {
		begin:   "_acrlocal() {\n  local words=\"%s\"\n  if [ \"$COMP_CWORD\" -gt 1 ]; then\n    words=\n    [[ ${COMP_WORDS[COMP_CWORD]} == -* ]] && case \"${COMP_WORDS[1]}\" in\n",
		command: "      %s) words=\"%s\" ;;\n",
		end: "    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n" +
			"complete -o default -F _acrlocal acrlocal\n",
	},
	"zsh": {
		begin:   "#compdef acrlocal\n_acrlocal() {\n  if (( CURRENT == 2 )); then\n    compadd -- %s\n    return\n  fi\n  case $words[2] in\n",
		command: "    %s) [[ $PREFIX == -* ]] && compadd -- %s && return ;;\n",
		end:     "  esac\n  _files\n}\ncompdef _acrlocal acrlocal\n",
	},
	"fish": {
		begin:   "complete -c acrlocal -f -n __fish_use_subcommand -a \"%s\"\n",
		command: "complete -c acrlocal -n \"__fish_seen_subcommand_from %s\" -a \"%s\"\n",
	},
}

// Run prints the script.
func (c *completionCommand) Run(io streams, k *kong.Kong) error {
	return scripts[c.Shell].print(io.out, k.Model.Children)
}

func (s script) print(out io.Writer, commands []*kong.Node) error {
	names, cases := "", ""
	for _, command := range commands {
		names += command.Name + " "
		flags := "--help"
		for _, flag := range command.Flags {
			flags += " --" + flag.Name
		}
		cases += fmt.Sprintf(s.command, command.Name, flags)
	}
	_, err := io.WriteString(out, fmt.Sprintf(s.begin, strings.TrimSpace(names))+cases+s.end)
	return err
}
