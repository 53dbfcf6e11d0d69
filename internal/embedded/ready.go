package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// errDied says that the server's process ended before it answered.
var errDied = errors.New("the server ended before it answered")

// waitReady returns when gRPC, HTTP API and UI answer and the wanted search
// attributes can be used, or with the reason why not in time.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	quick := backoff.Config{BaseDelay: pollEvery, Multiplier: 1.5, Jitter: 0.1, MaxDelay: time.Second}
	conn, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		// The default waits a second after the first refusal, three times as long
		// as the server takes to start.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: time.Second}))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.GRPC, err)
	}
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := s.probe(ctx, conn)
		if err == nil {
			return nil
		}
		running, runErr := s.running()
		if runErr != nil {
			return runErr
		}
		if !running {
			return errDied
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Temporal server %d: %w: last answer: %w", s.PID, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (s *Server) probe(ctx context.Context, conn *grpc.ClientConn) error {
	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: "temporal.api.workflowservice.v1.WorkflowService"})
	if err != nil {
		return err
	}
	if health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("gRPC at %s is %s", s.GRPC, health.GetStatus())
	}
	body, err := get(ctx, s.HTTP+"/api/v1/namespaces/default/search-attributes")
	if err != nil {
		return err
	}
	var known struct{ CustomAttributes map[string]string }
	if err := json.Unmarshal(body, &known); err != nil {
		return fmt.Errorf("decode search attributes: %w", err)
	}
	for name := range s.opts.SearchAttributes {
		if _, ok := known.CustomAttributes[name]; !ok && !s.Found {
			return fmt.Errorf("search attribute %s is not registered yet", name)
		}
	}
	_, err = get(ctx, s.UI)
	return err
}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s: %s", url, resp.Status, strings.TrimSpace(string(body[:min(len(body), 200)])))
	}
	return body, nil
}
