package release

import "strings"

// Outcome is the status of a service deployment in words. AWS's own for one that failed say that it went well to go back.
func Outcome(status string) string {
	switch status {
	case "ROLLBACK_SUCCESSFUL":
		return "failed, rolled back"
	case "ROLLBACK_FAILED":
		return "failed, not restored"
	case "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS":
		return "failed, rolling back"
	}
	return strings.ReplaceAll(strings.ToLower(status), "_", " ")
}
