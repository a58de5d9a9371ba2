package aws

import (
	"fmt"
	"slices"
	"testing"
)

func TestSecretVersions(t *testing.T) {
	t.Parallel()
	const a, b = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/a-AbCdEf", "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/b-AbCdEf"
	tag := SecretVersions{a: "1", b: "2"}.String()
	for _, test := range []struct {
		now  SecretVersions
		want []string
	}{
		{SecretVersions{a: "1", b: "2"}, nil},
		{SecretVersions{a: "1", b: "3"}, []string{b}},
		{SecretVersions{a: "1"}, nil},
		{SecretVersions{a: "1", "arn:new": "9"}, nil},
	} {
		if got := test.now.Changed(tag); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.now, got, test.want)
		}
		if got := test.now.Changed(""); got != nil {
			t.Errorf("without a tag: %v", got)
		}
	}
	many := SecretVersions{}
	for i := range 40 {
		many[fmt.Sprint("arn:", i)] = fmt.Sprint(i)
	}
	tag = many.String()
	if len(tag) > 256 || many.Changed(tag) != nil {
		t.Error(tag, many.Changed(tag))
	}
	if many["arn:7"] = "8"; len(many.Changed(tag)) != 40 {
		t.Error(many.Changed(tag))
	}
	if SecretName(a) != "app/a" {
		t.Error(SecretName(a))
	}
}
