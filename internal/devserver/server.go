package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// clusterName is what the server calls itself; the official tool says the same.
const clusterName = "active"

// server is a running Temporal server with its UI.
type server struct {
	opts     options
	temporal temporal.Server
	ui       *uiserver.Server // nil when headless
	uiFailed chan error
}

// start returns once the server takes calls.
func start(o options) (*server, error) {
	conf, err := serverConfig(o)
	if err != nil {
		return nil, err
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: o.LogLevel, Format: o.LogFormat}))
	authorizer, err := authorization.GetAuthorizerFromConfig(&conf.Global.Authorization)
	if err != nil {
		return nil, fmt.Errorf("create authorizer: %w", err)
	}
	claims, err := authorization.GetClaimMapperFromConfig(&conf.Global.Authorization, logger)
	if err != nil {
		return nil, fmt.Errorf("create claim mapper: %w", err)
	}
	srv, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(conf)),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }),
		temporal.WithDynamicConfigClient(o.DynamicConfig),
	)
	if err != nil {
		return nil, fmt.Errorf("create server: %w", err)
	}
	if err := srv.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	return &server{opts: o, temporal: srv, uiFailed: make(chan error, 1)}, nil
}

// startUI starts the web UI unless it is not wanted. A failure arrives later,
// on uiFailed.
func (s *server) startUI() {
	if s.opts.Headless {
		return
	}
	s.ui = uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                s.opts.IP,
		Port:                s.opts.UIPort,
		TemporalGRPCAddress: hostPort(s.opts.IP, s.opts.Port),
		EnableUI:            true,
		DisableNewsFetch:    true, // no call leaves this machine
		HideLogs:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
	}))
	go func() {
		if err := s.ui.Start(); err != nil {
			s.uiFailed <- fmt.Errorf("serve UI: %w", err)
		}
	}()
}

func (s *server) stop() error {
	if s.ui != nil {
		s.ui.Stop()
	}
	if err := s.temporal.Stop(); err != nil {
		return fmt.Errorf("stop server: %w", err)
	}
	return nil
}

func hosts(conf *config.Config) map[primitives.ServiceName]static.Hosts {
	all := map[primitives.ServiceName]static.Hosts{}
	for name, svc := range conf.Services {
		all[primitives.ServiceName(name)] = static.SingleLocalHost(hostPort(svc.RPC.BindOnIP, svc.RPC.GRPCPort))
	}
	return all
}

// serve starts a server that knows the wanted search attributes, and its UI.
//
// A new database gets them with its namespaces. In an older one they are added
// by the running server, whose services then take seconds to notice, each on
// its own; meanwhile a start that uses one is refused and an upsert fails its
// workflow task. So that server is replaced by one that reads them as it
// starts. The UI starts last: where it answers, everything else is ready.
func serve(ctx context.Context, o options) (*server, error) {
	s, err := start(o)
	if err != nil {
		return nil, err
	}
	added, err := s.registerSearchAttributes(ctx)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if added {
		if err := s.stop(); err != nil {
			return nil, err
		}
		if s, err = start(o); err != nil {
			return nil, err
		}
	}
	s.startUI()
	return s, nil
}

// registerSearchAttributes adds what the namespaces lack and says whether that
// was anything.
func (s *server) registerSearchAttributes(ctx context.Context) (added bool, err error) {
	if len(s.opts.SearchAttributes) == 0 {
		return false, nil
	}
	conn, err := grpc.NewClient(hostPort(s.opts.IP, s.opts.Port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return false, fmt.Errorf("register search attributes: %w", err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	operator := operatorservice.NewOperatorServiceClient(conn)
	for _, ns := range s.opts.Namespaces {
		known, err := operator.ListSearchAttributes(ctx,
			&operatorservice.ListSearchAttributesRequest{Namespace: ns}, grpc.WaitForReady(true))
		if err != nil {
			return false, fmt.Errorf("list search attributes of namespace %s: %w", ns, err)
		}
		missing := map[string]enumspb.IndexedValueType{}
		for name, kind := range s.opts.SearchAttributes {
			if have, ok := known.GetCustomAttributes()[name]; !ok {
				missing[name] = kind
			} else if have != kind {
				return false, fmt.Errorf("search attribute %s of namespace %s is %s, want %s", name, ns, have, kind)
			}
		}
		if len(missing) == 0 {
			continue
		}
		if _, err := operator.AddSearchAttributes(ctx,
			&operatorservice.AddSearchAttributesRequest{Namespace: ns, SearchAttributes: missing}); err != nil {
			return false, fmt.Errorf("register search attributes in namespace %s: %w", ns, err)
		}
		added = true
	}
	return added, nil
}
