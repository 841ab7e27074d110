"""The answer to a question about an image: a value that saves, shows and converts itself."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageShow

from zeroov import frames
from zeroov.errors import OutputError
from zeroov.files.atomic import ensure_writable_folder, write_atomically, write_json
from zeroov.look import Look, Outline
from zeroov.outputs.decide import DENIED
from zeroov.outputs.detections import detections
from zeroov.outputs.formats.coco import Coco
from zeroov.outputs.formats.geojson import feature_collection
from zeroov.outputs.formats.png import fits_png, write_full_png
from zeroov.outputs.found import Found, SceneInfo
from zeroov.outputs.geodataframe import geodataframe
from zeroov.outputs.html import answers_html
from zeroov.outputs.images import enlarged_by, ringed, scene_overlay, write_rgb_png
from zeroov.outputs.result import result_json
from zeroov.outputs.stale import forget
from zeroov.outputs.write import Writers, open_writers
from zeroov.overview.answer import answer_to_image
from zeroov.types import Bool, Box, Picture, Tile, Uint8, Window

DOUBTFUL = 0.1  # below this score nearly all that is found is not what was asked for
Verdict = Literal["agrees", "unsure", "denies"]


@dataclass(frozen=True, eq=False)
class Closer:
    """A closer look, and what it came to: it agrees with the look before, sees something else, or denies it."""

    look: Look
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        look, box = self.look, self.look.drawn.box
        return {
            "window_xyxy": list(look.picture.window),
            "expression": look.question.expression,
            "answer": look.overview.answer,
            "box_xyxy": list(frames.to_scene(box, look.picture).xyxy) if box else None,
            "agreement": round(look.agreement, 4),
            "verdict": self.verdict,
            "believed": self.verdict == "agrees",
            "stages": {name: cost.to_json() for name, cost in look.costs.items()},
        }


@dataclass(frozen=True, eq=False)
class Answer:
    """What an expression means in an image: one object, none, or, where every one was asked for, several.

    `found` is the best first, in pixels of the image. `words` is what the model said. `looks` is the look at the whole
    image, with all stages, or of a searched scene the glance at it; `closer` are the closer looks; `tiles` are a
    searched scene's. `shown` is the image, reduced where it is large. `why_empty` says why nothing is in `found`.
    `area` is the window of the image that was looked at, `None` for all of it; `shown` and `looks` show no more.
    """

    expression: str
    found: tuple[Found, ...]
    score: float
    words: str
    info: SceneInfo
    shown: Picture
    looks: tuple[Look, ...] = ()
    closer: tuple[Closer, ...] = ()
    tiles: tuple[Tile, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    why_empty: str = ""
    area: Window | None = None

    @property
    def status(self) -> Literal["found", "empty"]:
        """Whether anything was found."""
        return "found" if self.found else "empty"

    @property
    def box(self) -> Box | None:
        """The box of the best object, in pixels of the image."""
        return self.found[0].box if self.found else None

    @functools.cached_property
    def mask(self) -> Bool:
        """The mask of the best object, bool (H, W) of the whole image; of a large scene it takes much memory."""
        mask = np.zeros(self.info.hw, dtype=np.bool_)
        for found in self.found[:1]:
            x0, y0, x1, y1 = found.window_xyxy
            mask[y0:y1, x0:x1] = found.mask
        return mask

    @property
    def outline(self) -> Outline:
        """The best object in pixels of `shown`."""
        shown = self.shown
        mask = np.zeros(shown.window.hw, dtype=np.bool_)
        for found in self.in_shown()[:1]:
            x0, y0, x1, y1 = found.window_xyxy
            mask[y0:y1, x0:x1] = found.mask
        box = frames.to_picture(self.found[0].box, shown) if self.found else None
        return Outline(frames.resize_mask(mask, shown.hw), box)

    def in_shown(self) -> list[Found]:
        """Return what was found in pixels of what `shown` shows, before it is reduced."""
        x, y, _, _ = self.shown.window
        return [found.moved(-x, -y) for found in self.found]

    @property
    def all_looks(self) -> tuple[Look, ...]:
        """The looks at the image, the closer ones included."""
        return (*self.looks, *(each.look for each in self.closer))

    @property
    def searched(self) -> bool:
        """Whether the image was searched tile by tile."""
        return bool(self.tiles)

    @property
    def says_absent(self) -> bool:
        """Whether the model, asked the whole expression of the whole image, says that the object is not there.

        Of a searched scene it is false: the look at the whole sees large objects alone.
        """
        return not self.searched and any(look.says_absent for look in self.looks)

    @property
    def words_in_pixels(self) -> bool:
        """Whether the box in the words, if there is one, counts pixels of the image, as `found` does.

        It does not where the model saw a part of the image or another size of it, or counts in thousandths.
        """
        for look in self.looks[:1]:
            box, picture = look.overview.answer_box, look.picture
            written = answer_to_image(self.words, picture.hw, picture.hw)
            if box and written:
                return np.allclose(frames.to_scene(box, picture).xyxy, written.xyxy, rtol=0, atol=0.5)
        return True

    def doubt(self, found: Found) -> str:
        """Say why an object that was found is doubtful; "" where it is not."""
        if self.says_absent:
            return DENIED
        return f"the score is below {DOUBTFUL:g}" if found.score < DOUBTFUL else ""

    @property
    def doubtful(self) -> str:
        """Why the best object is doubtful; "" where it is not, or where nothing was found."""
        return self.doubt(self.found[0]) if self.found else ""

    @property
    def failed(self) -> tuple[Tile, ...]:
        """The tiles that could not be looked at."""
        return tuple(tile for tile in self.tiles if tile.status == "failed")

    @property
    def source(self) -> str:
        """Where the image came from."""
        return self.info.source

    def overlay(self) -> Uint8:
        """Return the image with what was found drawn on it; a small image is enlarged, a searched scene reduced."""
        return scene_overlay(self.shown.rgb, self.shown.window.hw, self.in_shown())

    def about_overlay(self) -> dict[str, Any]:
        """Say how overlay.png is to be read: its size, its pixels for one of the image, the objects with a ring."""
        factor = enlarged_by(self.shown.hw)
        hw = self.shown.hw[0] * factor, self.shown.hw[1] * factor
        height, width = self.shown.window.hw
        per_pixel = [round(hw[1] / width, 6), round(hw[0] / height, 6)]
        return {"hw": list(hw), "factor_xy": per_pixel, "ringed": ringed(self.in_shown(), (height, width), hw)}

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values; masks are reported by their number of pixels."""
        return result_json(self)

    def to_geojson(self) -> dict[str, Any]:
        """Return what was found as a GeoJSON FeatureCollection, in longitude and latitude."""
        return feature_collection(self.info, self.found, self.provenance, expressions=[self.expression])

    def to_coco(self) -> dict[str, Any]:
        """Return what was found as a COCO document, masks as run lengths."""
        coco = Coco("", expressions=[self.expression], images=[self.source])
        coco.add(self.info, self.found, self.provenance)
        return coco.document()

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """The FeatureCollection, as geopandas reads it."""
        return self.to_geojson()

    def to_geodataframe(self) -> Any:
        """Return what was found as a geopandas.GeoDataFrame, in the CRS of the image; it needs geopandas."""
        return geodataframe(self.info, self.found, self.provenance)

    def to_detections(self) -> Any:
        """Return what was found as supervision.Detections, in pixels of the image; it needs supervision."""
        return detections(self.info, self.found, [self.doubt(each) for each in self.found])

    def _repr_html_(self) -> str:
        """Show the overlay and a table of what was found in a notebook."""
        return answers_html([self])

    def show(self) -> None:
        """Show the overlay: in a notebook below the cell, elsewhere in the system's program for pictures."""
        ipython = sys.modules.get("IPython")
        if ipython and ipython.get_ipython():
            importlib.import_module("IPython.display").display(self)
        elif not ImageShow.show(Image.fromarray(self.overlay()), self.expression):
            raise OutputError('no program that shows pictures was found; answer.save("out/") writes overlay.png')

    def __repr__(self) -> str:
        boxes = ", ".join(str([round(corner, 1) for corner in each.box.xyxy]) for each in self.found[:3])
        more = f" and {len(self.found) - 3} more" if len(self.found) > 3 else ""
        score = f"score {self.score:.3f}{', doubtful' if self.doubtful else ''}"
        found = f"found {boxes}{more}" if boxes else "empty"
        return f'<Answer "{self.expression}": {found}, {score}, in {self.source}>'

    def in_whole(self, whole: SceneInfo, area: Window) -> Answer:
        """Return an answer about a part of a scene as one about the whole, of which the part is the window `area`."""
        x, y, _, _ = area

        def moved(look: Look) -> Look:
            picture = replace(look.picture, part=look.picture.file_window, origin_xy=(0, 0))
            return replace(look, question=replace(look.question, picture=picture))

        return replace(
            self,
            found=tuple(found.moved(x, y) for found in self.found),
            info=whole,
            shown=replace(self.shown, part=self.shown.file_window, origin_xy=(0, 0)),
            looks=tuple(map(moved, self.looks)),
            closer=tuple(replace(each, look=moved(each.look)) for each in self.closer),
            tiles=tuple(
                replace(tile, window=Window(*(edge + by for edge, by in zip(tile.window, (x, y, x, y), strict=True))))
                for tile in self.tiles
            ),
            area=area,
        )

    def save(
        self, folder: Path | str, formats: Sequence[str] | Writers = (), panel: bytes | None = None, prefix: str = ""
    ) -> dict[str, Any]:
        """Write mask.png, overlay.png, result.json and the asked formats into a folder; return what result.json holds.

        `formats` are names, such as geotiff, geojson, gpkg, coco, or writers that are open already. `panel` is a PNG
        that goes there as panel.png. A mask.png holds all that was found; a scene too large for format png has none. An
        older answer's files go first, so that they are never beside those of another: also those of formats that its
        result.json lists, unless they are another image's or were changed since.
        """
        out = ensure_writable_folder(folder)
        writers: Writers | None = None
        if isinstance(formats, Writers):
            writers = formats
        elif formats:
            writers = open_writers(out, formats, expressions=[self.expression], images=[self.source])
            writers.check(self.info)
        forget(out, self.source, prefix)
        files = {name: out / f"{prefix}{name}.png" for name in ("mask", "overlay", "panel")}
        if fits_png(self.info):
            write_full_png(files["mask"], self.info, self.found, self.provenance)
        else:
            del files["mask"]
        write_rgb_png(files["overlay"], self.overlay())
        if panel is None:
            del files["panel"]
        else:
            write_atomically(files["panel"], panel)
        written: tuple[Path, ...] = ()
        if writers:
            writers.add(self.info, self.found, self.provenance)
            written = writers.finish()
        files["result"] = out / f"{prefix}result.json"
        names: dict[str, Any] = {name: str(path) for name, path in files.items()}
        report = self.to_json() | {"files": names | {"formats": [str(path) for path in written]}}
        write_json(files["result"], report)
        return report


class Answers(list[Answer]):
    """The answers to several expressions about one image; a notebook shows them as one picture and one table."""

    def _repr_html_(self) -> str:
        return answers_html(self)
