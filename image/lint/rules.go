package lint

import "slices"

// A Rule is one thing that is looked for.
type Rule struct {
	Name     string
	BuildKit string // its name for the same, "" where it has none
	Severity Severity
	Means    string // when it fires
	Hint     string // the way out
}

// Rules are all, the worst first.
func Rules() []Rule { return slices.Clone(rules) }

const keepOut = "delete it here and replace it: it counts as known; the container gets it by `secrets:`, a RUN by --mount=type=secret"

var rules = []Rule{
	{"secret-value", "", Error, "anything in the Dockerfile has the form of a secret: a key of AWS, a private key, a token of GitHub, GitLab, npm, Slack or Stripe, a URL with a password", keepOut},
	{"secret-in-env", "SecretsUsedInArgOrEnv", Error, "ENV has a value for what is called a password, token, key …; a note where it looks like a placeholder, or in a stage that does not ship", "take it out of the Dockerfile: the container gets it by `secrets:`, a RUN by --mount=type=secret"},
	{"stop-signal", "", Error, "STOPSIGNAL can't be caught (SIGKILL, SIGSTOP)", "leave STOPSIGNAL out for SIGTERM; ECS sends SIGKILL by itself, after `stop_timeout`"},
	{"unknown-user", "", Error, "USER is a name, and the image, on scratch, has no /etc/passwd with it: no task starts; a note where something may bring it", "a number needs no entry: USER 65532; or COPY --from=STAGE /etc/passwd /etc/passwd"},
	{"architecture", "", Error, "the image, or FROM --platform, is for another architecture than the service's", "leave --platform out of FROM, or set the service's `architecture`"},
	{"secret-in-arg", "SecretsUsedInArgOrEnv", Warning, "ARG is called a password, token, key …, in a stage that ships; a note in another", "RUN --mount=type=secret,id=NAME reads it without a trace; `--secret id=NAME,env=NAME` hands it over"},
	{"secret-in-copy", "", Warning, "COPY or ADD puts .env, a private key or stored credentials into the image; a note where that depends on what is in the file", "list it in .dockerignore; the container gets it by `secrets:`, a RUN by --mount=type=secret"},
	{"non-root", "", Warning, "the container runs as root; a note where only the base image knows", "USER 65532, or the user that the base has for it (node, nonroot), before CMD; without a Dockerfile, a base that has one"},
	{"exec-form", "JSONArgsRecommended", Warning, "CMD or ENTRYPOINT is no list: a shell stands before the program and keeps SIGTERM from it", `write it as a list, such as CMD ["node", "server.js"]; where it takes a shell, begin it with exec`},
	{"no-index", "", Warning, "the folder of `static:` has no index.html: / is answered with 404", "serve the folder that the tool has built (dist, build, public), or name the page index.html"},
	{"pinned-base", "", Warning, "an image has no tag, or `latest`: tomorrow's build is another one", "name a version, such as node:24-slim, or a digest"},
	{"unused-arg", "", Warning, "`args:` of the manifest gives a value to what no ARG of the Dockerfile takes", "ARG NAME in the stage that needs it, or take it out of `args:`"},
	{"expose-port", "", Warning, "EXPOSE has ports, and not the `container_port` that the manifest gives; a note where the base image says so", "EXPOSE what the program listens on, and set `container_port` to it or leave it out"},
	{"image-size", "", Warning, "the image has more than 500 MB, compressed: every task fetches it before it starts", "a smaller base, a build stage of its own, .dockerignore"},
	{"pinned-digest", "", Note, "an image is named by a tag, which can move", "name@sha256:… is the same image for ever; a bot can keep it up to date"},
	{"healthcheck", "", Note, "neither the image nor the service has a container health check", "HEALTHCHECK in the Dockerfile, or `health_check:` of the service; the load balancer's own may well do"},
	{"multi-stage", "", Note, "the image that ships has the compiler in it", "build in a stage of its own (FROM … AS build), and COPY --from=build the result"},
	{"apt-recommends", "", Note, "apt-get install in a stage that ships brings recommended packages along", "apt-get install --no-install-recommends"},
	{"no-dockerignore", "", Note, "the whole folder is copied, and there is no .dockerignore", "list in .dockerignore what the image does not need: node_modules, build results, .env"},
}
