package rows

import (
	"fmt"

	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/pb"
	"google.golang.org/protobuf/proto"
)

func cellsOf(m proto.Message) ([]Cell, error) {
	resp, ok := m.(*pb.GetResponse)
	if !ok {
		return nil, fmt.Errorf("gohbase answered a get with %T", m)
	}
	res := hrpc.ToLocalResult(resp.GetResult())
	out := make([]Cell, len(res.Cells))
	for i, c := range res.Cells {
		out[i] = Cell{Family: string(c.Family), Qualifier: string(c.Qualifier), Timestamp: (*pb.Cell)(c).GetTimestamp(), Value: c.Value}
	}
	return out, nil
}

func (c Cell) String() string {
	return fmt.Sprintf("%s:%s@%d (%d bytes)", c.Family, c.Qualifier, c.Timestamp, len(c.Value))
}
