"""How a figure is counted: the field's protocols by name, each with its habits as values.

Where two code bases disagree, they do so in the fields below and nowhere else; `metrics` reads nothing but these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zeroov.errors import UsageError, did_you_mean

Target = Literal["box", "mask", "point"]
TARGETS: tuple[Target, ...] = ("box", "mask", "point")

FIVE = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How intersections and unions become figures.

    `strict`: a sample counts for Pr@X where its IoU is above X, else where it is X or more. The epsilons are added to
    intersection and union before they are divided, in `single` precision as torch does it (beside areas above 16 an
    epsilon of 1e-6 is lost there) or in double. `empty_union` is the IoU of a sample whose union is 0.
    `overall_shift` is added to oIoU; with `repeats_last`, Pr takes the IoU of the sample before where a union is 0.
    """

    thresholds: tuple[float, ...] = FIVE
    strict: bool = False
    mean: bool = True
    overall: bool = True
    shared_epsilon: float = 0.0
    union_epsilon: float = 0.0
    single: bool = False
    empty_union: float = 0.0
    overall_shift: float = 0.0
    repeats_last: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that the protocol prints, in its order."""
        return (*(f"Pr@{x}" for x in self.thresholds), *(("mIoU",) * self.mean), *(("oIoU",) * self.overall))


@dataclass(frozen=True, kw_only=True)
class BoxRule(Rule):
    """How two boxes overlap.

    `frame`: the pixels of the image itself; the image stretched to `side` x `side`; or fitted into that square, centred
    and padded. `whole` cuts coordinates to whole numbers there. `inclusive` counts the far corner as a pixel of the box
    (widths are x1 - x0 + 1); with `last_pixel`, the predicted far corner, an edge, becomes the last pixel inside first.
    `clipped` says which boxes end at the border of the frame; `truth_grid` cuts the true corners to whole numbers, at
    most side - 1, in a padded square of that side, and maps them back. Without a predicted box the union is the true
    box (`missing` is "truth") or 0 ("nothing"), or the prediction is (0, 0, 0, 0) ("origin").
    """

    frame: Literal["own", "stretched", "padded"] = "own"
    side: int = 0
    whole: bool = False
    inclusive: bool = False
    last_pixel: bool = False
    clipped: Literal["neither", "prediction", "both"] = "neither"
    truth_grid: int = 0
    missing: Literal["truth", "nothing", "origin"] = "truth"


@dataclass(frozen=True, kw_only=True)
class MaskRule(Rule):
    """Where two masks overlap: in the image's own pixels, or resized by the nearest pixel, as in `BoxRule`.

    Without a predicted mask the intersection is 0 and the union the true mask.
    """

    frame: Literal["own", "stretched", "padded"] = "own"
    side: int = 0


@dataclass(frozen=True, kw_only=True)
class PointRule(Rule):
    """Where the attention has its maximum, in the true box or not: the same in every protocol, since none has it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The one figure: the share of samples whose point lies in the true box."""
        return ("pointing",)


POINTING = PointRule(thresholds=(1.0,), mean=False, overall=False)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to score, by name: what it reproduces, and its rules for boxes and for masks (`None`: it has none).

    With `skips_failed`, samples that failed leave the denominator; else they are misses.
    """

    name: str
    about: str
    box: BoxRule | None = None
    mask: MaskRule | None = None
    skips_failed: bool = False

    def rule(self, target: Target) -> Rule | None:
        """Return the rule for boxes, masks or points."""
        return {"box": self.box, "mask": self.mask, "point": POINTING}[target]


SIX = (0.3, *FIVE)
THREE = (0.3, 0.5, 0.7)
AT_480 = MaskRule(frame="stretched", side=480)
EPSILON_6 = BoxRule(strict=True, shared_epsilon=1e-6, union_epsilon=1e-6, single=True)

