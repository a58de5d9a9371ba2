// Command hello is the sample that fargatectl's documentation and tests deploy: a small HTTP API that behaves as a
// task behind a load balancer should. It listens on PORT (8080 by default), answers /health, logs one JSON line a
// request, and on SIGTERM finishes the requests in flight before it leaves.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drain is how long requests in flight may still take: less than the 30 s that ECS waits between SIGTERM and SIGKILL.
const drain = 20 * time.Second

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	l, err := net.Listen("tcp", ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	if err == nil {
		err = serve(ctx, l, handler(log), log)
	}
	if err != nil {
		log.Error("stopped", "error", err.Error())
		os.Exit(1)
	}
}

// serve answers on l with h until ctx ends, then lets the requests in flight finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	log.Info("listening", "address", l.Addr().String())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping", "reason", context.Cause(ctx).Error())
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler is the whole API: a greeting at / and 200 at /health.
func handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s!\n", cmp.Or(r.URL.Query().Get("name"), "world"))
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, seen := time.Now(), &status{ResponseWriter: w, code: http.StatusOK}
		mux.ServeHTTP(seen, r)
		log.Info("request", "method", r.Method, "path", r.URL.Path, "status", seen.code,
			"milliseconds", float64(time.Since(begin).Microseconds())/1000)
	})
}

// status remembers the status code that a handler wrote.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}
