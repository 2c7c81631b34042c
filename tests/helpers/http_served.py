"""A small HTTP server of a test's own."""

import contextlib
import threading
from http.server import ThreadingHTTPServer


@contextlib.contextmanager
def http_served(handler):
    """Serves with a handler as `http.server` takes it; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
