package cli

import (
	"errors"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/release"
)

// serviceFlags name a service of anybody's. With them a command needs no manifest, and adopts nothing.
func serviceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "cluster", Usage: "the cluster `NAME` of --service"},
		&cli.StringFlag{Name: "service", Usage: "work on the service `NAME`, whoever has made it, instead of the manifest's; nothing is adopted"},
	}
}

// named says whether the command line names a service, so that there is no manifest.
func named(c *cli.Context) (bool, error) {
	cluster, service := c.String("cluster"), c.String("service")
	if (cluster == "") != (service == "") {
		return false, &usageError{errors.New("--cluster and --service go together"), "such as --cluster production --service api"}
	}
	return service != "", nil
}

// describe is what the command line and the manifest say of the stack. Of a service that is named there is only the
// folder that what the command leaves behind lies in.
func (s *session) describe() (*manifest.Manifest, error) {
	c := s.c
	var err error
	if s.named, err = named(c); err != nil {
		return nil, err
	}
	if !s.named {
		return manifest.Load(c.String("file"), manifest.Options{Env: c.String("env"), Domain: c.String("domain"), Getenv: s.getenv})
	}
	dir, err := filepath.Abs(filepath.Dir(c.String("file")))
	return &manifest.Manifest{Dir: dir}, err
}

// service is the one that the command is about, not yet read. The stack's is found under an older name, too.
func (s *session) service() *release.Service {
	if s.named {
		return &release.Service{Calls: s.app.AWS, Cluster: s.c.String("cluster"), Name: s.c.String("service"), Foreign: true}
	}
	m := s.app.Manifest
	return &release.Service{Calls: s.app.AWS, Cluster: m.Cluster.Name, Name: m.Service.Name, Find: s.app.LiveService}
}

// subject is what the command is about in a word: the stack, or the service that is named.
func (s *session) subject() string {
	if s.named {
		return s.c.String("cluster") + "/" + s.c.String("service")
	}
	return s.app.Manifest.Stack()
}
