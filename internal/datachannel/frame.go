// Package datachannel speaks the protocol of Systems Manager's data channel, which a session of ECS Exec or of port
// forwarding runs over: a websocket whose binary messages are frames with a sequence number each, acknowledged, put in
// order and sent again by the two ends. It needs no session-manager-plugin.
//
// AWS documents the protocol by its open source ends, the session-manager-plugin and the amazon-ssm-agent; the numbers
// here are theirs. A [Client] is the end of who opens a session, an [Agent] the end in the container.
package datachannel

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A PayloadType says what the payload of a frame of stream data is.
type PayloadType uint32

// The payload types. An exit code comes from commands that run without a terminal only, as "EXIT_CODE: 3".
const (
	Output             PayloadType = 1 // of the container's program, or input for it
	Size               PayloadType = 3 // of the terminal's window: {"cols", "rows"}
	HandshakeRequest   PayloadType = 5
	HandshakeResponse  PayloadType = 6
	HandshakeComplete  PayloadType = 7
	EncryptionRequest  PayloadType = 8
	EncryptionResponse PayloadType = 9
	Flag               PayloadType = 10 // four bytes: one of the flags
	StdErr             PayloadType = 11
	ExitCode           PayloadType = 12
)

// The flags that a payload of type Flag holds.
const (
	DisconnectToPort   uint32 = 1
	TerminateSession   uint32 = 2
	ConnectToPortError uint32 = 3
)

// The types of messages.
const (
	inputStreamData  = "input_stream_data"
	outputStreamData = "output_stream_data"
	acknowledge      = "acknowledge"
	channelClosed    = "channel_closed"
	startPublication = "start_publication"
	pausePublication = "pause_publication"
)

// A Frame is one binary message: on the wire a header of 116 bytes in big-endian order, the length of the payload, and
// the payload.
type Frame struct {
	Type     string // of the message: "input_stream_data"
	Created  time.Time
	Sequence int64    // of stream data, from 0
	Flags    uint64   // 1 is the first of a stream (SYN), 2 the last (FIN)
	ID       [16]byte // a UUID
	Payload  PayloadType
	Data     []byte
}

// Where the fields of the header are. The header's own length says where the payload's length stands.
const (
	atType     = 4
	atSchema   = 36
	atCreated  = 40
	atSequence = 48
	atFlags    = 56
	atID       = 64
	atDigest   = 80
	atPayload  = 112
	headerSize = 116
	schema     = 1
)

// newID is a random UUID of version 4.
func newID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func uuid(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Bytes is the frame on the wire. The two halves of the UUID stand in reverse order there, the type is filled up with
// blanks.
func (f Frame) Bytes() []byte {
	b := make([]byte, headerSize+4, headerSize+4+len(f.Data))
	binary.BigEndian.PutUint32(b, headerSize)
	copy(b[atType:atSchema], bytes.Repeat([]byte(" "), atSchema-atType))
	copy(b[atType:atSchema], f.Type)
	binary.BigEndian.PutUint32(b[atSchema:], schema)
	binary.BigEndian.PutUint64(b[atCreated:], uint64(f.Created.UnixMilli()))
	binary.BigEndian.PutUint64(b[atSequence:], uint64(f.Sequence))
	binary.BigEndian.PutUint64(b[atFlags:], f.Flags)
	copy(b[atID:], f.ID[8:])
	copy(b[atID+8:], f.ID[:8])
	digest := sha256.Sum256(f.Data)
	copy(b[atDigest:], digest[:])
	binary.BigEndian.PutUint32(b[atPayload:], uint32(f.Payload))
	binary.BigEndian.PutUint32(b[headerSize:], uint32(len(f.Data)))
	return append(b, f.Data...)
}

// ParseFrame reads a binary message. A header without a payload type is one of the service's own messages.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < atPayload+4 {
		return Frame{}, fmt.Errorf("a frame of %d bytes is too short", len(b))
	}
	header := binary.BigEndian.Uint32(b)
	if header < atPayload || uint64(header)+4 > uint64(len(b)) {
		return Frame{}, fmt.Errorf("a frame of %d bytes has a header of %d", len(b), header)
	}
	f := Frame{
		Type:     string(bytes.Trim(b[atType:atSchema], " \x00")),
		Created:  time.UnixMilli(int64(binary.BigEndian.Uint64(b[atCreated:]))),
		Sequence: int64(binary.BigEndian.Uint64(b[atSequence:])),
		Flags:    binary.BigEndian.Uint64(b[atFlags:]),
	}
	copy(f.ID[8:], b[atID:])
	copy(f.ID[:8], b[atID+8:])
	if header >= headerSize {
		f.Payload = PayloadType(binary.BigEndian.Uint32(b[atPayload:]))
	}
	f.Data = b[header+4:]
	length := binary.BigEndian.Uint32(b[header:])
	switch {
	case f.Type == "":
		return Frame{}, errors.New("a frame has no type")
	case f.Sequence < 0:
		return Frame{}, fmt.Errorf("a frame has the sequence number %d", f.Sequence)
	case uint64(length) != uint64(len(f.Data)):
		return Frame{}, fmt.Errorf("a frame has a payload of %d bytes and says %d", len(f.Data), length)
	case [32]byte(b[atDigest:atPayload]) != sha256.Sum256(f.Data):
		return Frame{}, errors.New("a frame's payload does not have the digest that it says")
	}
	return f, nil
}
