// Package config reads node.yaml: what one process hosts, where it listens and
// where its keys are. It is read strictly and checked whole, so that a mistake
// is found before the node starts, with its line and what to do about it.
package config
