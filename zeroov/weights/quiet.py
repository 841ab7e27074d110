"""Keep the model libraries' own progress bars and advice off stderr while they load or write."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

_at_work = threading.RLock()  # the loggers, and torch's default dtype while a model loads, are those of every thread


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence transformers and diffusers for the block, and put back what was before; one thread at a time."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    with _at_work:
        before = []
        for library in (transformers_logging, diffusers_logging):
            before.append((library, library.get_verbosity(), library.is_progress_bar_enabled()))
            library.set_verbosity_error()
            library.disable_progress_bar()
        try:
            yield
        finally:
            for library, verbosity, bar in before:
                library.set_verbosity(verbosity)
                if bar:
                    library.enable_progress_bar()
