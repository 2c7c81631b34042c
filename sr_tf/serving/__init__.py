"""Generators behind TF Serving's protocol: what is exported for a server, a client, and a server on Ray Serve."""
