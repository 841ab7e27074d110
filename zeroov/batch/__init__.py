"""Several expressions over many images in one run that can be killed and goes on where it stopped.

Every image's answers are on the disk before the next image begins; the asked formats are written from them at the end,
so that another format costs no model.
"""

from zeroov.batch.export import one_by_one
from zeroov.batch.images import Asked, images_in, read_expressions
from zeroov.batch.run import Outcome, batch

__all__ = ["Asked", "Outcome", "batch", "images_in", "one_by_one", "read_expressions"]
