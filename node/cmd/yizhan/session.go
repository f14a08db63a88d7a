package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// Time limits of commands, unless --timeout says otherwise.
const (
	shortLimit = time.Minute
	noLimit    = time.Duration(0) // until interrupted
)

// transferLimit suits a transfer of so many bytes: at least 1 MiB/s is
// expected.
func transferLimit(size int64) time.Duration {
	return 2*time.Minute + time.Duration(size>>20)*time.Second
}

// connect dials as the identity that the flags and settings name.
func (a *app) connect() (*client.Client, error) {
	path, err := client.FindConfig(a.configFile)
	if err != nil {
		return nil, err
	}
	settings, err := client.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	for _, w := range settings.Warnings {
		_, _ = fmt.Fprintln(a.stderr, "yizhan: warning:", w)
	}
	c, err := settings.Pick(a.as)
	if err != nil {
		return nil, err
	}
	c.OnRetry = a.sayRetry
	a.identity = &c
	return client.Dial(c)
}

func (a *app) sayRetry(cause error, _ time.Duration) {
	if a.terminal {
		_, _ = fmt.Fprintf(a.stderr, "yizhan: %v; trying again (Ctrl-C gives up)\n", cause)
	}
}

// with runs a command that speaks to the domain, within a time limit.
func (a *app) with(limit time.Duration, do func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.within(cmd.Context(), limit, func(ctx context.Context, c *client.Client) error { return do(ctx, c, args) })
	}
}

func (a *app) within(ctx context.Context, limit time.Duration, do func(context.Context, *client.Client) error) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if a.timeout > 0 {
		limit = a.timeout
	}
	if limit != noLimit {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return do(ctx, c)
}
