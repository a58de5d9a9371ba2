package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnswersAndLogs(t *testing.T) {
	for _, c := range []struct {
		path, body string
		code       int
	}{
		{"/", "Hello, world!\n", 200},
		{"/?name=ECS", "Hello, ECS!\n", 200},
		{"/health", "ok\n", 200},
		{"/nothing", "404 page not found\n", 404},
	} {
		var lines bytes.Buffer
		w := httptest.NewRecorder()
		handler(slog.New(slog.NewJSONHandler(&lines, nil))).ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.code || w.Body.String() != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.path, w.Code, w.Body, c.code, c.body)
		}
		var line struct{ Status int }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Status != c.code {
			t.Errorf("%s: log %q (%v), want one JSON line with status %d", c.path, lines.String(), err, c.code)
		}
	}
}

func TestStopFinishesRequestsInFlight(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	arrived, closed := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-closed
		fmt.Fprint(w, "done")
	})
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, slow, slog.New(slog.DiscardHandler)) }()
	go func() {
		<-arrived
		stop()
		for { // the listener is closed first, requests in flight go on
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				break
			}
			conn.Close()
		}
		close(closed)
	}()
	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "done" {
		t.Errorf("body %q, error %v; want the whole answer", body, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
