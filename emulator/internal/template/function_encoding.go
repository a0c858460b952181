package template

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// encodingFunctions are those that turn strings into other strings: codes, addresses, names made of hashes.
func encodingFunctions() map[string]function {
	return map[string]function{
		"base64":               of1(func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }),
		"base64tostring":       try1(fromBase64),
		"base64tojson":         try1(fromBase64JSON),
		"datauri":              of1(func(text string) string { return dataURI + base64.StdEncoding.EncodeToString([]byte(text)) }),
		"datauritostring":      try1(fromDataURI),
		"uri":                  try2(joinURI),
		"uricomponent":         of1(escapeURI),
		"uricomponenttostring": try1(unescapeURI),
		"json":                 try1(parseJSON),
		"guid":                 {min: 1, max: many, call: nameGUID},
		"uniquestring":         {min: 1, max: many, call: uniqueString},
		"newguid":              {call: newGUID},
	}
}

const dataURI = "data:text/plain;charset=utf8;base64,"

func fromBase64(text string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(data) {
		return "", fmt.Errorf("the value '%s' is not valid base64 of UTF-8 text", shorten(text))
	}
	return string(data), nil
}

func fromBase64JSON(text string) (any, error) {
	decoded, err := fromBase64(text)
	if err != nil {
		return nil, err
	}
	return parseJSON(decoded)
}

func fromDataURI(text string) (string, error) {
	content, isData := strings.CutPrefix(text, "data:")
	kind, content, found := strings.Cut(content, ",")
	if !isData || !found {
		return "", fmt.Errorf("the value '%s' is not a data URI", shorten(text))
	}
	if strings.HasSuffix(kind, ";base64") {
		return fromBase64(content)
	}
	return unescapeURI(content)
}

// joinURI resolves a relative address. One that ends in a slash is extended; else its last part is replaced.
func joinURI(base, relative string) (string, error) {
	at, err := url.Parse(base)
	if err != nil || !at.IsAbs() {
		return "", fmt.Errorf("the base URI '%s' is not absolute", shorten(base))
	}
	to, err := at.Parse(relative)
	if err != nil {
		return "", fmt.Errorf("the relative URI '%s' is not valid", shorten(relative))
	}
	return to.String(), nil
}

// escapeURI leaves what RFC 3986 calls unreserved.
func escapeURI(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func unescapeURI(text string) (string, error) {
	plain, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(plain) {
		return "", fmt.Errorf("the value '%s' is not a valid part of a URI", shorten(text))
	}
	return plain, nil
}

func parseJSON(text string) (any, error) {
	value, _, err := readJSON(text)
	if err != nil {
		return nil, fmt.Errorf("the value '%s' is not valid JSON", shorten(text))
	}
	return value, nil
}

// guidSpace is the namespace in which ARM makes GUIDs of names.
var guidSpace = uuid.MustParse("11fb06fb-712d-4ddd-98c7-e71bbd588830")

// nameGUID makes the GUID of some strings: version 5 of RFC 4122, of the strings joined by dashes.
func nameGUID(_ evaluator, args []any) (any, error) {
	names, err := texts(args)
	if err != nil {
		return nil, err
	}
	return uuid.NewSHA1(guidSpace, []byte(strings.Join(names, "-"))).String(), nil
}

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// uniqueString makes 13 characters of some strings, always the same ones. Azure's hash is not published: the strings are
// other ones than in Azure, of the same form.
func uniqueString(_ evaluator, args []any) (any, error) {
	names, err := texts(args)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "-")))
	return letters.EncodeToString(sum[:8]), nil
}

var errDefaultOnly = errors.New("the function is expected only in the default value of a parameter")

func newGUID(e evaluator, _ []any) (any, error) {
	if !e.byDefault {
		return nil, errDefaultOnly
	}
	return e.d.env.NewGUID(), nil
}
