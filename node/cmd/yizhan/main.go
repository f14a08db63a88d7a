// Command yizhan is the exchange gateway and its tools in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/yizhan-exchange/yizhan/node"
)

func main() {
	node.ShareBuffers()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, newApp(os.Stdin, os.Stdout, os.Stderr), os.Args[1:]))
}
