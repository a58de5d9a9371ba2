package datachannel

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ClientVersion is the version of the session-manager-plugin whose protocol this is. From 1.1.70 an agent has several
// connections share a session of port forwarding, after 1.2.331 without keep-alives, which would defeat the session's
// idle timeout.
const ClientVersion = "1.2.764.0"

// openDataChannel is the first message, in text: it proves by the token that this is who has opened the session.
type openDataChannel struct {
	MessageSchemaVersion string `json:"MessageSchemaVersion"`
	RequestID            string `json:"RequestId"`
	TokenValue           string `json:"TokenValue"`
	ClientID             string `json:"ClientId"`
	ClientVersion        string `json:"ClientVersion"`
}

// What an agent may ask a client for in its handshake.
const (
	actionSessionType   = "SessionType"
	actionKMSEncryption = "KMSEncryption"
)

// The answers.
const (
	actionSuccess     = 1
	actionUnsupported = 3
)

type handshakeRequest struct {
	AgentVersion           string
	RequestedClientActions []requestedAction
}

type requestedAction struct {
	ActionType       string
	ActionParameters json.RawMessage
}

type sessionType struct {
	SessionType string
	Properties  any
}

type handshakeResponse struct {
	ClientVersion          string
	ProcessedClientActions []processedAction
	Errors                 []string
}

type processedAction struct {
	ActionType   string
	ActionStatus int
	ActionResult any
	Error        string
}

type handshakeComplete struct {
	HandshakeTimeToComplete int64 // nanoseconds
	CustomerMessage         string
}

// ErrEncrypted is a session that the agent wants to encrypt with a KMS key, beyond TLS.
var ErrEncrypted = errors.New("the session is to be encrypted with a KMS key of the cluster, which fargatectl does not do")

// answer is the response to a handshake's request, and the session's type. The response goes to the agent even when we
// can't go on: it then ends the session.
func answer(request []byte) (r handshakeResponse, hello handshakeRequest, kind string, err error) {
	if err := json.Unmarshal(request, &hello); err != nil {
		return r, hello, "", fmt.Errorf("the agent's handshake: %w", err)
	}
	r.ClientVersion, r.ProcessedClientActions = ClientVersion, []processedAction{}
	for _, a := range hello.RequestedClientActions {
		done := processedAction{ActionType: a.ActionType, ActionStatus: actionSuccess}
		switch a.ActionType {
		case actionSessionType:
			var t sessionType
			if err := json.Unmarshal(a.ActionParameters, &t); err != nil {
				return r, hello, "", fmt.Errorf("the agent's handshake: %w", err)
			}
			kind = t.SessionType
		case actionKMSEncryption:
			err = ErrEncrypted
		default:
			err = fmt.Errorf("the agent asks for %q in its handshake, which fargatectl does not know", a.ActionType)
		}
		if a.ActionType != actionSessionType {
			done.ActionStatus, done.Error = actionUnsupported, "Unsupported action "+a.ActionType
			r.Errors = append(r.Errors, done.Error)
		}
		r.ProcessedClientActions = append(r.ProcessedClientActions, done)
	}
	return r, hello, kind, err
}

// newer says whether a version in dotted numbers is above another.
func newer(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range max(len(a), len(b)) {
		var x, y int
		if i < len(a) {
			x, _ = strconv.Atoi(a[i])
		}
		if i < len(b) {
			y, _ = strconv.Atoi(b[i])
		}
		if x != y {
			return x > y
		}
	}
	return false
}
