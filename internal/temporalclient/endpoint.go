package temporalclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/fault"
)

// ErrNoService says that nothing names a Temporal service and none of drover's
// own runs.
var ErrNoService = errors.New("no Temporal service is known: start one with \"drover dev\" in another terminal, or set TEMPORAL_ADDRESS")

// Endpoint is the service that was chosen.
type Endpoint struct {
	Address   string `json:"address"`
	Namespace string `json:"namespace"`
	// UI is the web UI's address without a final slash, "" when unknown.
	UI string `json:"ui,omitempty"`
	// From says what named the service, for messages.
	From string `json:"from"`
}

// RunLink is the page of one run, "" when no UI is known. runID may be empty.
func (e Endpoint) RunLink(workflowID, runID string) string {
	if e.UI == "" {
		return ""
	}
	link := fmt.Sprintf("%s/namespaces/%s/workflows/%s", e.UI, url.PathEscape(e.Namespace), url.PathEscape(workflowID))
	if runID != "" {
		link += "/" + url.PathEscape(runID) + "/history"
	}
	return link
}

// StartLink is the form that starts a workflow type by hand, "" when no UI is
// known. The UI fills in the input of the latest run of that type.
func (e Endpoint) StartLink(workflowType, taskQueue string) string {
	if e.UI == "" {
		return ""
	}
	query := url.Values{"workflowType": {workflowType}, "taskQueue": {taskQueue}}
	return fmt.Sprintf("%s/namespaces/%s/workflows/start-workflow?%s", e.UI, url.PathEscape(e.Namespace), query.Encode())
}

// Resolve decides which service is meant, by the rule of embedded.Named: the
// environment wins over the configuration, and both over the embedded server,
// which is found where it runs but not started.
func Resolve(ctx context.Context, cfg config.Temporal, server embedded.Options) (client.Options, Endpoint, error) {
	service, named := embedded.Named(os.Getenv, embedded.Wish{Address: cfg.Address, Profile: cfg.Profile})
	endpoint := Endpoint{UI: strings.TrimRight(cfg.UI, "/")}
	if !named {
		found, err := embedded.Find(ctx, server)
		if errors.Is(err, embedded.ErrNotRunning) {
			return client.Options{}, Endpoint{}, fault.As(fault.Unavailable, ErrNoService)
		}
		if err != nil {
			return client.Options{}, Endpoint{}, fault.As(fault.Unavailable, err)
		}
		service = embedded.Service{Source: embedded.FromEmbedded, Address: found.GRPC}
		endpoint.UI = cmp.Or(endpoint.UI, found.UI)
	}
	profile, err := loadProfile(cfg, service)
	if err != nil {
		return client.Options{}, Endpoint{}, fault.As(fault.InvalidInput, err)
	}
	endpoint.From = string(service.Source)
	endpoint.Address = cmp.Or(profile.Address, client.DefaultHostPort)
	endpoint.Namespace = cmp.Or(profile.Namespace, client.DefaultNamespace)
	if _, _, err := net.SplitHostPort(endpoint.Address); err != nil {
		return client.Options{}, Endpoint{}, fault.As(fault.InvalidInput,
			fmt.Errorf("temporal address %q from %s: write host:port", endpoint.Address, endpoint.From))
	}
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return client.Options{}, Endpoint{}, fault.As(fault.InvalidInput, fmt.Errorf("temporal settings from %s: %w", endpoint.From, err))
	}
	options.HostPort, options.Namespace = endpoint.Address, endpoint.Namespace
	return options, endpoint, nil
}

// loadProfile merges Temporal's own settings with drover's. Its own file is
// read only when somebody named it or a profile in it; TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY and the TLS variables count always.
func loadProfile(cfg config.Temporal, service embedded.Service) (envconfig.ClientConfigProfile, error) {
	byFile := service.Profile != "" || service.Source == embedded.FromConfigFile
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		ConfigFileProfile: service.Profile, DisableFile: !byFile,
	})
	if err != nil {
		return profile, fmt.Errorf("read Temporal's own settings (from %s): %w", service.Source, err)
	}
	profile.Address = cmp.Or(service.Address, profile.Address)
	profile.Namespace = cmp.Or(os.Getenv("TEMPORAL_NAMESPACE"), cfg.Namespace, profile.Namespace)
	if !cfg.APIKey.IsZero() && profile.APIKey == "" {
		key, err := cfg.APIKey.Resolve()
		if err != nil {
			return profile, fmt.Errorf("temporal.apiKey: %w", err)
		}
		profile.APIKey = key.Reveal()
	}
	return profile, nil
}
