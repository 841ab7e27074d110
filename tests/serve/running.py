"""A real server in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zeroov.serve.server import Server


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Let a server answer until the block ends; it leaves nothing behind."""
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.finish()
    assert not list(server.folder.iterdir()), "an upload was left behind"
    server.server_close()
    assert not server.folder.exists()