PROTOCOLS = (
    Protocol(
        name="honest",
        about="zeroov's own: IoU above X (a tie is a miss), half-open boxes and masks in the image's own pixels; "
        "what failed or is missing is a miss; every sample of the run counts",
        box=BoxRule(thresholds=SIX, strict=True),
        mask=MaskRule(thresholds=SIX, strict=True),
    ),
    Protocol(
        name="rsvg-zeroov",
        about="RSVG-ZeroOV rs_evolve.py: above X, 800 x 800, inclusive integer boxes (none: the pixel at the origin), "
        "failed samples left out",
        box=BoxRule(
            thresholds=THREE,
            strict=True,
            union_epsilon=1e-6,
            frame="stretched",
            side=800,
            whole=True,
            inclusive=True,
            last_pixel=True,
            missing="origin",
        ),
        mask=MaskRule(thresholds=THREE, strict=True, union_epsilon=1e-6, single=True, frame="stretched", side=800),
        skips_failed=True,
    ),
    Protocol(name="rmsin", about="RMSIN test.py: X or more, masks at 480 x 480, an empty union is 0", mask=AT_480),
    Protocol(name="lavt", about="LAVT test.py: X or more, masks at 480 x 480, an empty union is 0", mask=AT_480),
    Protocol(name="fianet", about="FIANet test.py: X or more, masks at 480 x 480, an empty union is 0", mask=AT_480),
    Protocol(name="geoselect", about="GeoSelect seg_metrics.py: RMSIN's, masks at 480 x 480", mask=AT_480),
    Protocol(
        name="rrsis",
        about="zhu-xlab/rrsis train.py: LAVT's, but its printed oIoU is one point below what it counted",
        mask=MaskRule(frame="stretched", side=480, overall_shift=-0.01),
    ),
    Protocol(
        name="segearth-r1",
        about="SegEarth-R1 eval.py: above X, masks fitted into 1024 x 1024, I / (U + 1e-5), an empty union is 1",
        mask=MaskRule(strict=True, union_epsilon=1e-5, single=True, empty_union=1.0, frame="padded", side=1024),
    ),
    Protocol(
        name="mgvlf",
        about="MGVLF main.py of DIOR-RSVG: above X, both boxes clipped to the image, the true box cut to whole pixels "
        "of a padded 640 square",
        box=BoxRule(strict=True, union_epsilon=1e-16, single=True, clipped="both", truth_grid=640),
    ),
    Protocol(name="lqvg", about="LQVG inference_rsvg.py: above X, (I + 1e-6) / (U + 1e-6), not clipped", box=EPSILON_6),
    Protocol(
        name="zoomvg", about="ZoomVG inference_rsvg.py: above X, (I + 1e-6) / (U + 1e-6), not clipped", box=EPSILON_6
    ),
    Protocol(
        name="zoomvg-fusion",
        about="ZoomVG fusion.py: X or more, also at 0.1, an empty union is 0",
        box=BoxRule(thresholds=(0.1, *FIVE)),
    ),
    Protocol(
        name="lpva",
        about="LPVA eval_utils.py of OPT-RSVG: X or more, in images squashed to 640 x 640, so that oIoU weighs all "
        "alike; predictions clipped to them",
        box=BoxRule(union_epsilon=1e-16, single=True, frame="stretched", side=640, clipped="prediction"),
    ),
    *(
        Protocol(
            name=name,
            about=f"{title} eval_utils.py: 0.5 or more, in a padded 640 square, to which predictions are clipped; "
            "the accuracy alone",
            box=BoxRule(
                thresholds=(0.5,),
                mean=False,
                overall=False,
                union_epsilon=1e-16,
                single=True,
                frame="padded",
                side=640,
                clipped="prediction",
            ),
        )
        for name, title in (("transvg", "TransVG"), ("segvg", "SegVG"))
    ),
    Protocol(
        name="resc",
        about="ReSC train.py: above 0.5, both boxes clipped to the image",
        box=BoxRule(thresholds=(0.5,), strict=True, overall=False, union_epsilon=1e-16, single=True, clipped="both"),
    ),
    Protocol(
        name="vrsbench",
        about="VRSBench compute_metrics.ipynb: 0.5 or 0.7 or more on whole hundredths of the image, far corners "
        "included; without an answer a sample is a miss, but leaves cumIoU",
        box=BoxRule(thresholds=(0.5, 0.7), frame="stretched", side=100, whole=True, inclusive=True, missing="nothing"),
    ),
    Protocol(
        name="remotesam",
        about="RemoteSAM VG.py: X or more; where there is no box, Pr counts the sample before once more",
        box=BoxRule(overall=False, missing="nothing", repeats_last=True),
    ),
)

DEFAULT = "honest"


def named(name: str) -> Protocol:
    """Return the protocol of that name."""
    for protocol in PROTOCOLS:
        if protocol.name == name.lower():
            return protocol
    known = [protocol.name for protocol in PROTOCOLS]
    raise UsageError(f"unknown protocol `{name}`{did_you_mean(name.lower(), known)}")
