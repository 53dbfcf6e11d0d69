package osstest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm of signature version 1
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// subresources are the parameters that are signed, of those that are served.
var subresources = []string{"append", "continuation-token", "delete", "partNumber", "position", "uploadId", "uploads"}

// skew is how far a request's date may be off.
const skew = 15 * time.Minute

// signed checks the signature and answers when it is not good.
func (r *request) signed() bool {
	id, signature, ok := strings.Cut(strings.TrimPrefix(r.in.Header.Get("Authorization"), "OSS "), ":")
	when, err := http.ParseTime(r.in.Header.Get("Date"))
	switch {
	case !ok:
		r.fail(http.StatusForbidden, "AccessDenied", "You have no right to access this object because of bucket acl.")
	case id != KeyID:
		r.fail(http.StatusForbidden, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
	case err != nil || time.Since(when).Abs() > skew:
		r.fail(http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	case signature != r.signature():
		r.fail(http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	default:
		return true
	}
	return false
}

func (r *request) signature() string {
	names := map[string]string{}
	for name, values := range r.in.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-oss-") {
			names[name] = values[0]
		}
	}
	ours := ""
	for _, name := range slices.Sorted(maps.Keys(names)) {
		ours += name + ":" + names[name] + "\n"
	}
	var params []string
	for name, values := range r.query {
		if !slices.Contains(subresources, name) {
			continue
		}
		if values[0] != "" {
			name += "=" + values[0]
		}
		params = append(params, name)
	}
	slices.Sort(params)
	resource := r.in.URL.Path
	if len(params) > 0 {
		resource += "?" + strings.Join(params, "&")
	}
	mac := hmac.New(sha1.New, []byte(Secret))
	mac.Write([]byte(strings.Join([]string{
		r.in.Method, r.in.Header.Get("Content-Md5"), r.in.Header.Get("Content-Type"), r.in.Header.Get("Date"), ours + resource,
	}, "\n")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
