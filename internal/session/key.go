package session

import (
	"context"
	"fmt"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// address is the target of sessions, as Systems Manager knows it.
func (t *Target) address() string {
	return fmt.Sprintf("ecs:%s_%s_%s", short(t.Service.Cluster), t.ID(), val(t.Container.RuntimeId))
}

// keyed can also open sessions that have to be encrypted: that costs the caller kms:GenerateDataKey.
func (t *Target) keyed(d datachannel.Dial) datachannel.Dial {
	d.Target = t.address()
	d.DataKey = func(ctx context.Context, key string, about map[string]string) (datachannel.DataKey, error) {
		out, err := t.Calls.KMS.GenerateDataKey(ctx, &aws.GenerateDataKeyInput{KeyID: key, NumberOfBytes: datachannel.DataKeySize, EncryptionContext: about})
		if err != nil {
			return datachannel.DataKey{}, err
		}
		return datachannel.DataKey{Plaintext: out.Plaintext, Ciphertext: out.CiphertextBlob}, nil
	}
	return d
}
