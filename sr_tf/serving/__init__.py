"""Generators behind TF Serving's protocol: the export for a server, a client, and a server on Ray Serve."""
