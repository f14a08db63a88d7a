//go:build soak

package test

const largeSize = 1 << 30
