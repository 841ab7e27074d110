"""The words that the phrase parser knows, and the few rules for those that it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def vocabulary(*words: str) -> frozenset[str]:
    """Make a set of all the words in some lines."""
    return frozenset(" ".join(words).split())


def _numbered(words: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), start=1)}


Position = tuple[int, int]
"""Horizontal and vertical place: -1 left or top, 0 middle or unsaid, 1 right or bottom."""

ARTICLES = vocabulary("a an the")
DETERMINERS = ARTICLES | vocabulary(
    "this that these those some any another other each every all both its their several many few most no"
)
LEADERS = vocabulary(
    "find search locate segment detect identify show highlight mark point look select give get draw outline extract",
    "please kindly can could would you i we want need to for out me us where what there here is are see tell",
)
"""What a request starts with, before it names anything."""
COUNTS = _numbered("one two three four five six seven eight nine ten eleven twelve") | {
    "single": 1,
    "pair": 2,
    "couple": 2,
    "both": 2,
}
NUMBERS = frozenset(COUNTS)
RANKS = (
    _numbered("first second third fourth fifth sixth seventh eighth ninth tenth")
    | _numbered("1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th")
    | {"last": -1}
)
"""Ordinals; -1 counts from the other end."""
ORDINALS = frozenset(RANKS)
FIRST = ("first", "1st")
ONES = vocabulary("one ones other others another")
"""What stands for a thing of the kind that was named before."""
LINES = {"row": "row", "rows": "row", "line": "row", "lines": "row", "column": "column", "columns": "column"}
EDGES = vocabulary("edge edges border boundary margin")
PARTITIVES = vocabulary(
    "group cluster row line set pair couple number series collection bunch lot part piece section portion patch",
    "stretch kind type image picture photo view rest",
)
"""Words after which, with "of", the thing itself is named: "a row of cars"."""

GROUPS = vocabulary("group cluster row line pair couple bunch")
"""Partitives of things that lie together."""

COLOURS = vocabulary(
    "white black gray grey red blue green yellow orange brown purple pink cyan beige tan silver gold golden dark light",
    "bright pale navy turquoise maroon teal khaki magenta violet cream terracotta colorful colourful multicolor",
)
BACKGROUND = vocabulary("ground background surroundings surrounding landscape scenery terrain environment earth")
"""What everything lies on: "standing out against the ground" names no other object."""
SIZES = vocabulary(
    "small large big huge tiny little giant massive enormous gigantic medium mini long short tall wide narrow thin",
    "thick slender smaller larger bigger longer shorter taller wider narrower broad scale size",
)
SHAPES = vocabulary(
    "round square oval straight diagonal vertical horizontal linear octagonal hexagonal conical cylindrical oblong",
    "trapezoidal irregular flat",
)
OTHER_ADJECTIVES = vocabulary(
    "adjacent empty full old new modern visible partial isolated lone nearby parallel distinct prominent busy open",
    "wooden double dual twin similar same different identical solitary unique clear dense sparse bare dry wet clean",
    "dirty rusty shiny outer inner individual only entire whole complete main separate far very more less next",
    "nearer closer further farther higher own stationary",
)
FRUSTUM = "frustum of a cone"
"""DIOR-RSVG's way to say what shape a cooling tower has: one adjective."""
_PARTLY = [
    f"{much} {shown}"
    for much in ("partially", "partly", "half", "incompletely", "not fully", "not entirely")
    for shown in ("visible", "seen", "shown", "captured", "cropped", "cut", "cut off")
]
CUT = frozenset(_PARTLY) | {"cut off", "cropped", "truncated"}
"""Ways to say that the picture does not show all of a thing."""
LONE = vocabulary("isolated lone solitary standalone alone apart")
ADJECTIVES = COLOURS | SIZES | SHAPES | OTHER_ADJECTIVES | CUT | {FRUSTUM}
SMALL = {"small": 1.0, "little": 1.0, "smaller": 1.5, "tiny": 2.0}
LARGE = {"large": 1.0, "big": 1.0, "larger": 1.5, "bigger": 1.5} | dict.fromkeys(
    ("huge", "giant", "massive", "enormous", "gigantic"), 2.0
)
"""Words of size, and how much they say."""
LARGEST = vocabulary("largest biggest longest tallest widest larger bigger longer taller wider")
SMALLEST = vocabulary("smallest tiniest shortest narrowest smaller shorter narrower")
COMPARATIVES = frozenset(word for word in LARGEST | SMALLEST if word.endswith("er"))
SIZE_NOUNS = vocabulary("size sized scale dimension dimensions")
EXTENTS = {"width": "width", "breadth": "width", "horizontally": "width", "horizontal": "width"} | dict.fromkeys(
    ("height", "length", "vertically", "vertical", "lengthwise"), "height"
)
"""The side of the picture along which a thing is long."""
SPANS = vocabulary(
    "spans span spanning stretches stretch stretching runs run running extends extend extending crosses crossing",
    "covers covering occupies occupying traverses traversing",
)
HEADINGS = vocabulary(
    "facing pointing pointed heading headed directed oriented moving traveling travelling driving sailing flying"
)
"""What a side comes after that is not where a thing lies but where it turns to."""
TURNS = vocabulary("upward upwards downward downwards leftward leftwards rightward rightwards forward outward inward")
FAR = vocabulary("far very extreme")
"""Words before a side that mean its outer part."""
NOUNS_TOO = vocabulary("light square")
"""Adjectives that are the thing itself at a phrase's end: "the traffic light"."""
NOT_PARTICIPLES = vocabulary("shed watershed seabed riverbed flowerbed reed weed speed seed feed hundred")
PARTICIPLES = vocabulary("seen shown found built drawn cut made taken split laid hidden")
NOUNS_IN_ING = vocabulary(
    "building parking landing swimming crossing housing mooring docking loading marking clearing opening wing ring",
    "spring string dwelling shipping mining training cooling fencing railing awning paving bowling skating",
    "racing riding farming fishing living dining shopping sailing king holding warning",
)
NOUNS_IN_LY = vocabulary("assembly family supply butterfly anomaly")
NOUNS_IN_EST = vocabulary("forest rainforest harvest crest nest chest guest west interest")
VERBS = vocabulary(
    "is are was were be been being has have had does do can could may might will would should stands stand lies lie",
    "sits sit spans span stretches stretch runs run extends extend crosses connects passes appears appear features",
    "contains occupies faces leads points covers curves goes looks seems moves shows displays consists includes",
    "belongs borders adjoins abuts begins starts ends rests intersects overlaps forms exhibits boasts holds serves",
    "takes take stays remains sails flies drives floats travels resembles comes",
)
CLOSERS = vocabulary("it they he she , ; : . ! ? ( ) but while whereas")
"""What ends a description of another object: what follows is about the first one again."""
RELATIVE = vocabulary("which that who whose where")
JOINERS = vocabulary("and or & /")

