package embedded

import (
	"context"
	"fmt"
)

// Source says who named the Temporal service.
type Source string

// The sources, in the order in which they win.
const (
	FromAddress       Source = "TEMPORAL_ADDRESS"
	FromProfile       Source = "TEMPORAL_PROFILE"
	FromConfigFile    Source = "TEMPORAL_CONFIG_FILE"
	FromConfigAddress Source = "temporal.address in the configuration"
	FromConfigProfile Source = "temporal.profile in the configuration"
	FromEmbedded      Source = "the embedded server"
)

// Wish is what the operator's configuration file says about Temporal.
type Wish struct{ Address, Profile string }

// Service is the Temporal service to use.
type Service struct {
	Source Source
	// Address is host:port. It is empty when Profile or the environment names a
	// profile, which the SDK's envconfig then turns into an address and keys.
	Address string
	Profile string
	// Server is set when the service is the embedded one.
	Server *Server
}

// Resolve returns the service somebody named, in the environment before the
// configuration, or else the embedded server, which it starts.
func Resolve(ctx context.Context, getenv func(string) string, w Wish, o Options) (Service, error) {
	if svc, ok := Named(getenv, w); ok {
		return svc, nil
	}
	s, err := Start(ctx, o)
	if err != nil {
		return Service{}, fmt.Errorf("no Temporal service is named, and the embedded one fails: %w", err)
	}
	return Service{Source: FromEmbedded, Address: s.GRPC, Server: s}, nil
}

// Named returns the service that environment or configuration names. A profile
// counts only when somebody named it or its file: what the official tool's
// default file says about other work does not decide where Drover runs.
func Named(getenv func(string) string, w Wish) (Service, bool) {
	switch {
	case getenv("TEMPORAL_ADDRESS") != "":
		return Service{Source: FromAddress, Address: getenv("TEMPORAL_ADDRESS"), Profile: getenv("TEMPORAL_PROFILE")}, true
	case getenv("TEMPORAL_PROFILE") != "":
		return Service{Source: FromProfile, Profile: getenv("TEMPORAL_PROFILE")}, true
	case getenv("TEMPORAL_CONFIG_FILE") != "":
		return Service{Source: FromConfigFile}, true
	case w.Address != "":
		return Service{Source: FromConfigAddress, Address: w.Address, Profile: w.Profile}, true
	case w.Profile != "":
		return Service{Source: FromConfigProfile, Profile: w.Profile}, true
	}
	return Service{}, false
}
