"""Choose among candidates: who may be meant in each look, what the models say of them, and which one it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zeroov import frames
from zeroov.candidates.choose import choose
from zeroov.candidates.evidence import by_answer, by_attention, by_ratio
from zeroov.candidates.glance import by_glance
from zeroov.candidates.marks import marked
from zeroov.candidates.parts import blobs
from zeroov.candidates.pool import MOST_IN_SCENE, pool_of
from zeroov.dumps import values as dumped
from zeroov.language.phrase import Phrase, parse
from zeroov.look import Look, Searched
from zeroov.pipeline.asking import around, boxes_by_source, crop, weighed
from zeroov.pipeline.cache import header
from zeroov.progress import Progress
from zeroov.recipe import Recipe
from zeroov.types import Anchor, Box, Boxes, Candidate, Choice, Picture, Pool, Selection

if TYPE_CHECKING:
    from zeroov.pipeline.run import Stages

MARKED = 9  # boxes at most that bear a number: one digit, one token
EVOLVED = 0.5  # of a look's own score, for a part of its map that the answer's box does not confirm


@dataclass(frozen=True, eq=False)
class Case:
    """One look, and who may be meant in it as far as that is known."""

    look: Look
    phrase: Phrase
    pool: Pool
    searched: Searched | None = None
    """The scene of which the look shows the whole, where its candidates are those of its tiles."""

    @property
    def picture(self) -> Picture:
        """What was looked at."""
        return self.look.picture

    def chosen(self, recipe: Recipe) -> Choice:
        """Apply the rules to what is known."""
        pool = self.pool
        weights = recipe.select_in_scene if self.searched else recipe.select
        return choose(pool.candidates, self.phrase, self.picture.hw, pool.anchors, pool.extra, weights)

    def crop(self, candidate: Candidate, recipe: Recipe) -> Picture:
        """Return the square around a candidate, as a picture of its own."""
        return crop(self.picture, candidate, recipe, self.searched.scene if self.searched else None)

    def around(self, boxes: Sequence[Box], recipe: Recipe) -> tuple[Picture, list[Box]]:
        """Return a picture that shows boxes, and the boxes in its pixels: of a scene the part that holds them."""
        if self.searched is None:
            return self.picture, list(boxes)
        return around([frames.to_scene(box, self.picture) for box in boxes], recipe, self.searched.scene)

    def knowing(self, asked: str, factor: Sequence[float]) -> Case:
        """Return the case with a further factor, of the same name as the question that was asked."""
        extra = {**self.pool.extra, asked: tuple(factor)}
        return replace(self, pool=replace(self.pool, extra=extra, asked=(*self.pool.asked, asked)))


Step = Callable[["Stages", Sequence[Case], Progress], list[Case]]


def select(stages: Stages, looks: Sequence[Look], progress: Progress, searched: Sequence[Searched] = ()) -> list[Look]:
    """Return each look with its candidates, those of its picture or of the scene, and the one that is meant.

    The rules decide. Where a recipe wants it always, or where the rules cannot decide, the models are asked: for the
    expression's other objects, for colours and the like in crops, and last for the number of a marked box.
    """
    recipe = stages.recipe
    cases = gather_searched(stages, looks, searched) if searched else gather(stages, looks, progress)
    choices = [case.chosen(recipe) for case in cases]
    steps: tuple[tuple[str, Step], ...] = (
        (recipe.evidence.anchors if recipe.search.relations or not searched else "never", ask_anchors),
        (recipe.evidence.kinds, ask_kinds),
        (recipe.evidence.attributes, ask_attributes),
        (recipe.evidence.marks, ask_marks),
    )
    for when, step in steps:
        least = 1 if step in (ask_kinds, ask_attributes) else 2  # is the only one there what was asked for?
        due = [
            at
            for at, choice in enumerate(choices)
            if len(cases[at].pool.candidates) >= least
            and (when == "always" or (when == "undecided" and choice.undecided))
        ]
        for at, case in zip(due, step(stages, [cases[at] for at in due], progress), strict=True):
            if case is not cases[at]:
                cases[at], choices[at] = case, case.chosen(recipe)
    return [
        replace(case.look, selection=Selection(case.pool, choice), keys={**case.look.keys, **_kept(stages, case)})
        for case, choice in zip(cases, choices, strict=True)
    ]


def _kept(stages: Stages, case: Case) -> dict[str, str]:
    """Write a case's dump, where dumps are kept, and return its key by the stage's name."""
    if stages.store is None:
        return {}
    keys = {name: case.look.keys.get(name, "") for name in ("overview", "focus")}
    sample, is_searched = header(case.look.question), case.searched is not None
    return {"candidates": dumped.write_pool(stages.store, sample, stages.recipe, keys, case.pool, is_searched)}


def gather(stages: Stages, looks: Sequence[Look], progress: Progress) -> list[Case]:
    """Return who may be meant in each look, by all sources of the recipe."""
    recipe = stages.recipe.candidates
    kinds = [kind_of(stages, look.question.expression) for look in looks]
    asked = [replace(look.question, expression=kind) for look, kind in zip(looks, kinds, strict=True)]
    cases = []
    for look, kind, lists in zip(looks, kinds, boxes_by_source(stages, asked, progress), strict=True):
        by_source, answer_box = dict(lists), look.overview.answer_box
        if "answer" in recipe.sources and answer_box:
            by_source["answer"] = [(answer_box, look.score(answer_box))]
        if "evolved" in recipe.sources and look.evolved:
            least = look.evolved.mask.size / look.evolved.fused.size  # one cell
            by_source["evolved"] = [(box, EVOLVED * look.score(box)) for box in blobs(look.evolved.mask, least)]
        candidates = pool_of(by_source, recipe.same, recipe.most)
        heat = look.evolved.fused if look.evolved else look.attention
        extra = {"attention": by_attention(heat, candidates, look.picture.hw)}
        if answer_box:
            extra["answer"] = by_answer(answer_box, candidates)
        pool = Pool(kind, candidates, any(lists.values()), extra=extra)
        cases.append(Case(look, parse(look.question.expression), pool))
    return cases


def gather_searched(stages: Stages, looks: Sequence[Look], searched: Sequence[Searched]) -> list[Case]:
    """Return who may be meant in each scene that was searched; a look shows the whole of one."""
    recipe, cases = stages.recipe.candidates, []
    for look, scene in zip(looks, searched, strict=True):
        kind = kind_of(stages, look.question.expression)
        by_source = scene.lists[kind]
        candidates = pool_of(by_source, recipe.same, MOST_IN_SCENE)
        reduced = look.overview.resized_hw[0] / look.picture.hw[0]
        extra = {"attention": by_glance(look.attention, candidates, look.picture.hw, reduced)}
        pool = Pool(kind, candidates, any(by_source.get(source) for source in recipe.listing), extra=extra)
        cases.append(Case(look, parse(look.question.expression), pool, scene))
    return cases


def kind_of(stages: Stages, expression: str) -> str:
    """Return the kind of thing of which every object is listed."""
    return stages.name(expression) or expression


def others_of(phrase: Phrase) -> list[tuple[int, int, Phrase]]:
    """Return the objects of another kind that an expression names: its relation, the part of that, and what it is."""
    return [
        (relation, part, anchor)
        for relation, anchors in enumerate(phrase.anchors)
        for part, anchor in enumerate(anchors)
        if not phrase.same_kind(anchor)
    ]


def listed_in(stages: Stages, asked: Sequence[tuple[Case, str]], progress: Progress) -> list[Mapping[str, Boxes]]:
    """Return who sees which objects of a kind: asked now of a picture, and before of the tiles of a searched scene."""
    questions = [replace(case.look.question, expression=kind) for case, kind in asked if case.searched is None]
    new = iter(boxes_by_source(stages, questions, progress) if questions else ())
    return [next(new) if case.searched is None else case.searched.lists[kind] for case, kind in asked]


def ask_anchors(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask for the other objects that the expressions name, and which of them have the attributes that they should."""
    recipe = stages.recipe
    wanted = [
        (at, relation, part, anchor)
        for at, case in enumerate(cases)
        for relation, anchors in enumerate(case.phrase.anchors)
        for part, anchor in enumerate(anchors)
    ]
    others = [(at, *other) for at, case in enumerate(cases) for other in others_of(case.phrase)]
    lists = listed_in(stages, [(cases[at], anchor.category) for at, _, _, anchor in others], progress)
    found = {
        each[:3]: pool_of(own, recipe.candidates.same, recipe.candidates.most)
        for each, own in zip(others, lists, strict=True)
    }
    known: dict[int, list[Anchor]] = {at: [] for at, *_ in wanted}
    checked = recipe.evidence.attributes != "never"
    for at, relation, part, anchor in wanted:
        case, kind = cases[at], anchor.category
        things = found.get((at, relation, part))
        if things is None:  # of the same kind: the rules know the candidates, but not which of them is the red one
            if not (anchor.visible and checked):
                continue
            things, kind = tuple(replace(each, score=1.0) for each in case.pool.candidates), case.pool.kind
        elif recipe.evidence.kinds != "never":
            shown = shown_in(stages, case, things, kind, progress)
            things = tuple(replace(each, score=each.score * share) for each, share in zip(things, shown, strict=True))
        if anchor.visible and checked and len(things) > 1:
            best = sorted(range(len(things)), key=[-each.score for each in things].__getitem__)
            fits = attributes_of(stages, case, things, best, anchor.visible, kind, progress)
            things = tuple(replace(each, score=each.score * fit) for each, fit in zip(things, fits, strict=True))
        known[at].append(Anchor(relation, things, part))
    return [
        replace(case, pool=replace(case.pool, anchors=tuple(known[at]), asked=(*case.pool.asked, "anchors")))
        if at in known
        else case
        for at, case in enumerate(cases)
    ]


