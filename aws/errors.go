package aws

import (
	"errors"
	"slices"

	"github.com/aws/smithy-go"
)

// Code is the error code that AWS answered, "" for any other error.
func Code(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Is says whether AWS answered one of the codes.
func Is(err error, codes ...string) bool { return err != nil && slices.Contains(codes, Code(err)) }

// Ignore returns nil for an error with one of the codes: what was to be there or gone is so already.
// Absence is believed only from the documented code; a denied read is never absence.
func Ignore(err error, codes ...string) error {
	if Is(err, codes...) {
		return nil
	}
	return err
}
