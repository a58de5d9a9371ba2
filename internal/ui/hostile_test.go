package ui

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
)

// Nothing that others wrote reaches a terminal as more than text, whichever way it goes.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, h := range hostileTexts {
		c := &deploy.Change{Op: deploy.Replace, What: h, Why: h, Diff: []deploy.Field{{Name: h, From: h, To: h}}}
		p := deploy.Plan{{Step: h, Changes: []deploy.Change{*c}, Notes: []string{h}}}
		outs := map[string]func(Stream){
			"plan":    func(s Stream) { PlanText(s, p) },
			"table":   func(s Stream) { Table(s, []string{h}, []string{h}) },
			"facts":   func(s Stream) { Facts(s, Fact{h, h}) },
			"error":   func(s Stream) { Error(s, errors.Join(errors.New(h), errors.New(h+h)), h) },
			"note":    func(s Stream) { Note(s, h) },
			"confirm": func(s Stream) { _, _ = Confirm(t.Context(), strings.NewReader(""), s, h) },
			"type":    func(s Stream) { _, _ = Type(t.Context(), strings.NewReader(""), s, h, h) },
			"json": func(s Stream) {
				if err := JSON(s, PlanJSON(p)); err != nil {
					t.Error(err)
				}
			},
		}
		for _, m := range []Mode{ModePlain, ModeJSON, ModeTTY} {
			outs["sink "+string(m)] = func(s Stream) {
				sink := NewSink(m, Terminal{Err: s}, map[string]time.Duration{h: 1})
				sink.Start(Run{h, h, h, h, h, h})
				for _, state := range []deploy.State{deploy.Begun, deploy.Noted, deploy.Failed} {
					sink.Event(deploy.Event{Step: h, State: state, Change: c, Text: h, Err: errors.New(h)})
				}
				for _, state := range []deploy.State{deploy.Waiting, deploy.Skipped, deploy.Waiting} {
					sink.Event(deploy.Event{Step: h, State: state, Text: h})
				}
				sink.Log(h)
				sink.Stop(errors.New(h), h)
			}
		}
		for where, out := range outs {
			var b bytes.Buffer
			out(Stream{Writer: &b})
			text := b.String()
			if where == "sink tty" { // take our own sequences away, all of which frame and region write
				text = own.Replace(text)
			}
			harmless(t, where, text)
		}
	}
}

var own = strings.NewReplacer(beginFrame, "", endFrame, "", noWrap, "", wrap, "", "\r\x1b[J", "", "\r\n", "\n")
