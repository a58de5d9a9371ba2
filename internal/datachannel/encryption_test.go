package datachannel

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// key is a data key in which every byte is another.
func key() []byte {
	b := make([]byte, DataKeySize)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// opened is what a text of the wire says, read without anything of this package but the frame: 12 bytes of nonce, then
// AES-256 in GCM.
func opened(t *testing.T, key, raw []byte) string {
	t.Helper()
	f, err := ParseFrame(raw)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	text, err := aead.Open(nil, f.Data[:12], f.Data[12:], nil)
	if err != nil {
		return "?"
	}
	return string(text)
}

// TestEncryptedFrames holds what is encrypted with which half of the key: the agent's words with the first, the client's with
// the second; the window's size with none, and no two texts with the same nonce.
func TestEncryptedFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out, back [][]byte
		keep := func(to *[][]byte) func([]byte) [][]byte {
			return func(raw []byte) [][]byte {
				if f, err := ParseFrame(raw); err == nil && (f.Type == inputStreamData || f.Type == outputStreamData) {
					*to = append(*to, raw)
				}
				return [][]byte{raw}
			}
		}
		near, far := wires(t, keep(&out), keep(&back))
		var got, heard sink
		a, b := open(t.Context(), near, clientEnd, got.take), open(t.Context(), far, agentEnd, heard.take)
		for e, c := range map[end]*Channel{clientEnd: a, agentEnd: b} {
			both, err := e.ciphers(key())
			if err != nil {
				t.Fatal(err)
			}
			c.keys.Store(both)
		}
		for _, err := range []error{
			a.Send(Output, []byte("typed")), a.Send(Output, []byte("typed")), a.Send(Size, []byte("{}")),
			b.Send(Output, []byte("out")), b.Send(StdErr, []byte("err")), b.Send(ExitCode, []byte("EXIT_CODE: 3")), b.Send(Flag, []byte{0, 0, 0, 2}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(a.Flush(t.Context()), b.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		if s := string(heard.bytes()); s != "typedtyped{}" {
			t.Errorf("the agent has heard %q", s)
		}
		if s := string(got.bytes()); s != "outerrEXIT_CODE: 3\x00\x00\x00\x02" {
			t.Errorf("the client has heard %q", s)
		}
		mine, theirs := key()[32:], key()[:32]
		if s := opened(t, mine, out[0]) + opened(t, mine, out[1]); s != "typedtyped" || opened(t, theirs, out[0]) != "?" {
			t.Errorf("the client sends %q", s)
		}
		if bytes.Equal(out[0][120:], out[1][120:]) {
			t.Error("one text twice is the same bytes twice")
		}
		if s := opened(t, theirs, back[0]) + opened(t, theirs, back[1]) + opened(t, theirs, back[2]); s != "outerrEXIT_CODE: 3" {
			t.Errorf("the agent sends %q", s)
		}
		if !bytes.HasSuffix(out[2], []byte("{}")) || !bytes.HasSuffix(back[3], []byte{0, 0, 0, 2}) {
			t.Error("sizes and flags are not encrypted")
		}
		if err := b.write((Frame{Type: outputStreamData, Sequence: 4, Payload: Output, Data: []byte("forged, and not short")}).Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := a.Wait(); err == nil || !strings.Contains(err.Error(), "can't be decrypted") {
			t.Errorf("after a forged frame: %v", err)
		}
		b.Close()
	})
}

// TestEncryptedSession holds the handshake of a session that is encrypted, and how it ends when one of the two has no key, or
// another.
func TestEncryptedSession(t *testing.T) {
	t.Parallel()
	other := key()
	other[0]++
	denied := errors.New("AccessDeniedException: you are not allowed to access.")
	for name, c := range map[string]struct {
		client error  // of making the data key
		agent  error  // of decrypting it
		agents []byte // what the agent takes it for
		want   string
	}{
		"both":           {nil, nil, key(), ""},
		"client may not": {denied, nil, key(), "the session has to be encrypted with KMS key alias/x: " + denied.Error()},
		"agent may not":  {nil, denied, nil, "KMS key alias/x: the agent in the container can't decrypt the data key: " + denied.Error()},
		"another key":    {nil, nil, other, "the agent has another data key"},
		"short key":      {nil, nil, key()[:16], "the connection to the session was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			s, d := service(t, func(a *Agent, in *sink) {
				decrypt := func(_ context.Context, sealed []byte) ([]byte, error) {
					if string(sealed) != "sealed" {
						t.Errorf("the agent was given %q", sealed)
					}
					return c.agents, c.agent
				}
				if err := a.Handshake("3.3.0.0", "InteractiveCommands", nil, "", &Encryption{"alias/x", decrypt}); err != nil {
					if c.agent != nil {
						_ = a.End(context.Background(), "----------ERROR-------\nEncountered error while initiating handshake. "+err.Error()+"\n")
					}
					a.Close()
					return
				}
				_ = a.Send(Output, []byte("out"))
				for a.ctx.Err() == nil && string(in.bytes()) != "typed" {
				}
				_ = a.End(context.Background(), "")
			})
			said := ""
			d.Output = func(_ PayloadType, data []byte) error { said += string(data); return nil }
			d.Target = "ecs:c_1_1-2"
			d.DataKey = func(_ context.Context, id string, about map[string]string) (DataKey, error) {
				once.Do(func() {
					if id != "alias/x" || !maps.Equal(about, map[string]string{"aws:ssm:SessionId": s.ID, "aws:ssm:TargetId": "ecs:c_1_1-2"}) {
						t.Errorf("a key of %s for %v", id, about)
					}
				})
				return DataKey{key(), []byte("sealed")}, c.client
			}
			client, err := Open(t.Context(), s, d)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Write([]byte("typed")); err != nil {
				t.Error(err)
			}
			if err := client.Wait(); !errors.As(err, new(*ClosedError)) || said != "out" {
				t.Errorf("%q %v", said, err)
			}
		})
	}
}
