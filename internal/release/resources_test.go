package release

import "testing"

func TestRepository(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"nginx": "nginx", "nginx:1.27": "nginx", "public.ecr.aws/x/web:1@sha256:aa": "public.ecr.aws/x/web",
		"localhost:5000/web": "localhost:5000/web", "localhost:5000/web:2": "localhost:5000/web", "a.b/c@sha256:aa": "a.b/c",
	} {
		if got := repository(ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}
