"""A STAC search's result goes in, and STAC items come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.raster.scenes import UTM, write_scene
from tests.raster.site import serving
from zeroov.batch import Row, rows_in
from zeroov.batch.stac import rows_of
from zeroov.bench.mini.measure import questions
from zeroov.cli.main import app
from zeroov.errors import UsageError

pytestmark = pytest.mark.usefixtures("kept_models")
TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"


def item(name: str, *, assets: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    found = {"thumbnail": {"href": "small.png", "type": "image/png"}, "visual": {"href": f"./{name}.tif", "type": TIFF}}
    return {"type": "Feature", "id": name, "properties": properties, "assets": found if assets is None else assets}


def search(path: Path, *items: dict[str, Any], after: str = "") -> None:
    links = [{"rel": "next", "href": after}] if after else []
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items, "links": links}))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with serving(tmp_path, "busy.json") as address:
        yield address


def test_items_are_images_with_their_names_and_versions(tmp_path: Path) -> None:
    rgb = {"rgb": {"href": "https://here/b.tif?sig=1", "type": TIFF, "file:checksum": "1220ab"}}
    several = {"red": {"href": "r.tif", "type": TIFF}, "nir": {"href": "n.tif", "type": TIFF}}
    moved = item("c") | {"links": [{"rel": "self", "href": "https://there/items/c.json"}]}
    search(tmp_path / "found.json", item("a", updated="2026-01-01"), item("b", assets=rgb), moved)
    rows = rows_in([str(tmp_path / "found.json")])
    assert rows == [
        Row(str(tmp_path / "a.tif"), "a", version="2026-01-01"),
        Row("https://here/b.tif?sig=1", "b", version="1220ab"),
        Row("https://there/items/c.tif", "c"),
    ]
    search(tmp_path / "several.json", item("d", assets=several))
    assert rows_in([str(tmp_path / "several.json")], asset="nir") == [Row(str(tmp_path / "n.tif"), "d")]
    with pytest.raises(UsageError, match="has several assets; name one of them: red, nir"):
        rows_in([str(tmp_path / "several.json")])
    with pytest.raises(UsageError, match="has no asset ned; did you mean `red`"):
        rows_in([str(tmp_path / "several.json")], asset="ned")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(UsageError, match="cannot be read as a STAC search's result"):
        rows_in([str(tmp_path / "other.json")])


def test_pages_are_followed_and_a_catalogue_that_stays_busy_is_given_up(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeroov.batch.stac.WAIT_SECONDS", 0)
    search(tmp_path / "one.json", item("a"), after="two.json")
    search(tmp_path / "two.json", item("b"))
    assert [row.image for row in rows_of(f"{site}/one.json")] == [f"{site}/a.tif", f"{site}/b.tif"]
    for name in ("busy.json", "none.json"):
        with pytest.raises(UsageError, match=r"(503|404)") as refused:
            list(rows_of(f"{site}/{name}?token=secret"))
        assert "secret" not in str(refused.value)


def test_a_search_is_asked_and_items_are_written(site: str, tmp_path: Path) -> None:
    rgb = next(each for each in questions(1) if each.truth).scene.image
    write_scene(tmp_path / "a.tif", np.moveaxis(rgb, 2, 0), crs="EPSG:32633", transform=UTM)
    search(tmp_path / "found.json", item("sheet/7", assets={"image": {"href": f"{site}/a.tif?sig=secret"}}))
    (tmp_path / "asked.txt").write_text("the ship\n")
    out = tmp_path / "out"
    command = ["batch", f"{site}/found.json", "--expressions", str(tmp_path / "asked.txt"), "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--format=stac", "--recipe=mini", "--device=cpu"])
    assert done.exit_code == 0, done.output
    written = json.loads((out / "a.stac.json").read_bytes())
    objects = json.loads((out / written["assets"]["objects"]["href"]).read_bytes())
    assert {*written} >= {"type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets"}
    assert (written["id"], written["type"]) == ("sheet/7", "Feature")
    assert written["properties"]["datetime"].endswith("Z")
    assert written["properties"]["zeroov:objects"] == len(objects["features"])
    assert written["properties"]["zeroov:expression"] == "the ship"
    assert written["links"] == [{"rel": "derived_from", "href": f"{site}/a.tif"}]
    west, south, east, north = written["bbox"]
    for feature in objects["features"]:
        assert west <= feature["bbox"][0] <= feature["bbox"][2] <= east
        assert south <= feature["bbox"][1] <= feature["bbox"][3] <= north
    kept = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    assert "secret" not in kept + done.output, "a signature is kept nowhere"
    again = CliRunner().invoke(app, [*command, "--format=stac", "--recipe=mini", "--device=cpu", "--json"])
    assert json.loads(again.stdout)["done_now"] == 0
