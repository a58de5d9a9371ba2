package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
)

// A lifecyclePolicy says which images ECR expires (user guide, "Lifecycle policy properties").
type lifecyclePolicy struct {
	Rules []lifecycleRule `json:"rules"`
}

type lifecycleRule struct {
	RulePriority int      `json:"rulePriority"`
	Description  string   `json:"description"`
	Selection    selector `json:"selection"`
	Action       struct {
		Type               string `json:"type"`
		TargetStorageClass string `json:"targetStorageClass"`
	} `json:"action"`
}

type selector struct {
	TagStatus      string   `json:"tagStatus"`
	TagPrefixList  []string `json:"tagPrefixList"`
	TagPatternList []string `json:"tagPatternList"`
	StorageClass   string   `json:"storageClass"`
	CountType      string   `json:"countType"`
	CountUnit      string   `json:"countUnit"`
	CountNumber    int      `json:"countNumber"`
}

func checkLifecycle(text string) error {
	bad := func(why string) error {
		return invalidECR("LifecyclePolicyText", "Lifecycle policy validation failure: %s", why)
	}
	var p lifecyclePolicy
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if len(text) < 100 || len(text) > 30720 {
		return invalidECR("LifecyclePolicyText", "Member must have length between 100 and 30720")
	}
	if err := d.Decode(&p); err != nil {
		return bad(err.Error())
	}
	seen, highest, all := map[int]bool{}, 0, 0
	statuses := map[string]int{}
	for _, r := range p.Rules {
		if why := r.Selection.wrong(); why != "" {
			return bad(why)
		}
		switch {
		case r.RulePriority < 1 || seen[r.RulePriority]:
			return bad("rulePriority must be a positive number that no other rule has")
		case r.Action.Type != "expire" && r.Action.Type != "transition":
			return bad("action type must be expire or transition")
		}
		seen[r.RulePriority], highest = true, max(highest, r.RulePriority)
		statuses[r.Selection.TagStatus]++
		if r.Selection.TagStatus == "any" {
			all = r.RulePriority
		}
	}
	switch {
	case len(p.Rules) == 0 || len(p.Rules) > 50:
		return bad("a policy has 1 to 50 rules")
	case statuses["any"] > 1 || statuses["untagged"] > 1:
		return bad("only one rule is allowed for tagStatus any, and for untagged")
	case all > 0 && all != highest:
		return bad("the rule with tagStatus any must have the highest rulePriority")
	}
	return nil
}

// wrong says what is wrong with a selection, "" for nothing.
func (l selector) wrong() string {
	tags := slices.Concat(l.TagPrefixList, l.TagPatternList)
	switch {
	case !slices.Contains([]string{"tagged", "untagged", "any"}, l.TagStatus):
		return "tagStatus must be tagged, untagged or any"
	case (l.TagStatus == "tagged") != (len(tags) > 0):
		return "tagPrefixList or tagPatternList belong to tagStatus tagged, which needs one of them"
	case len(l.TagPrefixList) > 0 && len(l.TagPatternList) > 0:
		return "tagPrefixList and tagPatternList exclude each other"
	case slices.ContainsFunc(l.TagPatternList, func(p string) bool { return strings.Count(p, "*") > 4 }):
		return "a pattern has at most four *"
	case l.CountNumber < 1:
		return "countNumber must be a positive number"
	case l.CountType == "imageCountMoreThan" && l.CountUnit == "":
		return ""
	case slices.Contains([]string{"sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"}, l.CountType) && l.CountUnit == "days":
		return ""
	}
	return "countType must be imageCountMoreThan without countUnit, or sinceImagePushed with countUnit days"
}
