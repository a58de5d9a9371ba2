package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
)

// maxManifest is the size that ECR takes for a manifest.
const maxManifest = 4 << 20

// registry is the OCI registry behind ECR (OCI distribution specification 1.1). Manifests and tags are ECR's images;
// layers go by go-containerregistry's handlers. The password says which region is meant, whatever the host is.
func (s *Sandbox) registry() http.Handler { return http.HandlerFunc(s.serveRegistry) }

func (s *Sandbox) serveRegistry(w http.ResponseWriter, r *http.Request) {
	region, err := s.login(r)
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="https://`+r.Host+`/",service="ecr.amazonaws.com"`)
		err.write(w)
		return
	}
	parts := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/v2"), "/"), "/")
	if len(parts) < 3 {
		if parts[0] != "" {
			(&ociError{http.StatusNotFound, "UNSUPPORTED", "the sandbox serves blobs, manifests and tags"}).write(w)
		}
		return
	}
	at := slices.IndexFunc(parts, func(p string) bool { return p == "blobs" || p == "manifests" || p == "tags" })
	if at < 1 {
		at = len(parts) - 2
	}
	name, kind, what := strings.Join(parts[:at], "/"), parts[at], strings.Join(parts[at+1:], "/")
	switch {
	case kind == "blobs":
		err = s.serveBlob(w, r, region, name)
	case kind == "manifests" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		err = s.getManifest(w, r, region, name, what)
	case kind == "manifests" && r.Method == http.MethodPut:
		err = s.putManifest(w, r, region, name, what)
	case kind == "tags" && what == "list" && r.Method == http.MethodGet:
		err = s.listTags(w, region, name)
	default:
		err = &ociError{http.StatusMethodNotAllowed, "UNSUPPORTED", r.Method + " is not served here"}
	}
	if err != nil {
		err.write(w)
	}
}

// An ociError is an error as registries write it (specification, "Error Codes").
type ociError struct {
	status        int
	code, message string
}

func (e *ociError) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": e.code, "message": e.message}}}) // the client is gone
}

// login checks the password of user AWS and returns its region.
func (s *Sandbox) login(r *http.Request) (string, *ociError) {
	user, password, ok := r.BasicAuth()
	region, ends := readPassword(password)
	_, host, ours := strings.Cut(r.Host, ".dkr.ecr.")
	hostRegion, _, _ := strings.Cut(host, ".")
	switch {
	case !ok || user != "AWS" || region == "" || ours && hostRegion != region:
		return "", &ociError{http.StatusUnauthorized, "UNAUTHORIZED", "Not Authorized"}
	case !s.o.Now().Before(ends):
		return "", &ociError{http.StatusUnauthorized, "DENIED", "Your authorization token has expired. Reauthenticate and try again."}
	}
	return region, nil
}

// in works on a repository under the lock.
func (s *Sandbox) in(region, name string, work func(*repository) error) *ociError {
	err := s.locked(func() error {
		repo := s.regionNamed(region).ECR.Repositories[name]
		if repo == nil {
			return &smithy.GenericAPIError{Code: "RepositoryNotFoundException", Message: "The repository with name '" + name + "' does not exist in the registry with id '" + Account + "'"}
		}
		return work(repo)
	})
	if err == nil {
		return nil
	}
	api := smithy.APIError(nil)
	if !errors.As(err, &api) {
		return &ociError{http.StatusInternalServerError, "UNKNOWN", err.Error()}
	}
	e := &ociError{http.StatusBadRequest, "MANIFEST_INVALID", api.ErrorMessage()}
	switch api.ErrorCode() {
	case "RepositoryNotFoundException":
		e.status, e.code = http.StatusNotFound, "NAME_UNKNOWN"
	case "ImageNotFoundException":
		e.status, e.code = http.StatusNotFound, "MANIFEST_UNKNOWN"
	case "ImageTagAlreadyExistsException":
		e.code = "TAG_INVALID"
	case "ImageDigestDoesNotMatchException":
		e.code = "DIGEST_INVALID"
	case "LayersNotFoundException", "ReferencedImagesNotFoundException":
		e.code = "MANIFEST_BLOB_UNKNOWN"
	}
	return e
}

func (s *Sandbox) serveBlob(w http.ResponseWriter, r *http.Request, region, name string) *ociError {
	if err := s.in(region, name, func(*repository) error { return nil }); err != nil {
		return err
	}
	in := r.Clone(context.WithValue(r.Context(), blobPlace{}, region+" "+name))
	in.URL.Host = "" // it would become part of the repository's name
	s.blobs.http.ServeHTTP(w, in)
	return nil
}

func (s *Sandbox) getManifest(w http.ResponseWriter, r *http.Request, region, name, ref string) *ociError {
	var img ociImage
	digest := ref
	err := s.in(region, name, func(repo *repository) error {
		if !strings.Contains(ref, ":") {
			digest = repo.tagged(ref)
		}
		if repo.Images[digest] == nil {
			return fail("ImageNotFoundException", "Requested image not found")
		}
		img = *repo.Images[digest]
		return nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", img.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(img.Manifest)))
	w.Header().Set("Docker-Content-Digest", digest)
	if r.Method == http.MethodGet {
		_, _ = w.Write(img.Manifest) // the client is gone
	}
	return nil
}

func (s *Sandbox) putManifest(w http.ResponseWriter, r *http.Request, region, name, ref string) *ociError {
	body, readErr := io.ReadAll(io.LimitReader(r.Body, maxManifest+1))
	if readErr != nil || len(body) > maxManifest {
		return &ociError{http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is cut off, or larger than 4 MiB"}
	}
	tag, digest := ref, ""
	if strings.Contains(ref, ":") {
		tag = ""
	}
	err := s.in(region, name, func(repo *repository) (err error) {
		if tag == "" && ref != digestOf(body) {
			return fail("ImageDigestDoesNotMatchException", "The manifest has digest %s", digestOf(body))
		}
		digest, err = s.push(region, repo, body, r.Header.Get("Content-Type"), tag)
		s.dirty = s.dirty || err == nil
		s.calls = append(s.calls, Call{"registry", "PutManifest", region, s.clock, code(err)})
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v2/"+name+"/manifests/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Sandbox) listTags(w http.ResponseWriter, region, name string) *ociError {
	tags := []string{}
	err := s.in(region, name, func(repo *repository) error {
		for _, img := range repo.Images {
			tags = append(tags, img.Tags...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(tags)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": tags}) // the client is gone
	return nil
}

// imageExists says whether a task could pull an image. What the sandbox can't know is taken to be there: only this
// account's own repositories are looked into.
func (s *Sandbox) imageExists(ref string) bool {
	host, rest, _ := strings.Cut(ref, "/")
	region, ok := strings.CutPrefix(host, Account+".dkr.ecr.")
	if !ok {
		return true
	}
	region, _, _ = strings.Cut(region, ".")
	name, digest, byDigest := strings.Cut(rest, "@")
	tag := "latest"
	if i := strings.LastIndex(name, ":"); i >= 0 {
		name, tag = name[:i], name[i+1:]
	}
	repo := s.regionNamed(region).ECR.Repositories[name]
	if repo == nil {
		return false
	}
	if byDigest {
		return repo.Images[digest] != nil
	}
	return repo.tagged(tag) != ""
}
