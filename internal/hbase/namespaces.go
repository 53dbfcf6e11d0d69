package hbase

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// NamespaceExists reports whether the namespace is there.
func (c *Cluster) NamespaceExists(ctx context.Context, name string) (bool, error) {
	var resp hbasepb.GetNamespaceDescriptorResponse
	err := c.call(ctx, reading, "GetNamespaceDescriptor", &hbasepb.GetNamespaceDescriptorRequest{NamespaceName: proto.String(name)}, &resp)
	if IsClass(err, "NamespaceNotFoundException") {
		return false, nil
	}
	return err == nil, failed("look up namespace", name, err)
}

// CreateNamespace creates a namespace and reports whether it did: false when
// it was there before.
func (c *Cluster) CreateNamespace(ctx context.Context, name string, n Nonce) (created bool, err error) {
	there, err := c.NamespaceExists(ctx, name)
	if err != nil || there {
		return false, err
	}
	group, nonce := n.pair()
	req := &hbasepb.CreateNamespaceRequest{
		NamespaceDescriptor: &hbasepb.NamespaceDescriptor{Name: []byte(name)}, NonceGroup: group, Nonce: nonce,
	}
	var resp hbasepb.CreateNamespaceResponse
	err = c.call(ctx, withNonce(n), "CreateNamespace", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		return c.expectNamespace(ctx, name, true)
	}
	if IsClass(err, "NamespaceExistException") {
		return false, nil
	}
	return err == nil, failed("create namespace", name, err)
}

// AwaitNamespaceSettled waits until no procedure concerns the namespace, or a
// table in it, any more (descriptor and table name both begin with it).
func (c *Cluster) AwaitNamespaceSettled(ctx context.Context, name string) error {
	field := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	return c.awaitSettled(ctx, field, "namespace "+name)
}

// DeleteNamespace removes an empty namespace; an absent one is no error.
func (c *Cluster) DeleteNamespace(ctx context.Context, name string, n Nonce) error {
	if err := c.AwaitNamespaceSettled(ctx, name); err != nil {
		return err
	}
	group, nonce := n.pair()
	req := &hbasepb.DeleteNamespaceRequest{NamespaceName: proto.String(name), NonceGroup: group, Nonce: nonce}
	var resp hbasepb.DeleteNamespaceResponse
	err := c.call(ctx, repeatable, "DeleteNamespace", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		_, err = c.expectNamespace(ctx, name, false)
		return err
	}
	if IsClass(err, "NamespaceNotFoundException") {
		return nil
	}
	return failed("delete namespace", name, err)
}

func (c *Cluster) expectNamespace(ctx context.Context, name string, want bool) (bool, error) {
	there, err := c.NamespaceExists(ctx, name)
	if err == nil && there != want {
		err = fmt.Errorf("namespace %s: exists is %t after the change, not %t", name, there, want)
	}
	return there && want, err
}
