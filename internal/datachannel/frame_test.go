package datachannel

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample is a frame whose bytes were put together by hand from the layout that AWS's ends have.
var sample = Frame{
	Type: inputStreamData, Created: time.UnixMilli(1_700_000_000_123), Sequence: 7, Flags: 1,
	ID:      [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
	Payload: Output, Data: []byte("abc"),
}

const sampleBytes = "00000074" + // the header's length: where the payload's stands
	"696e7075745f73747265616d5f64617461202020202020202020202020202020" + // "input_stream_data" and blanks
	"00000001" + "0000018bcfe5687b" + "0000000000000007" + "0000000000000001" +
	"8899aabbccddeeff" + "0011223344556677" + // the UUID's second half comes first
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" + // SHA-256 of "abc" (FIPS 180-4, example)
	"00000001" + "00000003" + "616263"

func TestFrameBytes(t *testing.T) {
	t.Parallel()
	want, err := hex.DecodeString(sampleBytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := sample.Bytes(); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	got, err := ParseFrame(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, got); diff != "" {
		t.Error(diff)
	}
	if id := uuid(sample.ID); id != "00112233-4455-6677-8899-aabbccddeeff" {
		t.Error(id)
	}
}

// TestParseFrameRefuses holds what each malformed message is refused for.
func TestParseFrameRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"empty":            {func([]byte) []byte { return nil }, "too short"},
		"header only":      {func(b []byte) []byte { return b[:headerSize] }, "has a header of 116"},
		"long header":      {func(b []byte) []byte { binary.BigEndian.PutUint32(b, 1<<31); return b }, "has a header of"},
		"short header":     {func(b []byte) []byte { binary.BigEndian.PutUint32(b, 40); return b }, "has a header of 40"},
		"cut payload":      {func(b []byte) []byte { return b[:len(b)-1] }, "payload of 2 bytes and says 3"},
		"long payload":     {func(b []byte) []byte { return append(b, 'd') }, "payload of 4 bytes and says 3"},
		"other payload":    {func(b []byte) []byte { b[len(b)-1] = 'd'; return b }, "digest"},
		"no type":          {func(b []byte) []byte { copy(b[atType:], strings.Repeat("\x00", 32)); return b }, "no type"},
		"negative number":  {func(b []byte) []byte { b[atSequence] = 0xff; return b }, "sequence number"},
		"digest of others": {func(b []byte) []byte { b[atDigest]++; return b }, "digest"},
	} {
		if _, err := ParseFrame(c.change(sample.Bytes())); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestParseFrameWithoutPayloadType reads a message of the service's own, whose header ends before the payload type.
func TestParseFrameWithoutPayloadType(t *testing.T) {
	t.Parallel()
	b := sample.Bytes()
	b = append(b[:atPayload], b[headerSize:]...)
	binary.BigEndian.PutUint32(b, atPayload)
	f, err := ParseFrame(b)
	if err != nil || string(f.Data) != "abc" || f.Payload != 0 {
		t.Errorf("%+v %v", f, err)
	}
}

// FuzzParseFrame holds that what can be parsed is what its bytes say, and that nothing makes the parser panic.
func FuzzParseFrame(f *testing.F) {
	f.Add(sample.Bytes())
	f.Add(Frame{Type: acknowledge, Data: []byte("{}")}.Bytes())
	f.Add([]byte{0, 0, 0, 116})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseFrame(b)
		if err != nil {
			return
		}
		again, err := ParseFrame(got.Bytes())
		if err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if diff := cmp.Diff(got, again); diff != "" && got.Created.Equal(again.Created) {
			t.Error(diff)
		}
	})
}
