//go:build !soak

package test

// largeSize is above memoryLimit, so that content which is not streamed is
// noticed. With the tag soak, as in .ci/run, it is
// 1 GiB.
const largeSize = 256 << 20
