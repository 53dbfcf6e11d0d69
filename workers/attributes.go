package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"drover/workflows/step"
)

// SearchAttributes lists what runs are indexed by, all of type Keyword.
func SearchAttributes() []string {
	return []string{step.PhaseAttribute.GetName(), step.SiteAttribute.GetName(), step.RunbookAttribute.GetName()}
}

// SearchAttributeTypes gives each search attribute's type, in the words of
// Temporal's command line.
func SearchAttributeTypes() map[string]string {
	types := map[string]string{}
	for _, name := range SearchAttributes() {
		types[name] = enums.INDEXED_VALUE_TYPE_KEYWORD.String()
	}
	return types
}

// registerSearchAttributes makes sure that the server knows the attributes
// before a workflow writes one: an unknown one fails every workflow task.
func registerSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil || len(missing) == 0 {
		return err
	}
	types := map[string]enums.IndexedValueType{}
	for _, name := range missing {
		types[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		SearchAttributes: types, Namespace: namespace,
	})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("register search attributes %v: %w (an administrator can add them: temporal operator search-attribute create --type Keyword --name NAME)", missing, err)
	}
	return awaitAttributes(ctx, c, namespace)
}

// awaitAttributes waits until the server has taken them in, about a second.
func awaitAttributes(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		missing, err := missingAttributes(ctx, c, namespace)
		if err == nil && len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("search attributes %v were registered and are still unknown to the server: %w", missing, errors.Join(err, ctx.Err()))
		case <-t.C:
		}
	}
}

func missingAttributes(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	resp, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list search attributes: %w", err)
	}
	var missing []string
	for _, name := range SearchAttributes() {
		if _, ok := resp.GetCustomAttributes()[name]; !ok {
			missing = append(missing, name)
		}
	}
	return missing, nil
}
