"""Every fuzz target by name: what `test_fuzz.py` tries a few of, and `scripts/fuzz.py` a million."""

from __future__ import annotations

from tests.fuzz import dumps, masks, peers, pickles, rasters, readers, recipes, requests, runs, words, writers
from tests.fuzz.cases import Target

TARGETS = {
    "answers": Target(words.answers, 0.4, 600),
    "expressions": Target(words.expressions, 0.06, 300),
    "recipe values": Target(recipes.assignments, 0.05, 200),
    "recipe files": Target(recipes.files, 0.02, 120),
    "run lengths": Target(masks.run_length_texts, 0.08, 200),
    "polygons": Target(masks.polygons, 0.12, 200),
    "pickles": Target(pickles.streams, 0.12, 300),
    "damaged dumps": Target(dumps.damaged, 0.06, 120),
    "strange dumps": Target(dumps.strange, 0.002, 30),
    "data sets": Target(readers.splits, 0.025, 120),
    "peers' answers": Target(peers.answers, 0.02, 120),
    "records": Target(runs.records, 0.012, 80),
    "journals": Target(runs.journals, 0.006, 120),
    "published figures": Target(runs.published, 0.004, 60),
    "damaged images": Target(rasters.damaged, 0.012, 120),
    "TIFF tags": Target(rasters.tags, 0.008, 120),
    "GeoTIFFs": Target(rasters.written, 0.004, 40),
    "pictures": Target(rasters.pictures, 0.004, 80),
    "writers": Target(writers.files, 0.001, 25),
    "requests": Target(requests.requests, 0.012, 120),
}
