package aws

import "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

// QuickCloudWatch keeps a call that can be done without from being repeated for long.
func QuickCloudWatch(o *cloudwatch.Options) { o.Retryer = quick() }
