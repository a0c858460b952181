// Package workload is what the services that run people's containers have in common: following the documents that say what is
// to run, pulling an image as an identity or with a password, in the words that the Docker engine has for a refusal, running it
// at its place, and keeping what it prints.
package workload
