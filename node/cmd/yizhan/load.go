package main

import (
	"fmt"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// loadText is what callers take up of the node, in one line.
func loadText(l exchange.Load) string {
	return fmt.Sprintf("%d submissions of %d (%d worked on, %d at once), %d waiting, content %s of %s; %d downloads, %d watches, %d connections",
		l.Submissions, l.SubmissionsLimit, l.Working, l.Width, l.Waiting, bytesOf(l.Content), bytesOf(l.ContentLimit), l.Downloads, l.Watches, l.Connections)
}

// refusedText is empty when nothing was refused.
func refusedText(l exchange.Load) string {
	var reasons []string
	for _, r := range l.Refused {
		reasons = append(reasons, fmt.Sprintf("%d %s", r.Count, r.Reason))
	}
	return strings.Join(reasons, ", ")
}
