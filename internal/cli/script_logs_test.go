package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fargatectl/fargatectl/aws"
)

// logged writes a line to a stream, "logged GROUP STREAM AGE TEXT"; the text may have Go's escapes.
func logged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: logged GROUP STREAM AGE TEXT")
	}
	age, err := time.ParseDuration(args[2])
	ts.Check(err)
	text, err := strconv.Unquote(`"` + args[3] + `"`)
	ts.Check(err)
	c, ctx := cloudwatchlogs.NewFromConfig(boxOf(ts).Config("us-east-1")), context.Background()
	_, err = c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &args[0]})
	ts.Check(aws.Ignore(err, "ResourceAlreadyExistsException"))
	_, err = c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &args[0], LogStreamName: &args[1]})
	ts.Check(aws.Ignore(err, "ResourceAlreadyExistsException"))
	_, err = c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: &args[0], LogStreamName: &args[1],
		LogEvents: []types.InputLogEvent{{Message: &text, Timestamp: new(time.Now().Add(-age).UnixMilli())}},
	})
	ts.Check(err)
}
