"""The server as replicas on one or many machines, by Ray Serve."""