IMAGE = vocabulary(
    "image picture photo photograph scene frame view figure screen map img pic imagery canvas snapshot shot"
)
IMAGE_KIND = vocabulary("satellite aerial remote sensing given input current overall")
PLACES = vocabulary(
    "part parts side sides corner edge area region section portion half quadrant position end border boundary zone",
    "third margin point location place hand most row rows column columns line lines",
)
"""What a direction may be followed by and still be one: "the left side"."""
EMPHASIS = vocabulary(
    "far very extreme slightly almost roughly approximately just directly immediate immediately exactly more most"
)

_ACROSS = {"left": -1, "right": 1, "west": -1, "east": 1, "western": -1, "eastern": 1}
_DOWN = {"top": -1, "upper": -1, "bottom": 1, "lower": 1, "north": -1, "south": 1, "northern": -1, "southern": 1}
_MIDDLE = vocabulary("middle center centre central mid")
DIRECTIONS: dict[str, Position] = (
    {word: (side, 0) for word, side in _ACROSS.items()}
    | {word: (0, side) for word, side in _DOWN.items()}
    | dict.fromkeys(_MIDDLE, (0, 0))
    | {
        "rght": (1, 0),
        "rigth": (1, 0),
        "lef": (-1, 0),
        "lft": (-1, 0),
        "botom": (0, 1),
        "buttom": (0, 1),
        "bottom": (0, 1),
    }
    | {down + across: (x, y) for down, y in _DOWN.items() for across, x in _ACROSS.items()}
)
EXTREMES: dict[str, Position] = {
    f"{word}most": place for word, place in DIRECTIONS.items() if word not in _MIDDLE and word not in ("north", "south")
} | {"highest": (0, -1), "lowest": (0, 1)}
WAYS: dict[str, Position] = (
    DIRECTIONS
    | dict.fromkeys(("above", "over"), (0, -1))
    | dict.fromkeys(("below", "under", "beneath", "underneath"), (0, 1))
)
"""The side of another thing that a word of a relation names."""
NEAREST = vocabulary("closest nearest furthest farthest")

