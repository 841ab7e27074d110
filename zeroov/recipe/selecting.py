"""What a recipe says of the stage `select`: who names candidates, and what is asked about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zeroov.errors import RecipeError
from zeroov.recipe.keys import at_least, between, key, named, one_of

SOURCES = ("vlm", "detector", "answer", "evolved")
_WEIGHT = between(0, 10)
DTYPES = ("auto", "float32", "float16", "bfloat16")


def holds(name: str) -> Callable[[str], str | None]:
    """Take a prompt with a place for something."""
    return lambda value: None if f"{{{name}}}" in value else f"must hold {{{name}}}"


def _sources(values: tuple[str, ...]) -> str | None:
    unknown = [value for value in values if value not in SOURCES]
    if unknown:
        return f"holds `{unknown[0]}`, expected some of {', '.join(SOURCES)}"
    return None if values and len(set(values)) == len(values) else "must name each source once, and one at least"


@dataclass(frozen=True)
class CandidatesRecipe:
    """Who names the objects that may be meant, and how the language model is asked for all of a kind."""

    sources: tuple[str, ...] = key(("vlm", "answer", "evolved"), _sources)
    prompt: str = key("Locate every {kind} in the image and output all bbox coordinates in JSON format.", holds("kind"))
    max_new_tokens: int = key(2048, between(1, 16_384))
    repetition_penalty: float = key(0.0, between(0, 2))  # 0: as the model's own settings say
    most: int = key(64, between(1, 1000))  # boxes of one list, and candidates in all
    slices: int = key(0, at_least(0))  # side of slices in which kinds are listed too, in pixels; 0: in the whole alone
    overlap: float = key(0.25, between(0, 0.9))
    same: float = key(0.5, between(0, 1))  # IoU from which two sources' boxes are one object

    @property
    def listing(self) -> tuple[str, ...]:
        """The sources that list every object of a kind."""
        return tuple(source for source in self.sources if source in ("vlm", "detector"))


@dataclass(frozen=True)
class DetectorRecipe:
    """An open-vocabulary detector, for the source `detector`."""

    model: str = key("IDEA-Research/grounding-dino-base", named)
    revision: str = key("", None)
    dtype: str = key("auto", one_of(*DTYPES))
    threshold: float = key(0.15, between(0, 1))


@dataclass(frozen=True)
class EvidenceRecipe:
    """What is asked about candidates before one is chosen, and when."""

    anchors: str = key("always", one_of("always", "undecided", "never"))  # the expression's other objects
    kinds: str = key("never", one_of("always", "undecided", "never"))  # does a crop show the asked kind at all?
    attributes: str = key("undecided", one_of("always", "undecided", "never"))  # colours and the like, in crops
    marks: str = key("undecided", one_of("undecided", "never"))  # numbered boxes, and which number is meant
    check: str = key("Is this a {kind}? Answer yes or no.", holds("kind"))
    yes: str = key("Yes", named)
    no: str = key("No", named)
    crop: float = key(1.2, between(1, 10))  # side of a crop over the box's longer side
    least_side: int = key(0, at_least(0))  # of a crop, in pixels
    question: str = key(
        "Which numbered box shows this: {expression}? Answer with its number alone, or none.", holds("expression")
    )
    most: int = key(9, between(2, 1000))  # candidates that crops are made of, the best first; nine at most are marked

    def __post_init__(self) -> None:
        if self.yes.lower() == self.no.lower():
            raise RecipeError(f"evidence.yes and evidence.no are both `{self.yes}`")


@dataclass(frozen=True)
class SelectRecipe:
    """The choice among candidates: the exponent of each factor, 0 leaves it out; a factor that is not named has 1."""

    margin: float = key(0.7, between(0, 1))  # undecided where the second best has this share of the best one's value
    score: float = key(0.5, _WEIGHT)  # how sure a source is says little about which one is meant
    place: float = key(1.0, _WEIGHT)
    extreme: float = key(1.0, _WEIGHT)  # leftmost, closest to the edge or the centre
    size: float = key(1.0, _WEIGHT)
    edge: float = key(1.0, _WEIGHT)
    cut: float = key(1.0, _WEIGHT)
    extent: float = key(1.0, _WEIGHT)
    path: float = key(1.0, _WEIGHT)
    aspect: float = key(1.0, _WEIGHT)
    lone: float = key(1.0, _WEIGHT)
    near_kind: float = key(1.0, _WEIGHT)
    ordinal: float = key(1.0, _WEIGHT)
    relation: float = key(1.0, _WEIGHT)
    between: float = key(1.0, _WEIGHT)
    attention: float = key(0.25, _WEIGHT)  # chosen on the hard split of the drawn world, like the next
    answer: float = key(0.25, _WEIGHT)
    kinds: float = key(1.0, _WEIGHT)
    attributes: float = key(1.0, _WEIGHT)
    marks: float = key(1.0, _WEIGHT)
