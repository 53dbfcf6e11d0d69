package activities

import (
	"context"
	"fmt"

	"drover/internal/fault"
	"drover/internal/mirror/tree"
)

// Mirror holds the activities of HDFSMirror.
type Mirror struct{ sites *Sites }

// NewMirror makes the activities on the sites of a worker.
func NewMirror(sites *Sites) *Mirror { return &Mirror{sites: sites} }

// tree opens a directory at a site. Nothing is dialled here.
func (a *Mirror) tree(at TreeAt) (tree.Tree, error) {
	s, err := a.sites.fileSystem(at.Site)
	if err != nil {
		return tree.Tree{}, err
	}
	if s.nameNode == nil {
		return tree.Tree{}, fault.As(fault.InvalidInput, fmt.Errorf("site %s is no HDFS: trees are mirrored to it and not from it", at.Site))
	}
	return tree.Tree{NN: s.nameNode, Store: s.store, Root: at.Path, DataNodesByName: s.byName}, nil
}

// trees opens both sides of a mirror.
func (a *Mirror) trees(at MirrorAt) (source, target tree.Tree, err error) {
	if source, err = a.tree(TreeAt{Site: at.Source, Path: at.SourcePath}); err != nil {
		return source, target, err
	}
	target, err = a.tree(TreeAt{Site: at.Target, Path: at.TargetPath})
	return source, target, err
}

// ProbeTreeSite says that a worker of a site is there and reaches its NameNode.
func (a *Mirror) ProbeTreeSite(ctx context.Context, in TreeAt) (ProbeSiteResult, error) {
	if !a.sites.keepsSnapshots(in.Site) {
		return a.probeStore(ctx, in)
	}
	t, err := a.tree(in)
	if err != nil {
		return ProbeSiteResult{}, err
	}
	safe, err := t.NN.SafeMode(ctx)
	switch {
	case err != nil:
		return ProbeSiteResult{Problem: err.Error()}, nil //nolint:nilerr // preflight reports it
	case safe:
		return ProbeSiteResult{Problem: "its NameNode is in safe mode"}, nil
	}
	return ProbeSiteResult{}, nil
}
