package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	defaultHookTimeout = 10 * time.Minute
	maxHookTimeout     = 24 * time.Hour
)

// variable matches the name of an environment variable.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// HookNames lists the hooks, sorted.
func (c Config) HookNames() []string { return slices.Sorted(maps.Keys(c.Hooks)) }

func (h Hook) complete(dir string) Hook {
	if len(h.Command) > 0 && strings.Contains(h.Command[0], "/") {
		h.Command = slices.Concat([]string{within(dir, h.Command[0])}, h.Command[1:])
	}
	for name, ref := range h.Env {
		if path, isFile := ref.Path(); isFile {
			h.Env[name] = ref.WithPath(within(dir, path))
		}
	}
	if h.Timeout == 0 {
		h.Timeout = defaultHookTimeout
	}
	return h
}

func (c Config) hookProblems() []error {
	var problems []error
	for _, name := range c.HookNames() {
		if !siteName.MatchString(name) {
			problems = append(problems, fmt.Errorf("hook %q: a name has small letters, digits and -", name))
		}
		for _, problem := range c.Hooks[name].problems() {
			problems = append(problems, fmt.Errorf("hook %s: %w", name, problem))
		}
	}
	return problems
}

func (h Hook) problems() []error {
	var problems []error
	if len(h.Command) == 0 || h.Command[0] == "" {
		problems = append(problems, errors.New("command is empty: write a list of the program and its arguments"))
	}
	if h.Timeout < 0 || h.Timeout > maxHookTimeout {
		problems = append(problems, fmt.Errorf("timeout %s: give at most %s", h.Timeout, maxHookTimeout))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Env)) {
		switch {
		case !variable.MatchString(name):
			problems = append(problems, fmt.Errorf("env %q is no name of a variable", name))
		case strings.HasPrefix(name, "DROVER_"):
			problems = append(problems, fmt.Errorf("env %s: names that begin with DROVER_ are set by the run", name))
		case h.Env[name].IsZero():
			problems = append(problems, fmt.Errorf("env %s is empty: write env:NAME or file:PATH", name))
		}
	}
	return problems
}
