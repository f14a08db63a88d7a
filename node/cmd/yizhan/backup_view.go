package main

import (
	"fmt"
	"io"

	"github.com/yizhan-exchange/yizhan/node/backup"
	"github.com/yizhan-exchange/yizhan/node/check"
)

// backupView is what -o json prints about a backup.
type backupView struct {
	backup.Statement
	Path       string        `json:"path,omitempty"`
	Verified   string        `json:"verified,omitempty"`
	Signer     string        `json:"signer,omitempty"`
	OfflineKey string        `json:"offline_key,omitempty"`
	Program    string        `json:"program,omitempty"`
	Ledger     *check.Report `json:"ledger,omitempty"`
}

func statementView(st *backup.Statement) backupView { return backupView{Statement: *st} }

func printStatement(w io.Writer, v backupView) {
	c := v.Contents
	missing := "nothing 无缺失"
	if c.Missing > 0 {
		missing = fmt.Sprintf("%d chunks 块缺失, of %v", c.Missing, c.MissingFrom)
	}
	fields(w,
		"backup", v.Path,
		"domain", string(v.Domain)+", by replica "+string(v.Replica), "recovery point 恢复点", second(v.Begun)+fmt.Sprintf(", index %d, term %d", c.Index, c.Term),
		"incarnation", fmt.Sprint(c.Incarnation), "feature level", fmt.Sprint(c.Level),
		"exchanges", fmt.Sprint(c.Exchanges), "content", fmt.Sprintf("%d chunks, %s", c.Chunks, bytesOf(int64(c.ChunkBytes))), "missing", missing,
		"ledger", bytesOf(c.State.Size), "files", fmt.Sprintf("%d, the key store among them, sealed under its %s", len(c.Files), lockWord(c.Lock)),
		"neighbours", joinDomains(c.Neighbours), "voters", joinReplicas(c.Voters), "offline key", v.OfflineKey, "signed by", v.Signer, "verified", v.Verified,
	)
}

func lockWord(kind string) string {
	if kind == "keyfile" {
		return "key file"
	}
	return kind
}
