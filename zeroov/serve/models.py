"""What the routes take and answer, as the schema describes it: a generated client has these types."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Loose(BaseModel):
    """An answer that may hold more than what is named."""

    model_config = ConfigDict(extra="allow")


class Strict(BaseModel):
    """A question: a name that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class ErrorAbout(Loose):
    """Why a request was refused: a word for programs, a sentence, and what to do."""

    code: str
    message: str
    hint: str = ""


class ErrorBody(Loose):
    """A refusal."""

    error: ErrorAbout


class FloatMap(Loose):
    """A map: its shape, and base64 of little-endian float32, row by row."""

    shape: list[int]
    f32: str


class BoolMap(Loose):
    """A map: its shape, and base64 of bytes, 0 or 1, row by row."""

    shape: list[int]
    u8: str


class RunLengths(Loose):
    """A mask as COCO's compressed run lengths."""

    size: list[int]
    counts: str


class Health(Loose):
    """Whether the server runs, and what it has loaded."""

    status: Literal["ok", "stopping"]
    queue: int
    device: str
    loaded: dict[str, bool]
    version: str


class Address(Loose):
    """Where the server listens."""

    host: str
    loopback: bool


class LimitsAbout(Loose):
    """What the server takes at most."""

    bytes: int
    pixels: int
    words: int
    expressions: int
    queue: int


class Tune(Loose):
    """The recipe's numbers that decide what is made of the maps."""

    k: int
    tau: float
    alpha: float
    grid_hw: list[int]
    canvas: int
    official: bool
    growing: bool
    margin: float
    weights: dict[str, float]


class About(Loose):
    """What the server is."""

    name: str
    version: str
    recipe: str
    description: str
    device: str
    stages: list[str]
    drawn_only: bool
    examples: int
    address: Address
    limits: LimitsAbout
    doubt: float
    tune: Tune
    folders: list[str]
    formats: list[str]
    links: dict[str, str]


class Example(Loose):
    """A drawn scene and what may be asked of it."""

    expression: str
    picture: str
    absent: bool


class FolderFile(Loose):
    """A file of a named folder, and the `ref` by which it becomes a picture."""

    name: str
    bytes: int
    ref: str


class Folder(Loose):
    """What lies in a named folder; `more`: it has further entries, which are not listed."""

    name: str
    under: str
    more: bool
    folders: list[str]
    files: list[FolderFile]


class Tiles(Loose):
    """A picture's own grid of tiles: level `levels` - 1 has its full size, each lower one half."""

    size: int
    levels: int


class Place(Loose):
    """West, south, east, north in degrees."""

    bounds_lonlat: list[float]


class Picture(Loose):
    """A picture that the server holds; `drawn`: a scene of the miniature world, null where the models know others."""

    id: str
    name: str
    hw: list[int]
    crs: str | None
    epsg: int | None
    transform: list[float] | None
    bands: list[int]
    large: bool
    bytes: int
    tiles: Tiles
    place: Place | None
    metres_per_pixel: float | None
    nodata: bool
    drawn: bool | None


class Places(Loose):
    """Where pixels lie, in the picture's own system and in degrees."""

    xy: list[list[float]]
    lonlat: list[list[float] | None]


class FoundObject(Loose):
    """An object that was found, in pixels of the picture."""

    box_xyxy: list[float]
    score: float
    mask_pixels: int
    mask: RunLengths | None
    polygons: dict[str, Any] | None
    doubtful: str | None = None


class Result(Loose):
    """An answer to an expression."""

    id: str
    picture: str
    expression: str
    status: Literal["found", "empty"]
    score: float
    box_xyxy: list[float] | None
    found: list[FoundObject]
    doubtful: str | None
    doubt_line: float
    says_absent: bool
    why: str
    why_empty: str | None
    answer: str
    image_hw: list[int]
    searched: bool
    seconds: float
    recipe: str
    derived_from: str | None


class Results(Loose):
    """Answers, one for each expression."""

    results: list[Result]


class Job(Loose):
    """A question on its way; of one that waits, its place and about how long that takes, null where nobody knows."""

    id: str
    picture: str
    expressions: list[str]
    status: Literal["accepted", "running", "successful", "failed", "dismissed"]
    progress: float
    stage: str
    done: int
    total: int
    position: int | None
    wait_seconds: float | None
    message: str
    seconds: float
    results: list[str]


class CandidateAbout(Loose):
    """Something that may be meant, with its evidence."""

    letter: str
    box_xyxy: list[float]
    score: float
    value: float
    sources: list[str]
    chosen: bool
    factors: dict[str, float]


class StageAbout(Loose):
    """What a stage took, and whether it was computed, or kept in memory or in a dump."""

    seconds: float
    origin: Literal["computed", "memory", "dump"]


class Explained(Loose):
    """How an answer came about."""

    overview: FloatMap | None
    cross_on_grid: FloatMap | None
    fused: FloatMap | None
    affinity: bool
    recipe: Tune
    seeds: BoolMap | None
    region: BoolMap | None
    answer: str
    answer_box: list[float] | None
    says_absent: bool
    candidates: list[CandidateAbout]
    weights: dict[str, float]
    decisive: str
    margin: float
    undecided: bool
    skipped: dict[str, str]
    kind: str
    coarse_box: list[float] | None
    stages: dict[str, StageAbout]


class PictureGiven(Strict):
    """A picture in a JSON document: its bytes in base64, or a file of a named folder (`name:sub/file.tif`)."""

    base64: str | None = None
    name: str = Field("", max_length=300)
    ref: str | None = Field(None, max_length=2000)
    bands: str | None = Field(None, max_length=60)


Number = float
Box = list[Number]


class GroundAsked(Strict):
    """What is to be found in a picture. Numbers are pixels of the picture; points are x, y, and 1 on it or 0 beside."""

    expressions: list[str] = Field(min_length=1, max_length=64)
    all: bool = False
    zoom: bool | None = None
    box: Box | None = Field(None, min_length=4, max_length=4)
    points: list[list[Number]] | None = Field(None, max_length=64)
    area: Box | None = Field(None, min_length=4, max_length=4)
    search: bool | None = None
    format: Literal["json", "mask", "overlay", "geojson"] = "json"
    pictures: bool = False


class RefineAsked(Strict):
    """An object to be drawn: in a box, at points, or as a change of a mask or of an earlier result's object."""

    box: Box | None = Field(None, min_length=4, max_length=4)
    points: list[list[Number]] | None = Field(None, max_length=64)
    mask_rle: dict[str, Any] | None = None
    result: str | None = Field(None, max_length=64)
    object: int = Field(0, ge=0)
