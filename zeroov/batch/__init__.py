"""Several expressions over many images in one run that can be killed and goes on where it stopped.

Every image's answers are on the disk before the next one is asked, or the next few in one call. What is shown of them
is decided, and written in the asked formats, at the end: another threshold, class or format costs no model, a further
expression or image only itself.
"""

from zeroov.batch.images import Asked, images_in, read_expressions
from zeroov.batch.rows import Row, rows_in
from zeroov.batch.run import asked_with, batch, export
from zeroov.batch.shards import finished_parts, merge
from zeroov.batch.write import BY_SHARD, Outcome, one_by_one

__all__ = [
    "BY_SHARD",
    "Asked",
    "Outcome",
    "Row",
    "asked_with",
    "batch",
    "export",
    "finished_parts",
    "images_in",
    "merge",
    "one_by_one",
    "read_expressions",
    "rows_in",
]
