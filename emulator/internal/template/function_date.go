package template

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dateFunctions are those of dates and times, all in UTC.
func dateFunctions() map[string]function {
	return map[string]function{
		"utcnow":            {max: 1, call: utcNow},
		"datetimeadd":       {min: 2, max: 3, call: dateTimeAdd},
		"datetimefromepoch": of1(func(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05Z") }),
		"datetimetoepoch":   try1(toEpoch),
	}
}

// compactForm is how utcNow writes a time if nothing else is asked for.
const compactForm = "yyyyMMddTHHmmssZ"

func utcNow(e evaluator, args []any) (any, error) {
	form, err := optional(args, 0, compactForm)
	switch {
	case err != nil:
		return nil, err
	case !e.byDefault:
		return nil, errDefaultOnly
	}
	return formatTime(e.d.env.Now(), form)
}

// timeForms are the forms in which a time may be written.
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "20060102T150405Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02",
}

func parseTime(text string) (time.Time, error) {
	for _, form := range timeForms {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the value '%s' is not a date and time", shorten(text))
}

func toEpoch(text string) (int64, error) {
	at, err := parseTime(text)
	return at.Unix(), err
}

func dateTimeAdd(_ evaluator, args []any) (any, error) {
	given, err := texts(args)
	if err != nil {
		return nil, err
	}
	at, err := parseTime(given[0])
	if err != nil {
		return nil, err
	}
	if at, err = addDuration(at, given[1]); err != nil {
		return nil, err
	}
	if len(given) == 3 {
		return formatTime(at, given[2])
	}
	return at.Format("2006-01-02T15:04:05Z"), nil
}

// duration is ISO 8601's: P3Y, -P9D, PT1H30M.
var duration = regexp.MustCompile(`^(-)?P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,7})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$`)

func addDuration(at time.Time, text string) (time.Time, error) {
	match := duration.FindStringSubmatch(text)
	if match == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return at, fmt.Errorf("the value '%s' is not a duration of ISO 8601, such as PT1H", shorten(text))
	}
	var parts [9]int
	for i := 2; i < len(match); i++ {
		parts[i], _ = strconv.Atoi(match[i]) // digits, or nothing for 0
		if match[1] != "" {
			parts[i] = -parts[i]
		}
	}
	at = at.AddDate(parts[2], parts[3], 7*parts[4]+parts[5])
	at = at.Add(time.Duration(parts[6]) * time.Hour).Add(time.Duration(parts[7]) * time.Minute).Add(time.Duration(parts[8]) * time.Second)
	if at.Year() < 1 || at.Year() > 9999 {
		return at, errors.New("the resulting date is out of range")
	}
	return at, nil
}

// standardForms are .NET's forms of one letter.
var standardForms = map[string]string{
	"d": "M/d/yyyy", "D": "dddd, d MMMM yyyy", "t": "h:mm tt", "T": "h:mm:ss tt", "g": "M/d/yyyy h:mm tt", "G": "M/d/yyyy h:mm:ss tt",
	"s": "yyyy-MM-ddTHH:mm:ss", "u": "yyyy-MM-dd HH:mm:ssZ", "o": "yyyy-MM-ddTHH:mm:ss.fffffffZ", "O": "yyyy-MM-ddTHH:mm:ss.fffffffZ",
	"r": "ddd, dd MMM yyyy HH:mm:ss GMT", "R": "ddd, dd MMM yyyy HH:mm:ss GMT", "M": "MMMM d", "m": "MMMM d", "Y": "MMMM yyyy", "y": "MMMM yyyy",
}

// timeParts are the parts of .NET's own forms, the longest first, each as Go writes it.
var timeParts = []struct{ part, layout string }{
	{"yyyy", "2006"},
	{"yy", "06"},
	{"MMMM", "January"},
	{"MMM", "Jan"},
	{"MM", "01"},
	{"M", "1"},
	{"dddd", "Monday"},
	{"ddd", "Mon"},
	{"dd", "02"},
	{"d", "2"},
	{"HH", "15"},
	{"hh", "03"},
	{"h", "3"},
	{"mm", "04"},
	{"m", "4"},
	{"ss", "05"},
	{"s", "5"},
	{"tt", "PM"},
	{"zzz", "-07:00"},
	{"K", "Z"},
}

// maxForm bounds the form of a time.
const maxForm = 256

// formatTime writes a time in a form of .NET.
func formatTime(at time.Time, form string) (string, error) {
	if len(form) > maxForm {
		return "", fmt.Errorf("the date format is longer than '%d' characters", maxForm)
	}
	at = at.UTC()
	if standard := standardForms[form]; standard != "" {
		form = standard
	}
	var b strings.Builder
	for form != "" {
		text, length := formatPart(at, form)
		b.WriteString(text)
		form = form[length:]
	}
	return b.String(), nil
}

// formatPart writes what the form begins with, and tells how long that is.
func formatPart(at time.Time, form string) (text string, length int) {
	if quoted, closed := strings.CutPrefix(form, "'"); closed {
		text, _, _ = strings.Cut(quoted, "'")
		return text, min(len(text)+2, len(form))
	}
	if digits := len(form) - len(strings.TrimLeft(form, "fF")); digits > 0 {
		digits = min(digits, 9)
		return fmt.Sprintf("%09d", at.Nanosecond())[:digits], digits
	}
	if strings.HasPrefix(form, "H") && !strings.HasPrefix(form, "HH") {
		return strconv.Itoa(at.Hour()), 1
	}
	for _, known := range timeParts {
		if strings.HasPrefix(form, known.part) {
			return at.Format(known.layout), len(known.part)
		}
	}
	return form[:1], 1
}
