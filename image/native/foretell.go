package native

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
)

// Foretell is the part of the target's configuration that follows from the Dockerfile and the base image's configuration,
// without a build: health check, ports, user, stop signal, shell and environment. RUN is no obstacle. sure is false where
// the base could not be asked: then there may be more.
func Foretell(ctx context.Context, o Options) (c v1.Config, sure bool, err error) {
	sure = true
	ask := o.Base
	o.Say = func(string) {}
	o.Base = func(ctx context.Context, ref string, p v1.Platform) (v1.Image, error) {
		img, err := ask(ctx, ref, p)
		if err == nil {
			_, err = img.RawConfigFile()
		}
		if err != nil {
			sure = false
			return empty.Image, nil //nolint:nilerr // that is what sure says
		}
		return img, nil
	}
	f, err := parse(o)
	if err != nil {
		return c, false, err
	}
	b := &builder{Options: o, file: f, bases: map[string]*base{}}
	var chain []*stage
	for s := f.target; s != nil; s = s.base {
		chain = append(chain, s)
	}
	for _, s := range slices.Backward(chain) {
		if err := b.configured(ctx, s); err != nil {
			return c, false, err
		}
	}
	x := f.target.config.Config
	c = v1.Config{ExposedPorts: x.ExposedPorts, User: x.User, StopSignal: x.StopSignal, Shell: x.Shell, Env: x.Env}
	if h := x.Healthcheck; h != nil {
		c.Healthcheck = &v1.HealthConfig{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	}
	return c, sure, nil
}

// configured does the instructions of a stage that need no file.
func (b *builder) configured(ctx context.Context, s *stage) error {
	if err := b.begin(ctx, s); err != nil {
		return b.file.at(s.From, err)
	}
	for _, i := range s.Instructions {
		switch i.Name {
		case "ARG", "ENV", "SHELL", "EXPOSE", "HEALTHCHECK", "USER", "STOPSIGNAL":
			if err := b.dispatch(ctx, s, i); err != nil {
				return b.file.at(i, err)
			}
		}
	}
	return nil
}
