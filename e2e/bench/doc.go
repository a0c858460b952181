// Package bench measures the binary against the quality bars of the design: start, memory, the cost of the gate, writes
// among 10,000 assignments; and its speed beside bare distribution v3 and go-containerregistry's registry, in one run on
// one machine. `make bench` prints the tables and fails if a bar is missed. The ratios have no bar: they are for people.
//
// Every server is a process of its own, so that CPU time and memory are its own as well: they are read from /proc, which
// takes Linux. The others are a program in a module of its own, so that what they link stays out of ours.
package bench
