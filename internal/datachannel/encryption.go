package datachannel

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

// A session may have to be encrypted with a key of KMS, beyond TLS: the agent asks for it in its handshake. The client has
// KMS make a data key, which the agent has KMS decrypt, each with its own permission; the agent then sends something that
// the client has to read and to write back. From then on what the program reads and writes is encrypted (the sources of
// session-manager-plugin, src/encryption, and of amazon-ssm-agent, agent/session/crypto).

// DataKeySize is how many bytes a data key has: the first half is for what the agent sends, the second for what the client
// sends.
const DataKeySize = 64

// A DataKey is what kms:GenerateDataKey answers. The plaintext is a secret.
type DataKey struct{ Plaintext, Ciphertext []byte }

// EncryptionContext is what a session's data key is bound to.
func EncryptionContext(session, target string) map[string]string {
	return map[string]string{"aws:ssm:SessionId": session, "aws:ssm:TargetId": target}
}

// A KeyError is a session that has to be encrypted with a key of KMS and can't be.
type KeyError struct {
	Key string // its id, alias or ARN
	Err error
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("the session has to be encrypted with KMS key %s: %v", e.Key, e.Err)
}
func (e *KeyError) Unwrap() error { return e.Err }

// ciphers encrypt what one end sends and decrypt what it receives, by AES-256 in GCM; a nonce goes before each text.
type ciphers struct{ send, receive cipher.AEAD }

func (e end) ciphers(key []byte) (*ciphers, error) {
	if len(key) != DataKeySize {
		return nil, fmt.Errorf("a data key of %d bytes instead of %d", len(key), DataKeySize)
	}
	agents, err := gcm(key[:DataKeySize/2])
	if err != nil {
		return nil, err
	}
	clients, err := gcm(key[DataKeySize/2:])
	if e == clientEnd {
		return &ciphers{clients, agents}, err
	}
	return &ciphers{agents, clients}, err
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (c *ciphers) seal(text []byte) []byte {
	nonce := make([]byte, c.send.NonceSize(), c.send.NonceSize()+len(text)+c.send.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return c.send.Seal(nonce, nonce, text, nil)
}

func (c *ciphers) open(sealed []byte) ([]byte, error) {
	n := c.receive.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("an encrypted message is cut off")
	}
	return c.receive.Open(nil, sealed[:n], sealed[n:], nil)
}

// encrypted are the payloads that are: the others only lead the session.
func (t PayloadType) encrypted() bool { return t == Output || t == StdErr || t == ExitCode }

// A challenge is how the agent finds out whether both ends have the key. In a request it is encrypted with the one half of
// the key, in the response with the other.
type challenge struct{ Challenge []byte }

// kmsRequest and kmsResult are the handshake's for the action KMSEncryption.
type (
	kmsRequest struct {
		KMSKeyID string `json:"KMSKeyId"`
	}
	kmsResult struct{ KMSCipherTextKey []byte }
)

// encrypt makes a data key with the key that the agent wants, and has the channel use it.
func (c *Client) encrypt(parameters json.RawMessage) (any, error) {
	var want kmsRequest
	if err := json.Unmarshal(parameters, &want); err != nil {
		return nil, fmt.Errorf("the agent's handshake: %w", err)
	}
	c.key = want.KMSKeyID
	if c.dial.DataKey == nil {
		return nil, &KeyError{c.key, errors.New("there is no way to have a data key")}
	}
	key, err := c.dial.DataKey(c.ctx, want.KMSKeyID, EncryptionContext(c.session, c.dial.Target))
	if err != nil {
		return nil, &KeyError{c.key, err}
	}
	both, err := clientEnd.ciphers(key.Plaintext)
	if err != nil {
		return nil, &KeyError{c.key, err}
	}
	c.keys.Store(both)
	return kmsResult{key.Ciphertext}, nil
}

// prove answers a challenge.
func (c *Client) prove(data []byte) error {
	var asked challenge
	both := c.keys.Load()
	if err := json.Unmarshal(data, &asked); err != nil || both == nil {
		return errors.New("the agent sends a challenge that nobody can answer")
	}
	text, err := both.open(asked.Challenge)
	if err != nil {
		return &KeyError{c.key, fmt.Errorf("the agent has another data key: %w", err)}
	}
	response, err := json.Marshal(challenge{both.seal(text)})
	if err != nil {
		return err
	}
	return c.Send(EncryptionResponse, response)
}

// An Encryption is what an agent has to encrypt a session with: a key of KMS, and the way to decrypt a data key.
type Encryption struct {
	Key     string
	Decrypt func(ctx context.Context, ciphertext []byte) (plaintext []byte, err error)
}

// use has the agent's channel use the data key that the client answered, and makes sure that the client has it.
func (e *Encryption) use(a *Agent, r handshakeResponse) error {
	var result kmsResult
	for _, done := range r.ProcessedClientActions {
		if done.ActionType == actionKMSEncryption && done.ActionStatus == actionSuccess {
			if err := json.Unmarshal(done.ActionResult, &result); err != nil {
				return err
			}
		}
	}
	key, err := e.Decrypt(a.ctx, result.KMSCipherTextKey)
	if err != nil {
		return fmt.Errorf("Fetching data key failed: Unable to retrieve data key, Error when decrypting data key %w", err) //nolint:staticcheck // the agent's own words
	}
	both, err := agentEnd.ciphers(key)
	if err != nil {
		return err
	}
	a.keys.Store(both)
	text := make([]byte, 64)
	_, _ = rand.Read(text) // never fails
	if err := a.say(EncryptionRequest, challenge{both.seal(text)}); err != nil {
		return err
	}
	select {
	case response := <-a.proof:
		if got, err := both.open(response.Challenge); err != nil || string(got) != string(text) {
			return errors.New("Encryption challenge does not match!") //nolint:staticcheck // the same
		}
		return nil
	case <-a.Done():
		return a.Wait()
	}
}
