package identity

import (
	"html/template"
	"net/http"
	"strings"
)

// signInPage is the page on which a person signs in. It posts to where it came from.
type signInPage struct {
	Title, UserName, Fault string
	// AsksCode says that the person enters the code of another device, of which Code is one.
	AsksCode bool
	Code     string
}

// message is a page that only says something.
type message struct{ Title, Text string }

// pageOf tells a person of an error.
func pageOf(err error) message {
	return message{"Sorry, but we're having trouble signing you in.", faultOf(err).Error()}
}

// actionDecline is the value of the button by which a person says no.
const actionDecline = "decline"

var pageTemplate = template.Must(template.New("").Parse(strings.TrimSpace(`
{{define "head"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:24em;margin:4em auto;padding:0 1em;color:#1b1b1b;background:#fff}
label{display:block;margin-top:1em}
input{font:inherit;width:100%;box-sizing:border-box;padding:.4em;border:1px solid #666}
button{font:inherit;margin:1.5em .5em 0 0;padding:.4em 1.5em}
[role=alert]{color:#a80000}
</style></head><body><main>
<h1>{{.Title}}</h1>
{{end}}
{{define "tail"}}<p><small>This is an emulator. Enter no real password.</small></p>
</main></body></html>
{{end}}
{{define "sign-in"}}{{template "head" .}}
{{with .Fault}}<p role="alert">{{.}}</p>{{end}}
<form method="post" autocomplete="off">
{{if .AsksCode}}<label>Code <input name="code" value="{{.Code}}" required></label>{{end}}
<label>User name <input name="username" value="{{.UserName}}"></label>
<label>Password <input name="password" type="password"></label>
<button name="action" value="sign-in">Sign in</button><button name="action" value="` + actionDecline + `">Decline</button>
</form>
{{template "tail"}}{{end}}
{{define "message"}}{{template "head" .}}<p>{{.Text}}</p>
{{template "tail"}}{{end}}
`)))

func (p signInPage) respond(w http.ResponseWriter) { writePage(w, "sign-in", p) }

func (m message) respond(w http.ResponseWriter) { writePage(w, "message", m) }

// writePage renders a page that runs no scripts, loads nothing, stands in no frame, and whose form leads to this machine
// alone: here, and from here to a client of the person's own.
func writePage(w http.ResponseWriter, name string, page any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "+
		"form-action 'self' http://localhost:* http://127.0.0.1:*")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	_ = pageTemplate.ExecuteTemplate(w, name, page) // fails only if the client is gone
}
