// Package hbasepb holds the protobuf messages of HBase's wire protocol and
// files that Drover uses. They are cut from HBase 2.6's own definitions, which
// 2.5 understands too (unknown fields are kept on a round trip). The proto file
// is registered as hbasepb/hbase.proto, because gohbase registers HBase.proto.
package hbasepb

//go:generate protoc -I.. --go_out=. --go_opt=paths=source_relative,Mhbasepb/hbase.proto=drover/internal/hbase/hbasepb ../hbasepb/hbase.proto
