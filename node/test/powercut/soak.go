//go:build soak

package powercut

// each says that every call meets every kind of loss; else they take turns.
const each = true
