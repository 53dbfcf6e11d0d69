package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/freeze"
)

// stranger is a name that no HDFS gives rights to.
const stranger = "drover-stranger"

// FreezeFound is a tree's root before it was frozen.
type FreezeFound = freeze.Found

// FreezeInput is a tree, how it is frozen, and how its root was found.
type FreezeInput struct {
	TreeAt
	// How is a way of package freeze.
	How   string      `json:"how"`
	Found FreezeFound `json:"found"`
}

// Commands are what a person types to thaw the tree.
func (in FreezeInput) Commands() string {
	return strings.Join(in.Found.Commands(in.Path, in.How), "; ")
}

// Without leaves out of what was found what a mirror does not keep.
func (in FreezeInput) Without(names []string) FreezeInput {
	if slices.Contains(names, "owner") {
		in.Found.Owner, in.Found.Group = "", ""
	}
	if slices.Contains(names, "acl") {
		in.Found.ACL = nil
	}
	return in
}

// LookAtTreeRoot reads what a freeze would change, to be put back.
func (a *Mirror) LookAtTreeRoot(ctx context.Context, in FreezeInput) (FreezeFound, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return FreezeFound{}, err
	}
	return freeze.Look(ctx, t.NN, t.Root, in.How)
}

// FreezeTree keeps writers off a tree, and proves that it does where HDFS can
// be told to look away.
func (a *Mirror) FreezeTree(ctx context.Context, in FreezeInput) (string, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return "", err
	}
	site := a.sites.cfg.Sites[in.Site].HDFS
	if err := in.Found.Freeze(ctx, t.NN, t.Root, in.How, site.User); err != nil || in.How != freeze.Permissions {
		return "", err
	}
	return asStranger(site, func(nn *namenode.Client) (string, error) { return "", freeze.ProveClosed(ctx, nn, t.Root) })
}

// asStranger asks something of a NameNode as a user without rights.
func asStranger[T any](at config.HDFS, ask func(*namenode.Client) (T, error)) (T, error) {
	nn, err := namenode.Open(namenode.Config{Addresses: at.NameNodes, User: stranger})
	if err != nil {
		var none T
		return none, err
	}
	answer, err := ask(nn)
	return answer, errors.Join(err, nn.Close())
}

// ThawTree lets writers on again.
func (a *Mirror) ThawTree(ctx context.Context, in FreezeInput) (string, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return "", err
	}
	if err := in.Found.Thaw(ctx, t.NN, t.Root, in.How); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s at %s is no longer frozen by %s", t.Root, in.Site, in.How), nil
}

// OpenTreeRoot gives the copy of a tree that was frozen by permissions the root
// that the tree had before.
func (a *Mirror) OpenTreeRoot(ctx context.Context, in FreezeInput) (string, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return "", err
	}
	return "", in.Found.Open(ctx, t.NN, t.Root)
}
