"""Keep the model libraries' own progress bars and advice off stderr while they load or write."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator
from typing import Literal

_at_work = threading.RLock()  # the loggers, and torch's default dtype while a model loads, are those of every thread


@contextlib.contextmanager
def quietly(*libraries: Literal["transformers", "diffusers"]) -> Iterator[None]:
    """Silence those libraries for the block, and put back what was before; one thread at a time.

    They are imported, so a block names those alone whose models it loads.
    """
    with _at_work:
        before = []
        for name in libraries:
            library = importlib.import_module(f"{name}.utils.logging")
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
