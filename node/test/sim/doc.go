// Package sim plays a whole federation in one goroutine: the real pipeline and
// the real state machine of five domains on three levels, over a simulated
// consensus, simulated links and a simulated clock. One number, the seed,
// decides everything that happens, so that whatever goes wrong once goes wrong
// again. DESIGN.md says what is real, what is modelled and what is believed.
package sim
