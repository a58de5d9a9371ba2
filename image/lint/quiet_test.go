package lint

import (
	"testing"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// Dockerfiles as careful people write them, in the languages that services are written in: nothing should be changed.
func TestQuiet(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"go": `FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETARCH
COPY . .
RUN CGO_ENABLED=0 GOARCH=$TARGETARCH go build -o /api .
FROM gcr.io/distroless/static:nonroot
COPY --from=build /api /api
ENTRYPOINT ["/api"]
`,
		"node": `FROM node:24-alpine AS base
FROM base AS build
COPY package.json package-lock.json* .npmrc* ./
RUN npm ci
COPY . .
ENV NEXT_TELEMETRY_DISABLED=1 NEXT_PUBLIC_MAPS_KEY=pk
RUN npm run build
FROM base
COPY --from=build --chown=node:node /app/dist ./
USER node
ENV PORT=8080
EXPOSE $PORT
CMD ["node", "server.js"]
`,
		"python": `FROM python:3.13-slim
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 && rm -rf /var/lib/apt/lists/*
ENV OPENAI_API_KEY="" GOOGLE_APPLICATION_CREDENTIALS=/run/gcp.json
ENV DATABASE_URL=postgresql://user:password@localhost:5432/db
COPY . .
USER 1000
CMD exec gunicorn --bind :$PORT app:app
`,
		"java": `FROM eclipse-temurin:25-jdk AS build
COPY . .
RUN --mount=type=secret,id=maven ./mvnw -B package
FROM eclipse-temurin:25-jre
RUN adduser --system app
USER app
COPY --from=build /target/app.jar /
ENTRYPOINT ["java", "-jar", "/app.jar"]
`,
		"ruby": `# check=error=true
ARG RUBY=3.4
FROM ruby:$RUBY-slim AS base
FROM base AS build
RUN apt-get update && apt-get install -y build-essential && bundle install
COPY . .
RUN SECRET_KEY_BASE_DUMMY=1 bin/rails assets:precompile
FROM base
COPY --from=build /rails /rails
USER 1000:1000
CMD ["bin/rails", "server"]
`,
		"c#": `FROM mcr.microsoft.com/dotnet/aspnet:10.0 AS base
USER $APP_UID
EXPOSE 8080 8081
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
COPY . .
RUN dotnet publish -o /out
FROM base
COPY --from=build /out .
ENTRYPOINT ["dotnet", "Api.dll"]
`,
	} {
		f, err := dockerfile.Parse(text)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, x := range Dockerfile(f, Options{Port: 8080, Platform: "linux/arm64", Context: has(".dockerignore")}) {
			if x.Severity != Note {
				t.Errorf("%s: %s", name, x)
			}
		}
	}
}
