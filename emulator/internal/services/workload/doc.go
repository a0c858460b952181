// Package workload is what the services that run people's containers have in common: pulling an image as an identity or with
// a password, in the words that the Docker engine has for a refusal, and keeping what a container prints.
package workload
