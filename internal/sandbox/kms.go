package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"regexp"
	"strings"
	"sync"
)

// kmsService is KMS, as far as sessions are encrypted with its data keys. Which keys there are, the sandbox does not know:
// each that may be one is. Its types are the SDK's in short, as those of ssmService.
type kmsService struct{ *Sandbox }

// GenerateDataKeyInput is the SDK's.
type GenerateDataKeyInput struct {
	KeyId             *string
	NumberOfBytes     *int32
	KeySpec           *string
	EncryptionContext map[string]string
}

// GenerateDataKeyOutput is the SDK's.
type GenerateDataKeyOutput struct {
	KeyId                     *string
	Plaintext, CiphertextBlob []byte
}

// A dataKey is what a ciphertext stands for.
type dataKey struct {
	key       string // its ARN
	plaintext []byte
	context   map[string]string
}

// dataKeys are those by ciphertext that were made in this process: sessions live no longer.
type dataKeys struct {
	mu  sync.Mutex
	all map[string]dataKey
}

// keyName is what a key may be called besides its ARN ("Key identifiers (KeyId)", KMS developer guide).
var keyName = regexp.MustCompile(`^(alias/[A-Za-z0-9/_-]+|(mrk-)?[0-9a-f-]{32,36})$`)

// kmsKey is the ARN of a key of a region, by its id, alias or ARN; false when there can be none.
func (s *Sandbox) kmsKey(region, key string) (string, bool) {
	if rest, ok := strings.CutPrefix(key, "arn:"); ok {
		p := strings.Split(rest, ":")
		if len(p) != 5 || p[1] != "kms" || p[2] != region {
			return "", false
		}
		key = strings.TrimPrefix(p[4], "key/")
	}
	if !keyName.MatchString(key) {
		return "", false
	}
	if strings.HasPrefix(key, "alias/") { // some key has that name
		sum := digestOf([]byte(key))[len("sha256:"):]
		key = strings.Join([]string{sum[:8], sum[8:12], sum[12:16], sum[16:20], sum[20:32]}, "-")
	}
	return s.arn("kms", region, "key/"+key), true
}

// GenerateDataKey makes a data key, bound to a context.
func (s *kmsService) GenerateDataKey(ctx context.Context, in *GenerateDataKeyInput) (*GenerateDataKeyOutput, error) {
	key, ok := s.kmsKey(s.region(ctx).Name, val(in.KeyId))
	n := map[string]int32{"AES_128": 16, "AES_256": 32}[val(in.KeySpec)]
	if in.NumberOfBytes != nil {
		n = *in.NumberOfBytes
	}
	switch {
	case !ok:
		return nil, fail("NotFoundException", "Invalid keyId '%s'", val(in.KeyId))
	case (in.NumberOfBytes == nil) == (in.KeySpec == nil):
		return nil, fail("ValidationException", "Please specify either number of bytes or key spec.")
	case n < 1 || n > 1024:
		return nil, fail("ValidationException", "1 validation error detected: Value '%d' at 'numberOfBytes' failed to satisfy constraint: Member must have value between 1 and 1024", n)
	}
	made := dataKey{key, make([]byte, n), maps.Clone(in.EncryptionContext)}
	sealed := make([]byte, n+120)
	_, _ = rand.Read(made.plaintext) // never fails
	_, _ = rand.Read(sealed)
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if s.keys.all == nil {
		s.keys.all = map[string]dataKey{}
	}
	s.keys.all[string(sealed)] = made
	return &GenerateDataKeyOutput{KeyId: &key, Plaintext: made.plaintext, CiphertextBlob: sealed}, nil
}

// decrypt is the plaintext of a data key, for a task's role: with the context that it was made with (Decrypt, "the
// encryption context ... must exactly match"). The errors are in the words of the agent's SDK.
func (s *Sandbox) decrypt(role string, sealed []byte, about map[string]string) ([]byte, error) {
	s.keys.mu.Lock()
	made, ok := s.keys.all[string(sealed)]
	s.keys.mu.Unlock()
	if !ok || !maps.Equal(made.context, about) {
		return nil, errors.New("InvalidCiphertextException: ")
	}
	allowed := false
	if err := s.Do(func(*State) { allowed = s.roleAllows(role, "kms:Decrypt", made.key) }); err != nil {
		return nil, err
	}
	if !allowed {
		return nil, errors.New("AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.") //nolint:staticcheck // KMS's own words
	}
	return made.plaintext, nil
}
