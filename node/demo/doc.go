// Package demo runs a whole federation in one process: the sample of package
// founding with all its nodes, ports, keys and disks, exactly as separate
// processes would run it. The command demo, the tour, the benchmarks and tests
// begin here. Like the commands, it belongs to the composition root.
package demo
