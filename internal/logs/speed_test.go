package logs_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
)

// A presser answers every request with a page of 10,000 lines, so many times.
type presser struct {
	pages, served int
	page          bytes.Buffer
}

func (p *presser) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	p.page.Reset()
	p.page.WriteString(`{"events":[`)
	for i := range 10000 {
		n := p.served*10000 + i
		if i > 0 {
			p.page.WriteByte(',')
		}
		fmt.Fprintf(&p.page, `{"eventId":"%056d","ingestionTime":%d,"logStreamName":"ecs/app/0123456789abcdef0123456789abcdef","message":"level=info msg=\"handled a request\" path=/orders/%d","timestamp":%d}`,
			n, 1_800_000_000_000+n, n, 1_800_000_000_000+n)
	}
	p.page.WriteString(`],"searchedLogStreams":[]`)
	if p.served++; p.served < p.pages {
		fmt.Fprintf(&p.page, `,"nextToken":"%d"`, p.served)
	}
	p.page.WriteByte('}')
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(&p.page), Request: r,
	}, nil
}

func (p *presser) calls() *aws.Calls {
	return aws.Connect(sdk.Config{
		Region: "us-east-1", BaseEndpoint: new("http://logs.invalid"), HTTPClient: &http.Client{Transport: p},
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
}

// Ten times as many lines need no more memory. It does not run beside other tests, whose memory it would count.
func TestMemory(t *testing.T) { //nolint:paralleltest // see above
	var early, late uint64
	shown, p := 0, &presser{pages: 60}
	err := logs.Read(t.Context(), &p.calls().Logs, logs.Query{Places: place}, func(events []logs.Event) error {
		if shown += len(events); shown%100_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if early == 0 {
				early = m.HeapAlloc
			}
			late = max(late, m.HeapAlloc)
		}
		return nil
	})
	if err != nil || shown != 600_000 {
		t.Fatal(err, shown)
	}
	t.Logf("%d MB at 100,000 lines, at most %d MB", early>>20, late>>20)
	if late > early+8<<20 || late > 64<<20 {
		t.Errorf("%d bytes at 100,000 lines, then up to %d", early, late)
	}
}

// BenchmarkRead is the whole way of a line but the network: the SDK's decoding is most of it.
func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	lines := 0
	for b.Loop() {
		p := &presser{pages: 10}
		if err := logs.Read(b.Context(), &p.calls().Logs, logs.Query{Places: place}, func(events []logs.Event) error {
			lines += len(events)
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}
