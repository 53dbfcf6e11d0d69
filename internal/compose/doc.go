// Package compose holds the test of docker-compose.yml and Dockerfile for
// machines without a container engine: that every name in them refers to
// something there is, and that the worker takes the arguments it is given.
package compose
