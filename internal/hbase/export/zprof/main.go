package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"

	"drover/internal/hbase/export"
	"drover/internal/storage/hdfs"
)

func main() {
	debug.SetGCPercent(400)
	a, _ := hdfs.Open(hdfs.Config{NameNodes: []string{os.Args[1]}, User: "hbase"})
	b, _ := hdfs.Open(hdfs.Config{NameNodes: []string{os.Args[2]}, User: "hbase"})
	if err := b.RemoveAll(context.Background(), "/drover-bench-ours"); err != nil {
		panic(err)
	}
	f, _ := os.Create("/tmp/drover/cpu.prof")
	pprof.StartCPUProfile(f)
	t := time.Now()
	res, err := export.Run(context.Background(), export.Job{Source: a, SourceRoot: "/hbase", Target: b, TargetRoot: "/drover-bench-ours", Snapshot: "drover_bench_snapshot"})
	fmt.Println(res, err, time.Since(t))
	pprof.StopCPUProfile()
	var ru syscall.Rusage
	syscall.Getrusage(0, &ru)
	fmt.Println("user", time.Duration(ru.Utime.Nano()), "sys", time.Duration(ru.Stime.Nano()), "rss", ru.Maxrss)
}
