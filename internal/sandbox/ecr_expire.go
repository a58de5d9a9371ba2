package sandbox

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

// expireEvery is how long ECR takes at most to expire what a lifecycle policy selects (user guide, "Automate the cleanup
// of images by using lifecycle policies").
const expireEvery = 24 * time.Hour

// expireLater plans the next look at a repository's images. There is one plan a repository.
func (s *ecrService) expireLater(region, name string) {
	id := region + "/" + name
	s.forget("ecr expire", id)
	s.again(expireEvery, "ecr expire", id)
}

// expire applies the lifecycle policy of a repository.
func (s *ecrService) expire(id string) {
	region, name, _ := strings.Cut(id, "/")
	repo := s.regionNamed(region).ECR.Repositories[name]
	if repo == nil || repo.Lifecycle == "" {
		return
	}
	for _, digest := range repo.expired(s.clock, s.scaled(24*time.Hour)) {
		delete(repo.Images, digest)
	}
	s.expireLater(region, name)
}

// expired are the digests that the policy selects. An image belongs to the first rule whose tags it matches, and no later
// one expires it; a later one still counts it. What an index names stays as long as the index (user guide, "Lifecycle
// policy evaluation rules").
func (r *repository) expired(now time.Time, day time.Duration) (gone []string) {
	var p lifecyclePolicy
	if json.Unmarshal([]byte(r.Lifecycle), &p) != nil { // it was checked when it was put
		return nil
	}
	sort.Slice(p.Rules, func(i, j int) bool { return p.Rules[i].RulePriority < p.Rules[j].RulePriority })
	newest := make([]string, 0, len(r.Images))
	named := map[string]bool{}
	for digest, img := range r.Images {
		newest = append(newest, digest)
		var m manifest
		if json.Unmarshal(img.Manifest, &m) == nil {
			for _, d := range m.Manifests {
				named[d.Digest] = true
			}
		}
	}
	slices.SortFunc(newest, func(a, b string) int {
		return cmp.Or(r.Images[b].Pushed.Compare(r.Images[a].Pushed), strings.Compare(a, b))
	})
	owner := map[string]int{}
	for i, rule := range p.Rules {
		count := 0
		for _, digest := range newest {
			img := r.Images[digest]
			if !rule.Selection.matches(img.Tags) {
				continue
			}
			if _, owned := owner[digest]; !owned {
				owner[digest] = i
			}
			count++
			if owner[digest] == i && !named[digest] && rule.Action.Type == "expire" && rule.Selection.beyond(count, now.Sub(img.Pushed), day) {
				gone = append(gone, digest)
			}
		}
	}
	return gone
}

// matches says whether an image with these tags is of the rule's kind: each of the prefixes or patterns has a tag.
func (l selector) matches(tags []string) bool {
	switch l.TagStatus {
	case "any":
		return true
	case "untagged":
		return len(tags) == 0
	}
	every := func(words []string, fits func(word, tag string) bool) bool {
		return !slices.ContainsFunc(words, func(w string) bool {
			return !slices.ContainsFunc(tags, func(t string) bool { return fits(w, t) })
		})
	}
	return len(tags) > 0 && every(l.TagPrefixList, func(w, t string) bool { return strings.HasPrefix(t, w) }) &&
		every(l.TagPatternList, func(w, t string) bool { ok, err := path.Match(w, t); return err == nil && ok })
}

// beyond says whether the n-th newest image of an age is one too many.
func (l selector) beyond(n int, age, day time.Duration) bool {
	if l.CountType == "imageCountMoreThan" {
		return n > l.CountNumber
	}
	return age > time.Duration(l.CountNumber)*day
}
