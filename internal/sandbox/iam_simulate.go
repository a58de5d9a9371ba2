package sandbox

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// SimulatePrincipalPolicy says of each action on each resource whether a role's policies allow it.
func (s *iamService) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	arn := val(in.PolicySourceArn)
	if s.roleByARN(arn) == nil {
		return nil, fail("NoSuchEntity", "The role with name %s cannot be found.", arn[strings.LastIndex(arn, "/")+1:])
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	out := &iam.SimulatePrincipalPolicyOutput{}
	for _, action := range in.ActionNames {
		for _, resource := range resources {
			decision := types.PolicyEvaluationDecisionTypeImplicitDeny
			if s.roleAllows(arn, action, resource) {
				decision = types.PolicyEvaluationDecisionTypeAllowed
			}
			out.EvaluationResults = append(out.EvaluationResults, types.EvaluationResult{EvalActionName: &action, EvalResourceName: &resource, EvalDecision: decision})
		}
	}
	return out, nil
}
