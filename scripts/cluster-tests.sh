#!/usr/bin/env bash
# Runs every test that carries the build tag "cluster": the embedded Temporal is
# built first, then one sandbox is started for all of them and ended whatever
# happens. Arguments go to go test (for instance: -run TestExport);
# DROVER_CLUSTER_PACKAGES narrows the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=${DROVER_CLUSTER_PACKAGES:-$(grep -rl --include='*_test.go' '^//go:build cluster' . | xargs -n1 dirname | sort -u)}
if [ -z "$packages" ]; then
	echo "cluster-tests: no file carries the build tag cluster" >&2
	exit 1
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/drover-test-XXXXXX")
export DROVER_SANDBOX_DIR=$work/sandbox
drover=$work/drover

end() {
	status=$?
	trap - EXIT INT TERM
	if [ -x "$drover" ] && [ -d "$DROVER_SANDBOX_DIR" ]; then
		"$drover" sandbox down || status=1
	fi
	if [ "$status" -eq 0 ]; then
		rm -rf "$work"
	else
		echo "cluster-tests: failed; the logs of the clusters are in $DROVER_SANDBOX_DIR/logs" >&2
	fi
	exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

go build -o "$drover" ./starter
"$drover" dev --build-only
# The flags are those the server is built with: with others all of it is compiled again.
devserver() { CGO_ENABLED=0 GOFLAGS=-trimpath go -C internal/devserver "$@"; }
devserver vet ./...
devserver test -ldflags="-s -w" ./...
"$drover" sandbox up
# One package at a time: they share two clusters.
# shellcheck disable=SC2086 # one package a word
go run ./internal/testgate -each -- -tags cluster -count=1 -p 1 -timeout 60m "$@" $packages
