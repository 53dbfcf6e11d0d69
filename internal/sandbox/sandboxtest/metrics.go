package sandboxtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"drover/internal/hadoop/namenode"
)

// AwaitDataNode asks the first DataNode for what it counted since it was started
// (DataNodeActivity of its JMX, which is up to ten seconds old), until the answer
// is yes, and returns the numbers then.
func (h *HDFS) AwaitDataNode(what string, enough func(counted map[string]float64) bool) map[string]float64 {
	h.t.Helper()
	var counted map[string]float64
	h.Await(what, func(ctx context.Context, _ *namenode.Client) (bool, error) {
		var err error
		counted, err = h.dataNodeActivity(ctx)
		return err == nil && enough(counted), err
	})
	return counted
}

func (h *HDFS) dataNodeActivity(ctx context.Context) (map[string]float64, error) {
	at := "http://" + h.port("dfs.datanode.http.address."+DataNode) + "/jmx?qry=" + url.QueryEscape("Hadoop:service=DataNode,name=DataNodeActivity-*")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var answer struct{ Beans []map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Beans) != 1 {
		return nil, fmt.Errorf("%s: status %s, %d beans: %w", at, resp.Status, len(answer.Beans), err)
	}
	counted := map[string]float64{}
	for name, value := range answer.Beans[0] {
		if n, ok := value.(float64); ok {
			counted[name] = n
		}
	}
	return counted, nil
}
