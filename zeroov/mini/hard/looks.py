"""Make questions about how an object looks: its size, colour and shape."""

from __future__ import annotations

from zeroov.mini.hard.draft import Draft
from zeroov.mini.hard.judge import Part, size, verdict
from zeroov.mini.hard.layout import Thing, others
from zeroov.mini.hard.words import BARE
from zeroov.mini.kinds import KINDS

ROUND, LONG = 1.15, 1.6
"""Longer side of a box over the shorter: at most, of what is round or square; at least, of what is elongated."""


def size_superlative(draft: Draft) -> None:
    """Make a question about the largest or smallest object, or the larger or smaller of two of a colour."""
    draft.right_angles = draft.definite = True
    large = bool(draft.rng.random() < 0.6)
    colour, other = draft.colours(2)
    comparative = draft.sub == "comparative"
    if comparative or draft.rng.random() < 0.5:
        draft.say_colour(colour)

    def rivals() -> list[Thing]:
        return [t for t in draft.asked() if draft.colour in (None, t.colour)]

    draft.parts.append(Part("extreme", lambda t: size(t, rivals(), large)))
    low = KINDS[draft.kind].small_px[0] * draft.layout.scale
    own, near, beaten = (1.75, 1.35, 2.3) if large else (1.3, 1.7, 1.0)
    draft.target(draft.new(draft.colour, long_px=own * low, large=large))
    draft.miss("extreme", draft.new(draft.colour, long_px=near * low, large=False))
    if draft.colour:
        draft.miss("colour", draft.new(other, long_px=beaten * low, large=large))
    draft.full = True
    _fill_sizes(draft, colour if comparative else None, (1.0, 1.3) if large else (1.7, 2.3), low)
    plural = KINDS[draft.kind].plural
    if comparative:
        word = "larger" if large else "smaller"
        draft.subject = draft.choice(
            [f"{word} of the two {colour} {plural}", f"{word} one of the two {colour} {plural}"]
        )
        draft.tail = draft.speech.one([""], ["in the image", "in the scene"])
    else:
        draft.adjectives.insert(0, draft.choice(["largest", "biggest"] if large else ["smallest"]))
        draft.tail = draft.speech.one([""], ["", "in the image", f"{BARE}of all in the image"])


def _fill_sizes(draft: Draft, without: str | None, shares: tuple[float, float], low: float) -> None:
    for _ in range(6 * draft.count):
        if len(draft.asked()) >= draft.count:
            return
        colour = draft.choice([each for each in draft.colours(6) if each != without])
        long_px = float(draft.rng.uniform(*shares)) * low
        draft.layout.try_put(draft.new(colour, long_px=long_px, large=False), accept=draft.fails)


def sized(draft: Draft, large: bool) -> Part:
    """Return the part "large" (or "small"): the asked kind has two clear sizes, 1.44 times apart in area."""

    def judge(thing: Thing) -> int:
        other_class = [each for each in others(draft.asked(), thing) if each.large != thing.large]
        return size(thing, other_class, thing.large) if thing.large == large else -size(thing, other_class, thing.large)

    return Part("size", lambda thing: verdict(judge(thing) == 1, judge(thing) == -1))


def attributes(draft: Draft) -> None:
    """Make a question about size, colour or shape alone."""
    {"size": _size, "colour": _colour, "two": _two, "shape": _shape}[draft.sub](draft)


def size_words(draft: Draft, large: bool) -> str:
    """Draw a word for a size."""
    return draft.choice(["large", "large", "big", "huge"] if large else ["small", "small", "tiny", "little"])


def _size(draft: Draft) -> None:
    draft.right_angles = True
    large = bool(draft.rng.random() < 0.5)
    draft.parts.append(sized(draft, large))
    draft.target(draft.new(large=large))
    draft.miss("size", draft.new(large=not large))
    draft.full = True
    for _ in range(6 * draft.count):
        if len(draft.asked()) < draft.count:
            draft.layout.try_put(draft.new(large=not large), accept=draft.fails)
    word = size_words(draft, large)
    if draft.speech.style == "long" and word in ("large", "small") and draft.rng.random() < 0.5:
        article = "its" if draft.rng.random() < 0.5 else "a"
        draft.tail = f"{BARE}that is characterized by {article} {word} size compared to the rest"
    else:
        draft.adjectives.append(word)


def _colour(draft: Draft) -> None:
    colour, other = draft.colours(2)
    draft.say_colour(colour)
    draft.target(draft.new(colour))
    draft.miss("colour", draft.new(other))
    if draft.speech.style == "long" and draft.rng.random() < 0.3:
        draft.adjectives.remove(colour)
        draft.tail = (
            f"{BARE}that has a {colour} color" if draft.rng.random() < 0.5 else f"{BARE}which is {colour} in color"
        )


def _two(draft: Draft) -> None:
    draft.right_angles = True
    large = bool(draft.rng.random() < 0.5)
    colour, other = draft.colours(2)
    draft.parts.append(sized(draft, large))
    draft.say_colour(colour)
    draft.target(draft.new(colour, large=large))
    draft.miss("size", draft.new(colour, large=not large))
    draft.miss("colour", draft.new(other, large=large))
    draft.adjectives.insert(0, size_words(draft, large))


def _shape(draft: Draft) -> None:
    draft.right_angles = True
    long = bool(draft.rng.random() < 0.5)
    word, steps = {
        ("building", False): ("square", (4, -2)),
        ("building", True): ("elongated", (-2, 4)),
        ("stadium", False): ("round", (8, -4)),
        ("stadium", True): ("oval", (-4, 8)),
    }[draft.kind, long]

    def ratio(thing: Thing) -> float:
        sides = (thing.box[2] - thing.box[0], thing.box[3] - thing.box[1])
        return max(sides) / min(sides)

    if long:
        draft.parts.append(Part("shape", lambda t: verdict(ratio(t) >= LONG, ratio(t) <= ROUND)))
    else:
        draft.parts.append(Part("shape", lambda t: verdict(ratio(t) <= ROUND, ratio(t) >= LONG)))
    draft.target(draft.new(ratio_step=steps[0]))
    draft.miss("shape", draft.new(ratio_step=steps[1]))
    draft.full = True
    for _ in range(6 * draft.count):
        if len(draft.asked()) < draft.count:
            draft.layout.try_put(draft.new(ratio_step=steps[1]), accept=draft.fails)
    draft.adjectives.append(word)
