# The worker, and the command line beside it for an operator on the same host.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
# Modules change less often than sources and are kept as a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY activities activities
COPY internal internal
COPY starter starter
COPY workers workers
COPY workflows workflows
RUN go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/worker ./workers/worker && \
    go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/drover ./starter && \
    mkdir /out/state /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/worker /out/drover /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/state /var/lib/drover
COPY --from=build --chown=65532:65532 /out/tmp /tmp
# Without a passwd file these say who the process is; a site's own hbase.user
# wins. What must survive a restart goes below the cache directory.
ENV USER=drover HOME=/var/lib/drover XDG_CACHE_HOME=/var/lib/drover PATH=/usr/local/bin
USER 65532:65532
VOLUME /var/lib/drover
ENTRYPOINT ["worker"]
CMD ["--config", "/etc/drover/drover.yaml"]
