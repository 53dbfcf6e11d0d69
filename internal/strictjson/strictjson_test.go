package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/strictjson"
)

type options struct {
	Fence    string `json:"fence,omitempty"`
	Parallel int    `json:"parallel,omitempty"`
}

type input struct {
	Source  string            `json:"source"`
	Tables  []string          `json:"tables"`
	Options options           `json:"options"`
	Each    []options         `json:"each"`
	Named   map[string]string `json:"named"`
	Hidden  string            `json:"-"`
}

func TestUnmarshalAcceptsWhatTheTypeHas(t *testing.T) {
	var got input
	data := `{"source":"a","tables":["t"],"options":{"parallel":3},"each":[{"fence":"disable"}],"named":{"any":"key"}}`
	if err := strictjson.Unmarshal([]byte(data), &got); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	want := input{
		Source: "a", Tables: []string{"t"}, Options: options{Parallel: 3},
		Each: []options{{Fence: "disable"}}, Named: map[string]string{"any": "key"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decode %s (-want +got):\n%s", data, diff)
	}
}

func TestUnmarshalRefusesInWords(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"nothing", "  ", "the input is empty"},
		{"an array", `[1]`, "the input is a JSON array"},
		{"a string", `"x"`, "the input is a JSON string"},
		{"null", `null`, "the input is null"},
		{"words", `hello`, "the input is not JSON"},
		{"a mistyped key", `{"tabels":[]}`, `unknown key "tabels", did you mean "tables"?`},
		{"another case", `{"Source":"a"}`, `unknown key "Source", did you mean "source"?`},
		{"a key unlike any", `{"bandwidth":1}`, "known are source, tables, options, each, named"},
		{"a nested key", `{"options":{"fense":"x"}}`, `unknown key "options.fense", did you mean "fence"?`},
		{"a key in a list", `{"each":[{},{"paralel":1}]}`, `unknown key "each[1].paralel"`},
		{"a hidden field", `{"Hidden":"x"}`, `unknown key "Hidden"`},
		{"a doubled key", `{"source":"a","source":"b"}`, `key "source" appears twice`},
		{"a wrong type", `{"tables":"t"}`, `key "tables" is a string, a list is expected`},
		{"a wrong number", `{"options":{"parallel":"x"}}`, `a whole number is expected`},
		{"two objects", `{} {}`, "text after the JSON object"},
		{"a broken second line", "{\n\"source\": }", "line 2 is not JSON"},
		{"an open object", `{"source":"a"`, "ends too early"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got input
			err := strictjson.Unmarshal([]byte(tc.data), &got)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("decode %s: got %v, want an error with %q", tc.data, err, tc.want)
			}
		})
	}
}

// FuzzUnmarshal holds that whatever Unmarshal accepts encoding/json accepts too and
// reads the same way.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`{}`, `{"source":"a"}`, `{"each":[{}]}`, `{"a":`, `[]`, "{\"named\":{\"\xff\":\"\"}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, loose input
		if strictjson.Unmarshal(data, &strict) != nil {
			return
		}
		if err := json.Unmarshal(data, &loose); err != nil {
			t.Fatalf("strict accepts %q, encoding/json says %v", data, err)
		}
		if diff := cmp.Diff(loose, strict); diff != "" {
			t.Fatalf("%q reads differently (-json +strict):\n%s", data, diff)
		}
	})
}
