package step

import (
	"encoding/json"

	"drover/internal/strictjson"
)

// The functions of this file are the only ones of the package that read or
// write JSON. workflowcheck follows encoding/json through reflection into the
// runtime and finds channels there; the result depends on the argument alone
// (encoding/json sorts the keys of maps).

//workflowcheck:ignore
func encode(value any) (json.RawMessage, error) { return json.Marshal(value) }

//workflowcheck:ignore
func decode(data []byte, into any) error { return json.Unmarshal(data, into) }

//workflowcheck:ignore
func decodeKnown(data []byte, into any) error { return strictjson.Unmarshal(data, into) }
