package cli

import (
	"time"

	"github.com/urfave/cli/v2"
)

// globalFlags are those of every command; each has an environment variable.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Value: "fargatectl.yaml", EnvVars: []string{"FARGATECTL_FILE"}, Usage: "the manifest `FILE`"},
		&cli.StringFlag{Name: "env", Aliases: []string{"e"}, EnvVars: []string{"FARGATECTL_ENV"}, Usage: "the environment `NAME`: an overlay of the manifest, part of every name"},
		&cli.StringFlag{Name: "region", EnvVars: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}, Usage: "the AWS `REGION`"},
		&cli.StringFlag{Name: "profile", EnvVars: []string{"AWS_PROFILE"}, Usage: "the `NAME` of a profile of the AWS configuration"},
		&cli.StringFlag{Name: "endpoint-url", EnvVars: []string{"AWS_ENDPOINT_URL"}, Usage: "another AWS-compatible endpoint's `URL`"},
		&cli.StringFlag{Name: "registry-url", EnvVars: []string{"FARGATECTL_REGISTRY_URL"}, Usage: "push images to the registry at `URL` instead of the repository's own host"},
		&cli.BoolFlag{Name: "sandbox", EnvVars: []string{"FARGATECTL_SANDBOX"}, Usage: "run against a simulated AWS, kept in .fargatectl/sandbox beside the manifest; no credentials are read"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", EnvVars: []string{"FARGATECTL_OUTPUT"}, Usage: "the `FORMAT` of the result on stdout: table or json"},
		&cli.StringFlag{Name: "progress", Value: "auto", EnvVars: []string{"FARGATECTL_PROGRESS"}, Usage: "`HOW` events are shown on stderr: auto, tty, plain, json or quiet"},
		&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: []string{"FARGATECTL_YES"}, Usage: "ask no questions"},
	}
}

// timeoutFlag bounds a whole command.
func timeoutFlag() cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Value: 20 * time.Minute, Usage: "give up waiting after `DURATION`; what AWS has begun goes on"}
}

// imageFlags are those of up, plan and deploy.
func imageFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "image", Usage: "deploy the image `REF` instead of a build"},
		&cli.BoolFlag{Name: "rebuild", Usage: "build although the image of these inputs is there"},
		&cli.BoolFlag{Name: "force-new-deployment", Usage: "start new tasks although nothing changed"},
		failOnFlag(),
	}, buildFlags()...)
}

// failOnFlag is the scan's gate.
func failOnFlag() cli.Flag {
	return &cli.StringFlag{Name: "fail-on", Usage: "wait for ECR's scan of the image, and release nothing with findings of this `SEVERITY` or worse: critical, high, medium, low (exit code 3)"}
}

// buildFlags are those of every command that builds.
func buildFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "builder", EnvVars: []string{"FARGATECTL_BUILDER"}, Usage: "who builds the Dockerfile: auto, native, docker, docker:`NAME` (a builder of buildx), podman, buildah, nerdctl or finch"},
		&cli.StringFlag{Name: "platform", Usage: "build for `PLATFORMS`: linux/amd64, linux/arm64 or both with a comma between; the service's must be among them"},
		&cli.StringFlag{Name: "compression", Usage: "`WHAT` layers are compressed with: gzip or zstd"},
		&cli.BoolFlag{Name: "no-cache", Usage: "have the builder run every step anew"},
		&cli.StringSliceFlag{Name: "secret", Usage: "a `SECRET` for RUN --mount=type=secret: id=npm,env=NPM_TOKEN or id=npm,src=FILE; never the value itself"},
		&cli.StringSliceFlag{Name: "ssh", Usage: "an `AGENT` for RUN --mount=type=ssh: default"},
		&cli.StringSliceFlag{Name: "cache-from", Usage: "take the builder's cache from `WHERE`: type=registry,ref=REPOSITORY:TAG"},
		&cli.StringSliceFlag{Name: "cache-to", Usage: "leave the builder's cache at `WHERE`"},
	}
}

func waitFlag() cli.Flag {
	return &cli.StringFlag{Name: "wait", Value: "steady", Usage: "until the deployment is in this `STATE`: accepted, healthy or steady"}
}
