"""The miniature models know the scenes that zeroov draws, and nothing else: warn where they are asked about others."""

from __future__ import annotations

import logging

from zeroov.mini.recognise import looks_drawn
from zeroov.types import Picture

MOST_KNOWN = 10_000  # digests of pictures, a megabyte or two
log = logging.getLogger("zeroov")


class DrawnScenes:
    """The pictures that were recognised as drawn scenes, and whether a user was warned of another one."""

    def __init__(self, model: str) -> None:
        """`model` is the language model's reference; only one of the miniature models needs a warning."""
        self._warns = model.startswith("builtin:mini")
        self._known: set[str] = set()  # the digests of pictures that are drawn scenes

    def warn_of_others(self, picture: Picture) -> None:
        """Warn, once, where the miniature models are asked about anything but the drawn scenes that they know."""
        if not self._warns or picture.digest in self._known:
            return
        if looks_drawn(picture.rgb):  # which takes a tenth of the time of their answer
            if len(self._known) == MOST_KNOWN:
                self._known.clear()
            self._known.add(picture.digest)
            return
        self._warns = False
        log.warning(
            "`%s` is no scene that zeroov drew: the miniature models know nothing else, and their answer means "
            "nothing; `zeroov models get` fetches the real ones",
            picture.source,
        )