def ask_kinds(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask of a crop of each of the best candidates whether it shows the asked kind at all."""
    done = []
    for case in cases:
        best = case.chosen(stages.recipe).order[: stages.recipe.evidence.most]
        yes = shown_in(stages, case, [case.pool.candidates[at] for at in best], case.pool.kind, progress)
        done.append(case.knowing("kinds", _for_all(case.pool.candidates, best, yes)))
    return done


def ask_attributes(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask which of the candidates have the attributes that the expression says."""
    done = []
    for case in cases:
        if words := case.phrase.visible:
            order, pool = case.chosen(stages.recipe).order, case.pool
            fits = attributes_of(stages, case, pool.candidates, order, words, pool.kind, progress)
            case = case.knowing("attributes", fits)
        done.append(case)
    return done


def attributes_of(
    stages: Stages,
    case: Case,
    candidates: Sequence[Candidate],
    order: Sequence[int],
    words: Sequence[str],
    kind: str,
    progress: Progress,
) -> tuple[float, ...]:
    """Return, of a crop of each candidate, how much likelier it shows the thing with some attributes than without.

    That is asked of the first of `order` alone, as many as the recipe allows; the others count as the least of them.
    """
    best = list(order[: stages.recipe.evidence.most])
    things = [candidates[at] for at in best]
    with_it = shown_in(stages, case, things, " ".join((*words, kind)), progress)
    ratios = by_ratio(with_it, shown_in(stages, case, things, kind, progress))
    return _for_all(candidates, best, ratios)


def _for_all(candidates: Sequence[Candidate], asked: Sequence[int], numbers: Sequence[float]) -> tuple[float, ...]:
    """Return a number for each candidate; those that were not asked about count as the least that were."""
    known = dict(zip(asked, numbers, strict=True))
    return tuple(known.get(at, min(numbers)) for at in range(len(candidates)))


def shown_in(stages: Stages, case: Case, things: Sequence[Candidate], name: str, progress: Progress) -> list[float]:
    """Return how likely the language model holds it that a crop of each candidate shows what a noun phrase names."""
    evidence = stages.recipe.evidence
    text = evidence.check
    if name[:1].lower() in "aeiou":
        text = text.replace(" a {kind}", " an {kind}")
    asked = [(case.crop(each, stages.recipe), text.replace("{kind}", name)) for each in things]
    return [shares[0] for shares in weighed(stages, asked, (evidence.yes, evidence.no), progress)]


def ask_marks(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask which numbered box is meant, twice, with the numbers reversed: a model that always says 1 must not win."""
    evidence = stages.recipe.evidence
    done = []
    for case in cases:
        best = list(case.chosen(stages.recipe).order[: min(MARKED, evidence.most)])
        answers = (*(str(number) for number in range(1, len(best) + 1)), "none")
        question = evidence.question.replace("{expression}", case.look.question.expression)
        picture, boxes = case.around([case.pool.candidates[at].box for at in best], stages.recipe)
        pictures = [marked(picture, order) for order in (boxes, boxes[::-1])]
        first, second = weighed(stages, [(picture, question) for picture in pictures], answers, progress)
        votes = [a + b for a, b in zip(first[:-1], second[-2::-1], strict=True)]
        factor = [1 / 3] * len(case.pool.candidates)
        for at, vote in zip(best, votes, strict=True):
            factor[at] = max(1 / 3, vote / max(votes))
        done.append(case.knowing("marks", factor))
    return done
