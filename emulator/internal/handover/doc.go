// Package handover hands open files from one process to another over a Unix socket: a process inside a namespace opens
// the sockets that are served from outside, or is given the streams and directories that it works with.
package handover
