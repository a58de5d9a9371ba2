package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// KMS is the operation of kms that we make.
type KMS struct {
	GenerateDataKey func(context.Context, *GenerateDataKeyInput) (*GenerateDataKeyOutput, error)
}

// GenerateDataKeyInput is the SDK's, as far as it is used.
type GenerateDataKeyInput struct {
	KeyID             string `json:"KeyId"` // its id, its ARN or "alias/NAME"
	NumberOfBytes     int
	EncryptionContext map[string]string
}

// GenerateDataKeyOutput is the SDK's. The plaintext is a secret.
type GenerateDataKeyOutput struct {
	KeyID          string `json:"KeyId"` // its ARN
	Plaintext      []byte
	CiphertextBlob []byte
}

func newKMS(cfg aws.Config) KMS {
	kms := byHand{"KMS", "kms", "TrentService"}
	return KMS{GenerateDataKey: func(ctx context.Context, in *GenerateDataKeyInput) (*GenerateDataKeyOutput, error) {
		out := &GenerateDataKeyOutput{}
		return out, kms.invoke(ctx, cfg, "GenerateDataKey", in, out)
	}}
}
