package steps

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// ECR's registries, in whatever region and account, get a token of theirs; nobody else gets one.
func TestKeychain(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	inWorld(t, func(t *testing.T, w *world) {
		k := w.app("project_name: app").Keychain()
		for host, region := range map[string]string{
			"123456789012.dkr.ecr.us-east-1.amazonaws.com": "us-east-1", "999999999999.dkr.ecr.eu-west-1.amazonaws.com": "eu-west-1",
			"123456789012.dkr.ecr-fips.us-east-2.amazonaws.com": "us-east-2", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": "cn-north-1",
			"123456789012.dkr-ecr.us-west-2.on.aws": "us-west-2",
			"index.docker.io":                       "", "public.ecr.aws": "", "123456789012.dkr.ecr.us-east-1.amazonaws.com.example.com": "", "dkr.ecr.us-east-1.amazonaws.com": "",
		} {
			r, err := name.NewRegistry(host)
			if err != nil {
				t.Fatal(err)
			}
			auth, err := authn.Resolve(t.Context(), k, r)
			if err != nil {
				t.Fatal(host, err)
			}
			c, err := auth.Authorization()
			if err != nil {
				t.Fatal(err)
			}
			// The sandbox's passwords begin with their region.
			if got := c.Username != ""; got != (region != "") || got && (len(c.Password) < len(region) || c.Password[:len(region)] != region) {
				t.Errorf("%s: user %q, region %q of the password", host, c.Username, region)
			}
		}
	})
}
