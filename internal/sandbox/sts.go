package sandbox

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type stsService struct{ *Sandbox }

// GetCallerIdentity answers for whatever credentials came.
func (s *stsService) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{
		Account: new(Account), UserId: new("AIDASANDBOXSANDBOXSAN"), Arn: new(s.arn("iam", "", "user/sandbox")),
	}, nil
}
