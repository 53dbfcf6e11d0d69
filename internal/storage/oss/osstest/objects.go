package osstest

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *request) put() {
	o := r.made(r.body)
	r.objects[r.key] = o
	r.out.Header().Set("ETag", o.etag)
	r.crc(o)
	r.out.WriteHeader(http.StatusOK)
}

func (r *request) get() {
	o, ok := r.objects[r.key]
	if !ok {
		r.fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	h := r.out.Header()
	h.Set("ETag", o.etag)
	h.Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.Itoa(len(o.data)))
	h.Set("x-oss-object-type", "Normal")
	r.crc(o)
	r.out.WriteHeader(http.StatusOK)
	if r.in.Method == http.MethodGet {
		_, _ = r.out.Write(r.spoiled(o.data)) // the client went away
	}
}

// source returns the object a copy is of.
func (r *request) source() (object, bool) {
	name, err := url.QueryUnescape(r.in.Header.Get("X-Oss-Copy-Source"))
	o, ok := r.objects[strings.TrimPrefix(name, "/"+Bucket+"/")]
	if err != nil || !ok {
		r.fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return object{}, false
	}
	if want := r.in.Header.Get("X-Oss-Copy-Source-If-Match"); want != "" && strings.Trim(want, `"`) != strings.Trim(o.etag, `"`) {
		r.fail(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
		return object{}, false
	}
	return o, true
}

type copied struct {
	XMLName            xml.Name `xml:"CopyObjectResult"`
	LastModified, ETag string
}

func (r *request) copy() {
	o, ok := r.source()
	if !ok {
		return
	}
	o.modified, o.noCRC = time.Now(), true
	r.objects[r.key] = o
	r.answer(copied{LastModified: stamp(o.modified), ETag: o.etag})
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (r *request) deleteMany() {
	var in struct {
		Object []struct{ Key string }
	}
	if err := xml.Unmarshal(r.body, &in); err != nil || len(in.Object) > 1000 || r.in.Header.Get("Content-Md5") == "" {
		r.fail(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed, or it has too many keys, or no Content-MD5.")
		return
	}
	type deleted struct{ Key string }
	out := struct {
		XMLName      xml.Name `xml:"DeleteResult"`
		EncodingType string
		Deleted      []deleted
	}{EncodingType: "url"}
	for _, o := range in.Object {
		delete(r.objects, o.Key)
		out.Deleted = append(out.Deleted, deleted{url.QueryEscape(o.Key)})
	}
	r.answer(out)
}

type listed struct {
	Key, LastModified, ETag, Type, StorageClass string
	Size                                        int
}

type commonPrefix struct{ Prefix string }

// list is ListObjectsV2. A token is the last key or common prefix of the page
// before; with encoding-type url it is encoded like the names (the store's
// documentation of ListObjectsV2, and what the client library decodes).
func (r *request) list() {
	prefix, delimiter := r.query.Get("prefix"), r.query.Get("delimiter")
	after := max(r.query.Get("start-after"), r.query.Get("continuation-token"))
	most := 100
	if n, err := strconv.Atoi(r.query.Get("max-keys")); err == nil {
		most = n
	}
	if r.query.Get("list-type") != "2" || most < 1 || most > 1000 {
		r.fail(http.StatusBadRequest, "InvalidArgument", "list-type must be 2 and max-keys between 1 and 1000.")
		return
	}
	out := struct {
		XMLName                                           xml.Name `xml:"ListBucketResult"`
		Name, Prefix, EncodingType, NextContinuationToken string
		KeyCount                                          int
		IsTruncated                                       bool
		Contents                                          []listed
		CommonPrefixes                                    []commonPrefix
	}{Name: Bucket, Prefix: url.QueryEscape(prefix), EncodingType: "url"}
	last := ""
	for _, key := range slices.Sorted(maps.Keys(r.objects)) {
		name := key
		if i := strings.Index(key[min(len(prefix), len(key)):], delimiter); delimiter != "" && i >= 0 {
			name = key[:len(prefix)+i+len(delimiter)]
		}
		if !strings.HasPrefix(key, prefix) || name <= after || name == last {
			continue
		}
		if out.KeyCount == most {
			out.IsTruncated, out.NextContinuationToken = true, url.QueryEscape(last)
			break
		}
		last = name
		out.KeyCount++
		if o := r.objects[key]; name == key {
			out.Contents = append(out.Contents, listed{Key: url.QueryEscape(key), LastModified: stamp(o.modified), ETag: o.etag, Type: "Normal", StorageClass: "Standard", Size: len(o.data)})
			continue
		}
		out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{url.QueryEscape(name)})
	}
	r.answer(out)
}

func (r *request) initiate() {
	id := fmt.Sprintf("%032X", r.requests)
	r.uploads[id] = &upload{key: r.key, parts: map[int]object{}}
	r.answer(struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket, Key, UploadId string   //nolint:revive,staticcheck // names of the wire
	}{Bucket: Bucket, Key: r.key, UploadId: id})
}

// upload returns the one with an id.
func (r *request) upload(id string) (*upload, bool) {
	u, ok := r.uploads[id]
	if !ok || u.key != r.key {
		r.fail(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
		return nil, false
	}
	return u, true
}

func (r *request) part(id, number string) {
	u, ok := r.upload(id)
	if !ok {
		return
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 10_000 {
		r.fail(http.StatusBadRequest, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive.")
		return
	}
	if r.in.Header.Get("X-Oss-Copy-Source") != "" {
		r.partCopy(u, n)
		return
	}
	o := r.made(r.body)
	u.parts[n] = o
	r.out.Header().Set("ETag", o.etag)
	r.crc(o)
	r.out.WriteHeader(http.StatusOK)
}

func (r *request) partCopy(u *upload, n int) {
	o, ok := r.source()
	if !ok {
		return
	}
	var first, last int
	if _, err := fmt.Sscanf(r.in.Header.Get("X-Oss-Copy-Source-Range"), "bytes=%d-%d", &first, &last); err != nil || first > last || last >= len(o.data) {
		r.fail(http.StatusBadRequest, "InvalidArgument", "The range to copy is not within the object.")
		return
	}
	part := r.made(o.data[first : last+1])
	u.parts[n] = part
	r.answer(struct {
		XMLName            xml.Name `xml:"CopyPartResult"`
		LastModified, ETag string
	}{LastModified: stamp(part.modified), ETag: part.etag})
}

func (r *request) complete(id string) {
	u, ok := r.upload(id)
	if !ok {
		return
	}
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(r.body, &in); err != nil || len(in.Part) == 0 {
		r.fail(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed.")
		return
	}
	var data []byte
	for i, p := range in.Part {
		part, there := u.parts[p.PartNumber]
		switch {
		case !there || part.etag != p.ETag:
			r.fail(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found.")
			return
		case i > 0 && p.PartNumber <= in.Part[i-1].PartNumber:
			r.fail(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order.")
			return
		case i+1 < len(in.Part) && len(part.data) < 100<<10:
			r.fail(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.")
			return
		}
		data = append(data, part.data...)
	}
	o := r.made(data)
	o.etag = strings.TrimSuffix(o.etag, `"`) + fmt.Sprintf(`-%d"`, len(in.Part))
	r.objects[r.key] = o
	delete(r.uploads, id)
	r.crc(o)
	r.answer(struct {
		XMLName           xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket, Key, ETag string
	}{Bucket: Bucket, Key: r.key, ETag: o.etag})
}

func (r *request) abort(id string) {
	if _, ok := r.upload(id); ok {
		delete(r.uploads, id)
		r.out.WriteHeader(http.StatusNoContent)
	}
}
