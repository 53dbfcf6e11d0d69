package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
)

// fakeServer is a region server that speaks the scan protocol over a list of
// cells. It cuts answers wherever chance has it, as a real one may: partial
// rows, single cells, heartbeats. Between calls it may split, merge and lose
// scanners, and it refuses calls out of order.
type fakeServer struct {
	mu       sync.Mutex
	chance   *rand.Rand
	cells    [][]byte // with length prefix, in order
	keys     [][]byte // row of each cell
	regions  []hbase.Region
	scanners map[uint64]*fakeScanner
	nextID   uint64
	faults   int // how many more calls may go wrong
	audit    map[string]int
}

type fakeScanner struct {
	region   string
	at, stop int // of cells
	seq      uint64
}

func newFakeServer(seed uint64, rows, faults int) *fakeServer {
	s := &fakeServer{
		chance: rand.New(rand.NewPCG(seed, 1)), scanners: map[uint64]*fakeScanner{}, faults: faults, audit: map[string]int{},
	}
	for i := range rows {
		row := fmt.Appendf(nil, "row%04d", i)
		for v := range 1 + s.chance.IntN(6) {
			value := bytes.Repeat([]byte{byte(v)}, s.chance.IntN(30))
			s.cells = append(s.cells, AppendCell(nil, row, []byte("f"), []byte("q"), uint64(100-v), hbase.TypePut, value))
			s.keys = append(s.keys, row)
		}
	}
	s.border(nil, []byte("row0003"), []byte("row0010"), []byte("row0011"), nil)
	return s
}

// stream is what a scan of everything must yield.
func (s *fakeServer) stream() []byte { return bytes.Join(s.cells, nil) }

func (s *fakeServer) border(keys ...[]byte) {
	s.regions = nil
	for i := range len(keys) - 1 {
		s.nextID++
		name := fmt.Appendf(nil, "t,%s,%d.", keys[i], s.nextID)
		s.regions = append(s.regions, hbase.Region{Name: name, Start: keys[i], End: keys[i+1], Server: "server:1"})
	}
}

func (s *fakeServer) Regions(context.Context) ([]hbase.Region, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := append([]hbase.Region(nil), s.regions...)
	if s.goWrong("regions in transition") {
		out = append(out[:0], out[1:]...)
	}
	return out, nil
}

func (s *fakeServer) Client(context.Context, string) (Caller, error) { return s, nil }

// goWrong decides whether something does, while there are faults left.
func (s *fakeServer) goWrong(what string) bool {
	if s.faults == 0 || s.chance.IntN(4) > 0 {
		return false
	}
	s.faults--
	s.audit[what]++
	return true
}

func (s *fakeServer) Call(ctx context.Context, method string, req, resp proto.Message) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, out := req.(*hbasepb.ScanRequest), resp.(*hbasepb.ScanResponse)
	if in.GetCloseScanner() {
		delete(s.scanners, in.GetScannerId())
		return nil, nil
	}
	if s.goWrong("regions changed") {
		cut := fmt.Appendf(nil, "row%04d", s.chance.IntN(12)+1)
		s.border(nil, cut, nil)
	}
	id := in.GetScannerId()
	if in.Region != nil {
		var err error
		if id, err = s.open(in); err != nil {
			return nil, err
		}
	}
	sc := s.scanners[id]
	if sc == nil || s.goWrong("scanner lost") {
		delete(s.scanners, id)
		return nil, remote("UnknownScannerException", true)
	}
	if !s.serves(sc.region) {
		delete(s.scanners, id)
		return nil, remote("NotServingRegionException", false)
	}
	if in.GetNextCallSeq() != sc.seq {
		return nil, remote("OutOfOrderScannerNextException", true)
	}
	sc.seq++
	cells := s.answer(id, sc, out)
	if s.goWrong("answer lost") {
		return nil, &hbase.ConnError{Server: "server:1", Method: method, Err: errors.New("reset")}
	}
	return cells, nil
}

func (s *fakeServer) open(in *hbasepb.ScanRequest) (uint64, error) {
	name := string(in.GetRegion().GetValue())
	if !s.serves(name) {
		return 0, remote("NotServingRegionException", false)
	}
	sc := &fakeScanner{region: name, stop: len(s.keys)}
	for i := len(s.keys) - 1; i >= 0; i-- {
		if stop := in.GetScan().GetStopRow(); len(stop) > 0 && bytes.Compare(s.keys[i], stop) >= 0 {
			sc.stop = i
		}
	}
	for sc.at < sc.stop && bytes.Compare(s.keys[sc.at], in.GetScan().GetStartRow()) < 0 {
		sc.at++
	}
	s.nextID++
	s.scanners[s.nextID] = sc
	return s.nextID, nil
}

func (s *fakeServer) serves(name string) bool {
	for _, r := range s.regions {
		if string(r.Name) == name {
			return true
		}
	}
	return false
}

// answer cuts the next cells into results: each holds cells of one row, and a
// row may be spread over several results and answers.
func (s *fakeServer) answer(id uint64, sc *fakeScanner, out *hbasepb.ScanResponse) []byte {
	out.ScannerId = proto.Uint64(id)
	out.MoreResults = proto.Bool(true)
	var cells []byte
	for range s.chance.IntN(8) {
		if sc.at == sc.stop {
			break
		}
		n := uint32(0)
		for first := sc.at; sc.at < sc.stop && bytes.Equal(s.keys[sc.at], s.keys[first]) && s.chance.IntN(5) > 0; sc.at++ {
			cells = append(cells, s.cells[sc.at]...)
			n++
		}
		if n > 0 {
			out.CellsPerResult = append(out.CellsPerResult, n)
		}
	}
	out.HeartbeatMessage = proto.Bool(len(cells) == 0)
	if len(cells) > 0 {
		s.audit["answered"]++
	}
	more := sc.at < sc.stop || s.chance.IntN(2) > 0
	out.MoreResultsInRegion = proto.Bool(more)
	if !more {
		delete(s.scanners, id)
	}
	return cells
}

// Recycle spoils the cells: whoever looks at them after their release is found out.
func (s *fakeServer) Recycle(cells []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audit["recycled"]++
	for i := range cells {
		cells[i] = 0xff
	}
}

func remote(class string, doNotRetry bool) error {
	return &hbase.RemoteError{Class: "org.apache.hadoop.hbase." + class, Method: "Scan", Server: "server:1", DoNotRetry: doNotRetry}
}
