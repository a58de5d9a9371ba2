// Package e2e runs the real binary against an endpoint that speaks AWS's protocols, and looks at what came of it with
// other means than our own code: a proxy counts the calls, the SDK (and boto3, by attributes.py) reads back.
//
// The endpoint is FARGATECTL_TEST_ENDPOINT: moto (make test-moto), LocalStack, or any other; without it the sandbox,
// served on a loopback port. What an endpoint can't do stands in deviations.json, with the reason.
package e2e
