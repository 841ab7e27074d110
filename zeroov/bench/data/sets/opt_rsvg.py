"""OPT-RSVG: expressions with boxes on optical images of many sizes (like413/OPT-RSVG)."""

from __future__ import annotations

from functools import partial

from zeroov.bench.data.benchmark import Benchmark
from zeroov.bench.data.forms.voc import Layout, read_voc

LAYOUT = Layout(
    title="OPT-RSVG",
    source="the README of like413/OPT-RSVG on GitHub links it",
    prefixes=("", "opt_rsvg", "OPT_RSVG", "OPT-RSVG", "data/opt_rsvg"),
    objects=48952,
)


OPT_RSVG = Benchmark(
    name="opt-rsvg",
    title=LAYOUT.title,
    splits={"train": 19580, "val": 4895, "test": 24477},
    layout=(
        "opt_rsvg/Annotations/*.xml",
        "opt_rsvg/JPEGImages/ or Image/Image/",
        "opt_rsvg/{train,val,test}.txt or split/{train,val,test}.txt",
    ),
    source=LAYOUT.source,
    has_masks=False,
    reader=partial(read_voc, layout=LAYOUT),
)
