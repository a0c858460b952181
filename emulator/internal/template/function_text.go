package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// textFunctions are those of strings. Lengths and positions count characters.
func textFunctions() map[string]function {
	return map[string]function{
		"concat":      {min: 1, max: many, call: concat},
		"format":      {min: 1, max: many, call: formatText},
		"string":      of1(func(value any) string { return textOf(value) }),
		"tolower":     of1(strings.ToLower),
		"toupper":     of1(strings.ToUpper),
		"trim":        of1(strings.TrimSpace),
		"startswith":  of2(func(text, start string) bool { return hasStart(text, start) }),
		"endswith":    of2(hasEnd),
		"indexof":     {min: 2, max: 2, call: position(indexFold, indexItem)},
		"lastindexof": {min: 2, max: 2, call: position(lastIndexFold, lastIndexItem)},
		"padleft":     {min: 2, max: 3, call: padLeft},
		"replace":     {min: 3, max: 3, call: replace},
		"split":       {min: 2, max: 2, call: split},
		"join":        try2(join),
		"substring":   {min: 2, max: 3, call: substring},
	}
}

// concat joins strings, or lists.
func concat(_ evaluator, args []any) (any, error) {
	if _, isList := args[0].([]any); isList {
		all := []any{}
		for i := range args {
			list, err := as[[]any](args, i)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
		return all, nil
	}
	var b strings.Builder
	for _, arg := range args {
		switch arg.(type) {
		case []any, map[string]any, *lambda:
			return nil, mixed(args)
		}
		b.WriteString(textOf(arg))
	}
	return b.String(), nil
}

// hasStart, hasEnd and the searches in strings compare without case, as ARM's do.
func hasStart(text, start string) bool {
	return len(text) >= len(start) && strings.EqualFold(text[:len(start)], start)
}

func hasEnd(text, end string) bool {
	return len(text) >= len(end) && strings.EqualFold(text[len(text)-len(end):], end)
}

func position(inText func(text, part string) int, inList func(list []any, item any) int) func(evaluator, []any) (any, error) {
	return func(_ evaluator, args []any) (any, error) {
		if list, isList := args[0].([]any); isList {
			return int64(inList(list, args[1])), nil
		}
		both, err := texts(args)
		if err != nil {
			return nil, err
		}
		return int64(inText(both[0], both[1])), nil
	}
}

func indexFold(text, part string) int {
	text, part = strings.ToLower(text), strings.ToLower(part)
	return characters(text, strings.Index(text, part))
}

func lastIndexFold(text, part string) int {
	text, part = strings.ToLower(text), strings.ToLower(part)
	return characters(text, strings.LastIndex(text, part))
}

// characters turns an offset in bytes into one in characters; -1 stays.
func characters(text string, offset int) int {
	if offset < 0 {
		return offset
	}
	return utf8.RuneCountInString(text[:offset])
}

func indexItem(list []any, item any) int {
	return slices.IndexFunc(list, func(one any) bool { return equal(one, item) })
}

func lastIndexItem(list []any, item any) int {
	for i := len(list) - 1; i >= 0; i-- {
		if equal(list[i], item) {
			return i
		}
	}
	return -1
}

func padLeft(_ evaluator, args []any) (any, error) {
	width, err := as[int64](args, 1)
	if err != nil {
		return nil, err
	}
	filler, err := optional(args, 2, " ")
	switch {
	case err != nil:
		return nil, err
	case utf8.RuneCountInString(filler) != 1:
		return nil, errors.New("the padding must be one character")
	}
	switch args[0].(type) {
	case string, int64:
		return pad(textOf(args[0]), width, filler)
	}
	return nil, mixed(args)
}

func pad(text string, width int64, filler string) (string, error) {
	lacks := width - int64(utf8.RuneCountInString(text))
	if lacks > maxValue {
		return "", errTooBig
	}
	return strings.Repeat(filler, int(max(lacks, 0))) + text, nil
}

func replace(_ evaluator, args []any) (any, error) {
	all, err := texts(args)
	if err != nil {
		return nil, err
	}
	text, old, with := all[0], all[1], all[2]
	if old == "" {
		return nil, errors.New("the string to replace must not be empty")
	}
	if grows := len(with) - len(old); grows > 0 && strings.Count(text, old) > maxValue/grows {
		return nil, errTooBig
	}
	return strings.ReplaceAll(text, old, with), nil
}

// split cuts a string at one separator, or at any of several.
func split(_ evaluator, args []any) (any, error) {
	text, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	given, isList := args[1].([]any)
	if !isList {
		given = args[1:]
	}
	separators, err := texts(given)
	if err != nil {
		return nil, err
	}
	if len(separators) > maxSeparators {
		return nil, fmt.Errorf("there are more than '%d' separators", maxSeparators)
	}
	var parts []any
	for {
		at, length := firstOf(text, separators)
		if at < 0 {
			return append(parts, text), nil
		}
		parts, text = append(parts, text[:at]), text[at+length:]
		if len(parts) > maxValue/nodeSize {
			return nil, errTooBig
		}
	}
}

// maxSeparators bounds the separators of split, each of which is looked for at each step.
const maxSeparators = 32

// firstOf finds the first of some separators in a text; -1 if there is none.
func firstOf(text string, separators []string) (at, length int) {
	at = -1
	for _, separator := range separators {
		window := text
		if at >= 0 {
			window = text[:min(at+len(separator), len(text))]
		}
		if found := strings.Index(window, separator); separator != "" && found >= 0 && (at < 0 || found < at) {
			at, length = found, len(separator)
		}
	}
	return at, length
}

func join(list []any, separator string) (string, error) {
	if len(list) > 0 && len(separator) > maxValue/len(list) {
		return "", errTooBig
	}
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = textOf(item)
	}
	return strings.Join(parts, separator), nil
}

func substring(_ evaluator, args []any) (any, error) {
	text, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	from, err := as[int64](args, 1)
	if err != nil {
		return nil, err
	}
	letters := []rune(text)
	length, err := optional(args, 2, int64(len(letters))-from)
	if err != nil {
		return nil, err
	}
	if from < 0 || length < 0 || from > int64(len(letters)) || length > int64(len(letters))-from {
		return nil, fmt.Errorf("the index and length must refer to a location within the string: '%d' and '%d' of '%d' characters", from, length, len(letters))
	}
	return string(letters[from : from+length]), nil
}
