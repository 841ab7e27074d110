"""A command imports what its recipe and its options use, and no more: that is most of what a first answer costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from zeroov.mini.scenes import make_scene, seed_for

# Libraries that some recipe or option uses, and rooms that `ground` never needs.
WATCHED = {
    *("torch", "transformers", "diffusers", "segment_anything", "matplotlib", "matplotlib.backends.backend_pdf"),
    *("matplotlib.pyplot", "pandas", "shapely", "pyproj", "pyogrio", "pyarrow", "pycocotools"),
    *("zeroov.bench", "zeroov.batch", "zeroov.serve", "zeroov.doctor", "zeroov.mini.scenes", "zeroov.tiny.build"),
    *("zeroov.candidates.detector", "zeroov.weights.get"),
}
ONCE = """
import json, sys
from zeroov.cli.main import app
looks = json.loads(sys.argv[1])
for arguments in looks:
    app(arguments, standalone_mode=False)
    print("LOADED", *sys.modules)
"""


def test_a_command_imports_what_it_uses(tmp_path: Path) -> None:
    image = tmp_path / "scene.png"
    Image.fromarray(make_scene(seed_for("test", 3)).image).save(image)
    ground = ["ground", str(image), "the building", "--recipe", "mini", "--device", "cpu", "--out", str(tmp_path)]
    looks = [  # in one process: each look imports more than the one before it
        ["--help"],
        ["ground", "--help"],
        [*ground, "--no-panel", "--set", 'stages=["overview"]'],
        [*ground, "--no-panel", "--set", 'stages=["overview", "refine"]'],
        ground,
    ]
    command = [sys.executable, "-c", ONCE, json.dumps(looks)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line.split()[1:] for line in shown.splitlines() if line.startswith("LOADED")]
    assert [WATCHED & set(line) for line in lines] == [
        set(),
        set(),
        {"torch", "transformers"},
        {"torch", "transformers", "segment_anything"},
        {"torch", "transformers", "segment_anything", "diffusers", "matplotlib"},
    ]
    assert not {"numpy", "cv2", "PIL", "rasterio"} & set(lines[1])
