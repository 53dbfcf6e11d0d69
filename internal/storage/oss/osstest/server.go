// Package osstest is a stand-in for Alibaba Cloud's object store, for tests: it
// speaks the store's own protocol as its documentation and its client library
// have it, in memory. It is not the store: what the real one does beyond the
// calls below, or otherwise, no test against this package shows.
//
// It checks every request's signature (version 1: HMAC-SHA1 over verb,
// Content-MD5, Content-Type, Date, x-oss- headers and resource) and serves
// PutObject, GetObject, HeadObject, DeleteObject, DeleteMultipleObjects,
// CopyObject, ListObjectsV2 and the calls of multipart uploads, with the CRC64
// (ECMA) of what it received, and errors as XML with a RequestId.
package osstest

import (
	"crypto/md5" //nolint:gosec // what an ETag is made of
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a server is started with.
const (
	KeyID  = "drover"
	Secret = "drover-secret"
	Bucket = "mirror"
)

var ecma = crc64.MakeTable(crc64.ECMA)

// Server is one bucket.
type Server struct {
	URL string

	mu       sync.Mutex
	objects  map[string]object
	uploads  map[string]*upload
	requests int
	faults   []Fault
}

type object struct {
	data     []byte
	etag     string
	modified time.Time
	noCRC    bool // an object made by a copy may have none
}

type upload struct {
	key   string
	parts map[int]object
}

// Fault hits the next request that is of Method and whose key has Suffix: it is
// answered with Status, or served with what the other fields say.
type Fault struct {
	Method, Suffix string
	Status         int
	// WithoutCRC leaves the CRC64 out of the answer; Spoiled turns a bit of the
	// data that is stored, or sent.
	WithoutCRC, Spoiled bool
}

// Start runs a server for the length of the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{objects: map[string]object{}, uploads: map[string]*upload{}}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, f := range s.faults {
			t.Errorf("fault %+v met nothing", f)
		}
	})
	s.URL = h.URL
	return s
}

// Fail scripts faults. One that meets no request fails the test.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Uploads counts the multipart uploads that were neither completed nor aborted.
func (s *Server) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// request is one that is being served; its server is locked.
type request struct {
	*Server
	out   http.ResponseWriter
	in    *http.Request
	query url.Values
	key   string
	body  []byte
	fault Fault
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	r := &request{Server: s, out: w, in: in, query: in.URL.Query(), body: body}
	w.Header().Set("x-oss-request-id", fmt.Sprintf("%024X", s.requests))
	bucket, key, _ := strings.Cut(strings.TrimPrefix(in.URL.Path, "/"), "/")
	r.key = key
	switch {
	case !r.signed():
		return
	case bucket != Bucket:
		r.fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist.")
		return
	}
	r.fault = s.take(in.Method, key)
	if r.fault.Status > 0 {
		r.fail(r.fault.Status, "InternalError", "Please contact the server administrator.")
		return
	}
	if sum := in.Header.Get("Content-Md5"); sum != "" && sum != md5Of(body) {
		r.fail(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		return
	}
	r.route()
}

// take returns the fault that hits a request.
func (s *Server) take(method, key string) Fault {
	for i, f := range s.faults {
		if f.Method == method && strings.HasSuffix(key, f.Suffix) {
			s.faults = append(s.faults[:i], s.faults[i+1:]...)
			return f
		}
	}
	return Fault{}
}

func (r *request) route() {
	id, number := r.query.Get("uploadId"), r.query.Get("partNumber")
	has := r.query.Has
	switch m := r.in.Method; {
	case m == http.MethodGet && r.key == "":
		r.list()
	case m == http.MethodPost && has("delete"):
		r.deleteMany()
	case m == http.MethodPost && has("uploads"):
		r.initiate()
	case m == http.MethodPost && id != "":
		r.complete(id)
	case m == http.MethodPut && id != "":
		r.part(id, number)
	case m == http.MethodDelete && id != "":
		r.abort(id)
	case m == http.MethodPut && r.in.Header.Get("X-Oss-Copy-Source") != "":
		r.copy()
	case m == http.MethodPut:
		r.put()
	case m == http.MethodDelete:
		delete(r.objects, r.key)
		r.out.WriteHeader(http.StatusNoContent)
	case m == http.MethodGet, m == http.MethodHead:
		r.get()
	default:
		r.fail(http.StatusNotImplemented, "NotImplemented", m+" with these parameters is not served here.")
	}
}

// fail answers with an error: in the body, and to HEAD in a header.
func (r *request) fail(status int, code, message string) {
	text, err := xml.Marshal(struct {
		XMLName                          xml.Name `xml:"Error"`
		Code, Message, RequestId, HostId string   //nolint:revive,staticcheck // names of the wire
	}{Code: code, Message: message, RequestId: r.out.Header().Get("x-oss-request-id"), HostId: r.in.Host})
	if err != nil {
		panic(err) // the type is ours
	}
	if r.in.Method == http.MethodHead {
		r.out.Header().Set("x-oss-err", base64.StdEncoding.EncodeToString(text))
		r.out.WriteHeader(status)
		return
	}
	r.out.Header().Set("Content-Type", "application/xml")
	r.out.WriteHeader(status)
	_, _ = r.out.Write(text) // the client went away
}

// answer sends a value as XML.
func (r *request) answer(v any) {
	text, err := xml.Marshal(v)
	if err != nil {
		panic(err) // the types are ours
	}
	r.out.Header().Set("Content-Type", "application/xml")
	_, _ = r.out.Write(append([]byte(xml.Header), text...)) // the client went away
}

// crc sets the header with an object's CRC64.
func (r *request) crc(o object) {
	if !r.fault.WithoutCRC && !o.noCRC {
		r.out.Header().Set("x-oss-hash-crc64ecma", strconv.FormatUint(crc64.Checksum(o.data, ecma), 10))
	}
}

func md5Of(data []byte) string {
	sum := md5.Sum(data) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// made is an object of data, as the fault wants it.
func (r *request) made(data []byte) object {
	sum := md5.Sum(data) //nolint:gosec // see above
	return object{data: r.spoiled(data), etag: `"` + strings.ToUpper(hex.EncodeToString(sum[:])) + `"`, modified: time.Now()}
}

func (r *request) spoiled(data []byte) []byte {
	if !r.fault.Spoiled || len(data) == 0 {
		return data
	}
	return append([]byte{data[0] ^ 1}, data[1:]...)
}
