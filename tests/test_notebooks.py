"""The notebooks of the documents: stored without outputs, and they run from the first cell to the last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NAMES = ("ground_and_inspect", "scene_to_map")


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def test_every_notebook_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    code = [cell for cell in read(name)["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.far
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    for module in ("ipykernel", "geopandas", "anywidget", "rasterio"):
        pytest.importorskip(module)
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    # "python3" is the interpreter of these tests, whatever kernels are installed beside.
    client = nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    html = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert any("<img" in text and "score" in text for text in html), "no answer showed itself"
    assert "nothing found" not in html[0], "the first answer is to be a good one"
    assert [output for output in outputs if output.output_type == "error"] == []
    assert (tmp_path / "out" / "result.json").exists()
    nbformat.write(book, tmp_path / "run.ipynb")
    assert (tmp_path / "run.ipynb").stat().st_size < 6_000_000
