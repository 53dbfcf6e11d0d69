# What a developer and CI run. The tools are pinned and run from the module
# cache; nothing is installed into GOPATH.
GOFUMPT       := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK   := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
WORKFLOWCHECK := go run go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0
GATE          := go run ./internal/testgate

.PHONY: demo check test lint unit cluster soak-hdfs bench bench-hbase bench-hdfs build setup clean

## demo: a table that is written to moves between two real clusters; DEMO=hdfs mirrors
## a tree instead (YES=1 decides by itself)
demo: setup build
	@bin/drover demo $(DEMO) $(if $(YES),--yes) $(DEMO_FLAGS)

## check: everything that needs no cluster, under two minutes when warm
check: lint
	$(GATE) -- ./...

## test: all that CI runs; needs a JDK and Maven, which setup installs where it may
test: setup lint unit cluster

lint:
	@unformatted=$$($(GOFUMPT) -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted, run: $(GOFUMPT) -w ."; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags cluster ./...
	$(STATICCHECK) -tags cluster ./...
	$(WORKFLOWCHECK) ./workflows/...

unit:
	$(GATE) -least 200 -- -race -shuffle=on ./...

## cluster: the tests on real clusters and a real Temporal, one sandbox for all
cluster: setup
	bash scripts/cluster-tests.sh

## soak-hdfs: 200 rounds of random changes, mirrored between two real HDFS (ROUNDS=n for
## others), and Go's whole module cache
soak-hdfs: setup
	DROVER_MIRROR_ROUNDS=$(or $(ROUNDS),200) DROVER_REAL_TREES=all DROVER_CLUSTER_PACKAGES=./activities \
		bash scripts/cluster-tests.sh -run '^(TestRandomRounds|TestRealTreesAreMirrored)$$'

## bench-hbase: ours against HBase's own tools, one JSON object a line
bench-hbase: setup
	go run ./internal/bench/cmd/bench-hbase $(BENCH_FLAGS)

## bench-hdfs: ours against distcp and Hadoop's shell, one JSON object a line
bench-hdfs: setup
	go run ./internal/bench/cmd/bench-hdfs $(BENCH_FLAGS)

## bench: all benches there are
bench: bench-hbase bench-hdfs

build:
	@echo "drover: compiling; the first time that takes a minute or two, without a word from the compiler" >&2
	@go build -o bin/ ./starter ./workers/worker
	@mv bin/starter bin/drover

setup:
	@sh scripts/setup.sh

clean:
	rm -rf bin
