package datachannel

import (
	"encoding/json"
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
	actionFailed      = 2
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
	ActionResult json.RawMessage
	Error        string
}

type handshakeComplete struct {
	HandshakeTimeToComplete int64 // nanoseconds
	CustomerMessage         string
}

// answer is the response to a handshake's request, and the session's type. The response goes to the agent even when we
// can't go on: it then ends the session. Encrypt does the action KMSEncryption by its parameters.
func answer(request []byte, encrypt func(json.RawMessage) (any, error)) (r handshakeResponse, hello handshakeRequest, kind string, err error) {
	if err := json.Unmarshal(request, &hello); err != nil {
		return r, hello, "", fmt.Errorf("the agent's handshake: %w", err)
	}
	r.ClientVersion, r.ProcessedClientActions = ClientVersion, []processedAction{}
	for _, a := range hello.RequestedClientActions {
		done := processedAction{ActionType: a.ActionType, ActionStatus: actionSuccess}
		problem := error(nil)
		switch a.ActionType {
		case actionSessionType:
			var t sessionType
			if err := json.Unmarshal(a.ActionParameters, &t); err != nil {
				return r, hello, "", fmt.Errorf("the agent's handshake: %w", err)
			}
			kind = t.SessionType
		case actionKMSEncryption:
			var result any
			if result, problem = encrypt(a.ActionParameters); problem != nil {
				done.ActionStatus, done.Error = actionFailed, "Failed to process action KMSEncryption: "+problem.Error()
			} else if done.ActionResult, err = json.Marshal(result); err != nil {
				return r, hello, kind, err
			}
		default:
			problem = fmt.Errorf("the agent asks for %q in its handshake, which fargatectl does not know", a.ActionType)
			done.ActionStatus, done.Error = actionUnsupported, "Unsupported action "+a.ActionType
		}
		if problem != nil {
			r.Errors, err = append(r.Errors, done.Error), problem
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
