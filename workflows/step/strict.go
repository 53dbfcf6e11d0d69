package step

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/converter"
)

// maxText bounds what a person says, in bytes: it travels in the state.
const maxText = 1000

// decodeStrict reads one JSON object with known fields only. The payload is
// taken raw because the SDK drops a signal it cannot decode without a word,
// and answers an update it cannot decode in its own words.
func decodeStrict(raw converter.RawValue, example string, into any) error {
	data := payloadData(raw)
	if len(bytes.TrimSpace(data)) == 0 {
		return fmt.Errorf("no input: send one JSON object like %s", example)
	}
	if err := decodeKnown(data, into); err != nil {
		return fmt.Errorf("%w; send one JSON object like %s", err, example)
	}
	return nil
}

// text checks a required string and trims it.
func text(name string, value *string, missing string) (string, error) {
	if value == nil || strings.TrimSpace(*value) == "" {
		return "", fmt.Errorf("field %q is missing or empty: %s", name, missing)
	}
	if len(*value) > maxText {
		return "", fmt.Errorf("field %q is %d bytes long, at most %d are kept: say it shorter", name, len(*value), maxText)
	}
	return strings.TrimSpace(*value), nil
}

func parseDecision(raw converter.RawValue, example string) (Decision, error) {
	var given struct {
		Gate     *string `json:"gate"`
		Digest   *string `json:"digest"`
		By       *string `json:"by"`
		Reason   *string `json:"reason"`
		Approved *bool   `json:"approved"`
		Choice   string  `json:"choice"`
	}
	if err := decodeStrict(raw, example, &given); err != nil {
		return Decision{}, fmt.Errorf("decision refused: %w", err)
	}
	var errs [5]error
	var d Decision
	d.Gate, errs[0] = text("gate", given.Gate, "name the gate you decide")
	d.Digest, errs[1] = text("digest", given.Digest, "copy it from the evidence you have read in the status")
	d.By, errs[2] = text("by", given.By, "say who decides")
	d.Reason, errs[3] = text("reason", given.Reason, "say why")
	if given.Approved == nil {
		errs[4] = errors.New(`field "approved" is missing: say true or false`)
	} else {
		d.Approved = *given.Approved
	}
	d.Choice = strings.TrimSpace(given.Choice)
	for _, err := range errs {
		if err != nil {
			return Decision{}, fmt.Errorf("decision refused: %w", err)
		}
	}
	return d, nil
}

func parseOrder(raw converter.RawValue) (Order, error) {
	var given struct {
		By     *string `json:"by"`
		Reason *string `json:"reason"`
	}
	if err := decodeStrict(raw, `{"by":"NAME","reason":"WHY"}`, &given); err != nil {
		return Order{}, err
	}
	by, err := text("by", given.By, "say who asks")
	if err != nil {
		return Order{}, err
	}
	reason, err := text("reason", given.Reason, "say why")
	if err != nil {
		return Order{}, err
	}
	return Order{By: by, Reason: reason}, nil
}

// payloadData is the JSON of a payload, nil when there is none. The encoding
// is not looked at beyond "no value": whatever is not JSON is refused later.
func payloadData(raw converter.RawValue) []byte {
	p := raw.Payload()
	if p == nil || string(p.GetMetadata()[converter.MetadataEncoding]) == converter.MetadataEncodingNil {
		return nil
	}
	return p.GetData()
}