PREPOSITIONS = vocabulary(
    "on in at to toward towards near by along alongside above below under beneath underneath over behind beside",
    "besides between among amongst inside within outside around surrounding opposite against facing across through",
    "past beyond off onto into upon amid abutting bordering overlooking of",
)


def _by_first_word(*phrases: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Sort phrases under their first words, the longest first, so that the first that fits is the right one."""
    sorted_out: dict[str, tuple[tuple[str, ...], ...]] = {}
    for phrase in phrases:
        split = tuple(phrase.split())
        sorted_out[split[0]] = tuple(sorted((*sorted_out.get(split[0], ()), split), key=len, reverse=True))
    return sorted_out


OPENERS = _by_first_word(
    *sorted(PREPOSITIONS),
    *("next to", "close to", "closer to", "nearer to", "adjacent to", "parallel to", "perpendicular to"),
    *("connected to", "attached to", "similar to", "in front of", "in line with", "across from", "away from"),
    *("far from", "on top of", "inside of", "outside of", "opposite to", "along with", "surrounded by"),
    *("apart from", "isolated from", "separate from", "separated from", "distant from", "proximity to"),
    *(
        "in proximity to",
        "in close proximity to",
        "neighboring",
        "neighbouring",
        "adjoining",
        "by its proximity to",
        "by its close proximity to",
    ),
    *("surrounded with", "enclosed by", "flanked by", "bordered by", "bounded by", "lined by", "encircled by"),
    *("bigger than", "smaller than", "larger than", "longer than", "shorter than", "wider than"),
)
"""What a place or a relation starts with."""
FEATURE_OPENERS = _by_first_word(
    *("with", "without", "having", "has", "have", "featuring", "characterized by", "characterised by"),
    *("marked with", "marked by", "equipped with", "made of", "painted in", "painted with", "covered with"),
    *("covered by", "covered in", "filled with", "lined with", "topped with"),
)
"""What an attribute that is a thing of its own starts with: "with a white roof"."""
BREAKS = (
    PREPOSITIONS
    | CLOSERS
    | RELATIVE
    | vocabulary(
        "from with without for as than via per during up down away having featuring not so also then there just almost"
    )
)
"""What ends a noun phrase."""


def is_adverb(word: str) -> bool:
    """Return whether a word only colours another: "partially"."""
    return len(word) > 4 and word.endswith("ly") and word not in NOUNS_IN_LY


def is_participle(word: str) -> bool:
    """Return whether a word is a verb's form that may come before or after a noun: "parked", "facing"."""
    if word in PARTICIPLES:
        return True
    if word.endswith("ed"):
        return len(word) > 4 and word not in NOT_PARTICIPLES
    return len(word) > 5 and word.endswith("ing") and word not in NOUNS_IN_ING


def is_superlative(word: str) -> bool:
    """Return whether a word singles out by comparison: "largest", "leftmost"."""
    return word in EXTREMES or (len(word) > 5 and word.endswith("est") and word not in NOUNS_IN_EST)


def is_adjective(word: str) -> bool:
    """Return whether a word before a noun describes it and does not belong to its name."""
    endings = ("ular", "ish", "ous", "ful", "less", "ical", "sive", "tive", "shaped")
    return word in ADJECTIVES or (len(word) > 4 and word.endswith(endings)) or is_participle(word)


def names(word: str) -> bool:
    """Return whether a word may belong to a noun phrase as its adjective or noun."""
    return (
        word not in BREAKS
        and word not in JOINERS
        and word not in VERBS
        and word not in DETERMINERS
        and not is_participle(word)
        and not is_adverb(word)
    )


_SINGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child", "buses": "bus", "busses": "bus"}
_ALIKE = vocabulary("gas canvas lens woods barracks series species headquarters premises tennis waterworks gasworks us")


def singular(word: str) -> str:
    """Return the singular of an English noun, by rule; a word that is none comes back as it is."""
    if word in _SINGULAR:
        return _SINGULAR[word]
    if word in _ALIKE or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "'s")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


def merged(places: Iterable[Position]) -> Position:
    """Join places said one after the other; the first that names a side of an axis decides it."""
    across = down = 0
    for x, y in places:
        across, down = across or x, down or y
    return across, down


def way_of(words: Iterable[str]) -> Position:
    """Return the side that a relation's words name, (0, 0) for none: "above and to the left of" is (-1, -1)."""
    return merged(WAYS[word] for word in words if word in WAYS)


def after(words: Sequence[str], start: int, skipped: frozenset[str]) -> int:
    """Return the index of the first word from `start` on that is none of `skipped`."""
    while start < len(words) and words[start] in skipped:
        start += 1
    return start
