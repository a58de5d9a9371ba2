package aws

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// An endpoint without service deployments is asked for the service's own deployment, and not for long: moto answers a
// page of HTML with status 500, another emulator a code.
func TestNoServiceDeployments(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]func(http.ResponseWriter){
		"html": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "<!doctype html><title>500 Internal Server Error</title>")
		},
		"code": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"UnknownOperationException","message":"no"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				if calls++; strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListServiceDeployments") {
					missing(w)
					return
				}
				fmt.Fprint(w, `{"services":[{"deployments":[
					{"status":"ACTIVE","taskDefinition":"old","rolloutState":"COMPLETED"},
					{"status":"PRIMARY","taskDefinition":"arn:aws:ecs:us-east-1:1:task-definition/app:2","rolloutState":"FAILED","rolloutStateReason":"tasks failed to start","failedTasks":3}]}]}`)
			}))
			t.Cleanup(srv.Close)
			c := Connect(aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: Patient})
			d, err := c.ECS.LatestDeployment(t.Context(), "c", "s")
			if err != nil {
				t.Fatal(err)
			}
			if d.Status != types.ServiceDeploymentStatusStopped || !strings.HasSuffix(d.TaskDefinition, "app:2") || d.Reason != "tasks failed to start" || d.Failed != 3 {
				t.Errorf("%+v", d)
			}
			if calls > 4 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// Each end of a service deployment has its own error; none of them is silent.
func TestDeploymentEnds(t *testing.T) {
	t.Parallel()
	for _, status := range types.ServiceDeploymentStatus("").Values() {
		d := &Deployment{Status: status, Desired: 2, Running: 1, Failed: 1, Threshold: 3}
		var want string
		switch status {
		case types.ServiceDeploymentStatusSuccessful:
			want = "done <nil> "
		case types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackFailed:
			want = "done the deployment failed and was not restored "
		case types.ServiceDeploymentStatusRollbackSuccessful:
			want = "done the deployment failed and was rolled back "
		case types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackRequested:
			want = "under way <nil> failed, rolling back: "
		default:
			want = "under way <nil> 1 of 2 new tasks running, 1 failed, at 3 it is given up"
		}
		if got := fmt.Sprint(map[bool]string{true: "done ", false: "under way "}[d.Done()], d.Err(), " ", d.Missing()); got != want {
			t.Errorf("%s: %q want %q", status, got, want)
		}
	}
}
