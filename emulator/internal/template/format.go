package template

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatText fills in a format as .NET does: {0}, {0,8}, {0:D3}; doubled braces are braces.
func formatText(_ evaluator, args []any) (any, error) {
	format, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for format != "" {
		at := strings.IndexAny(format, "{}")
		if at < 0 {
			break
		}
		b.WriteString(format[:at])
		brace := format[at : at+1]
		format = format[at+1:]
		if strings.HasPrefix(format, brace) {
			b.WriteString(brace)
			format = format[1:]
			continue
		}
		item, rest, closed := strings.Cut(format, "}")
		if brace == "}" || !closed {
			return nil, errors.New("the format string has a brace that is not closed, or not opened")
		}
		text, err := formatItem(item, args[1:])
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
		format = rest
		if b.Len() > maxValue {
			return nil, errTooBig
		}
	}
	return b.String() + format, nil
}

// formatItem renders one item: INDEX[,WIDTH][:FORM].
func formatItem(item string, args []any) (string, error) {
	item, form, _ := strings.Cut(item, ":")
	number, width, aligned := strings.Cut(item, ",")
	at, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || at < 0 || at >= len(args) {
		return "", fmt.Errorf("the format item '%.40s' has no argument: there are '%d'", item, len(args))
	}
	text, err := formatValue(args[at], form)
	if err != nil || !aligned {
		return text, err
	}
	columns, err := strconv.ParseInt(strings.TrimSpace(width), 10, 64)
	if err != nil || columns < -maxValue {
		return "", fmt.Errorf("the width '%.40s' of a format item is not a number", width)
	}
	if columns < 0 {
		return text + strings.Repeat(" ", max(int(-columns)-utf8.RuneCountInString(text), 0)), nil
	}
	return pad(text, columns, " ")
}

// maxDigits bounds how many digits a format of a number may ask for.
const maxDigits = 99

// formatValue renders a value in one of .NET's standard forms of integers; other values know none.
func formatValue(value any, form string) (string, error) {
	number, isInteger := value.(int64)
	if form == "" || !isInteger {
		return textOf(value), nil
	}
	digits := 0
	if form[1:] != "" {
		var err error
		if digits, err = strconv.Atoi(form[1:]); err != nil || digits < 0 || digits > maxDigits {
			return "", fmt.Errorf("the number format '%.40s' is not known", form)
		}
	}
	switch form[0] {
	case 'D', 'd':
		return withSign(number, func(text string) string { return zeros(text, digits) }), nil
	case 'X':
		return zeros(strings.ToUpper(strconv.FormatUint(uint64(number), 16)), digits), nil
	case 'x':
		return zeros(strconv.FormatUint(uint64(number), 16), digits), nil
	case 'N', 'n':
		if form[1:] == "" {
			digits = 2
		}
		return withSign(number, grouped) + fraction(digits), nil
	case 'F', 'f':
		return strconv.FormatInt(number, 10) + fraction(digits), nil
	}
	return "", fmt.Errorf("the number format '%.40s' is not known", form)
}

func withSign(number int64, render func(digits string) string) string {
	text := strconv.FormatInt(number, 10)
	if digits, negative := strings.CutPrefix(text, "-"); negative {
		return "-" + render(digits)
	}
	return render(text)
}

func zeros(text string, digits int) string {
	return strings.Repeat("0", max(digits-len(text), 0)) + text
}

// grouped separates thousands.
func grouped(digits string) string {
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func fraction(digits int) string {
	if digits == 0 {
		return ""
	}
	return "." + strings.Repeat("0", digits)
}
