"""Choose among candidates: who may be meant in each look, what the models say of them, and which one it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zeroov import dumps
from zeroov.candidates.choose import choose
from zeroov.candidates.evidence import by_answer, by_attention, by_ratio
from zeroov.candidates.marks import marked
from zeroov.candidates.parts import blobs
from zeroov.candidates.pool import pool_of
from zeroov.candidates.relate import Seen
from zeroov.dumps import values as dumped
from zeroov.language.phrase import Phrase, parse
from zeroov.look import Look, Question
from zeroov.pipeline.cache import Work, fill
from zeroov.pipeline.models import ModelStage
from zeroov.progress import Progress
from zeroov.recipe import SelectRecipe
from zeroov.types import Candidate, Choice, Listing, Picture, Selection, Window
from zeroov.zoom.crop import window_around

if TYPE_CHECKING:
    from zeroov.pipeline.run import Stages

MARKED = 9  # boxes at most that bear a number: one digit, one token
EVOLVED = 0.5  # of a look's own score, for a part of its map that the answer's box does not confirm


@dataclass(frozen=True, eq=False)
class Case:
    """One look, who may be meant in it, and what is known of them so far."""

    look: Look
    phrase: Phrase
    kind: str
    candidates: tuple[Candidate, ...]
    weights: SelectRecipe
    listed: bool
    """A source that lists whole kinds saw one at least."""
    anchors: tuple[Seen, ...] = ()
    extra: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    def chosen(self) -> Choice:
        """Apply the rules to what is known."""
        hw = self.look.picture.hw
        return choose(self.candidates, self.phrase, hw, self.anchors, self.extra, self.weights)


Step = Callable[["Stages", Sequence[Case], Progress], list[Case]]


def select(stages: Stages, looks: Sequence[Look], progress: Progress) -> list[Look]:
    """Return each look with its candidates and the one that is meant.

    The rules decide. Where a recipe wants it always, or where the rules cannot decide, the models are asked: for the
    expression's other objects, for colours and the like in crops, and last for the number of a marked box.
    """
    evidence = stages.recipe.evidence
    cases = gather(stages, looks, progress)
    choices = [case.chosen() for case in cases]
    steps: tuple[tuple[str, str, Step], ...] = (
        ("anchors", evidence.anchors, ask_anchors),
        ("attributes", evidence.attributes, ask_attributes),
        ("marks", evidence.marks, ask_marks),
    )
    for _, when, step in steps:
        due = [
            at
            for at, choice in enumerate(choices)
            if len(cases[at].candidates) > 1 and (when == "always" or (when == "undecided" and choice.undecided))
        ]
        for at, case in zip(due, step(stages, [cases[at] for at in due], progress), strict=True):
            if case is not cases[at]:
                cases[at], choices[at] = case, case.chosen()
    return [
        replace(look, selection=Selection(case.candidates, choice, case.kind, case.listed, case.asked))
        for look, case, choice in zip(looks, cases, choices, strict=True)
    ]


def gather(stages: Stages, looks: Sequence[Look], progress: Progress) -> list[Case]:
    """Return who may be meant in each look, by all sources of the recipe."""
    recipe = stages.recipe.candidates
    phrases = [parse(look.question.expression) for look in looks]
    kinds = [stages.name(look.question.expression) for look in looks]
    asked = [
        replace(look.question, expression=kind or look.question.expression)
        for look, kind in zip(looks, kinds, strict=True)
    ]
    lists = {source: listings(stages, source, asked, progress) for source in listing_sources(stages)}
    cases = []
    for at, (look, phrase) in enumerate(zip(looks, phrases, strict=True)):
        seen = {source: list(zip(found[at].boxes, found[at].scores, strict=True)) for source, found in lists.items()}
        answer_box = look.overview.answer_box
        if "answer" in recipe.sources and answer_box:
            seen["answer"] = [(answer_box, look.score(answer_box))]
        if "evolved" in recipe.sources and look.evolved:
            least = look.evolved.mask.size / look.evolved.fused.size  # one cell
            seen["evolved"] = [(box, EVOLVED * look.score(box)) for box in blobs(look.evolved.mask, least)]
        pool = pool_of(seen, recipe.same, recipe.most)
        heat = look.evolved.fused if look.evolved else look.attention
        extra = {"attention": by_attention(heat, pool, look.picture.hw)}
        if answer_box:
            extra["answer"] = by_answer(answer_box, pool)
        listed = any(found[at].boxes for found in lists.values())
        cases.append(Case(look, phrase, asked[at].expression, pool, stages.recipe.select, listed, extra=extra))
    return cases


def ask_anchors(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask for the other objects that the expressions name, and which of them have the attributes that they should."""
    wanted = [
        (at, number, part, anchor)
        for at, case in enumerate(cases)
        for number, anchors in enumerate(case.phrase.anchors)
        for part, anchor in enumerate(anchors)
    ]
    others = [each for each in wanted if not cases[each[0]].phrase.same_kind(each[3])]
    questions = [replace(cases[at].look.question, expression=anchor.category) for at, _, _, anchor in others]
    lists = [listings(stages, source, questions, progress) for source in listing_sources(stages)]
    recipe = stages.recipe.candidates
    pools = {}
    for place, (at, number, part, _) in enumerate(others):
        found = {
            source: list(zip(each[place].boxes, each[place].scores, strict=True))
            for source, each in zip(listing_sources(stages), lists, strict=True)
        }
        pools[at, number, part] = pool_of(found, recipe.same, recipe.most)
    seen: dict[int, list[Seen]] = {at: [] for at, *_ in wanted}
    for at, number, part, anchor in wanted:
        case, kind = cases[at], anchor.category
        if case.phrase.same_kind(anchor):  # the candidates themselves, which the rules know
            if not anchor.visible or stages.recipe.evidence.attributes == "never":
                continue
            pool, kind = tuple(replace(each, score=1.0) for each in case.candidates), case.kind
        else:
            pool = pools[at, number, part]
        if anchor.visible and len(pool) > 1 and stages.recipe.evidence.attributes != "never":
            best = sorted(range(len(pool)), key=lambda place: -pool[place].score)
            fits = attributes_of(stages, case.look.picture, pool, best, anchor.visible, kind, progress)
            pool = tuple(replace(each, score=each.score * fit) for each, fit in zip(pool, fits, strict=True))
        seen[at].append(Seen(number, pool, part))
    return [
        replace(case, anchors=tuple(seen[at]), asked=(*case.asked, "anchors")) if at in seen else case
        for at, case in enumerate(cases)
    ]


def ask_attributes(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask which of the candidates have the attributes that the expression says."""
    done = []
    for case in cases:
        if case.phrase.visible:
            order, words = case.chosen().order, case.phrase.visible
            factor = attributes_of(stages, case.look.picture, case.candidates, order, words, case.kind, progress)
            extra = {**case.extra, "attributes": factor}
            case = replace(case, extra=extra, asked=(*case.asked, "attributes"))
        done.append(case)
    return done


def attributes_of(
    stages: Stages,
    picture: Picture,
    candidates: Sequence[Candidate],
    order: Sequence[int],
    words: Sequence[str],
    kind: str,
    progress: Progress,
) -> tuple[float, ...]:
    """Return, of a crop of each candidate, how much likelier it shows the thing with some attributes than without.

    That is asked of the first of `order` alone, as many as the recipe allows; the others count as the least of them.
    """
    evidence = stages.recipe.evidence
    best = list(order[: evidence.most])
    crops = [crop(picture, candidates[at], evidence.crop, evidence.least_side) for at in best]
    texts = [asked_of(evidence.check, thing) for thing in (" ".join((*words, kind)), kind)]
    asked = [(each, text) for text in texts for each in crops]
    yes = [shares[0] for shares in weighed(stages, asked, (evidence.yes, evidence.no), progress)]
    ratios = by_ratio(yes[: len(best)], yes[len(best) :])
    factor = [min(ratios)] * len(candidates)
    for at, ratio in zip(best, ratios, strict=True):
        factor[at] = ratio
    return tuple(factor)


def asked_of(prompt: str, thing: str) -> str:
    """Return a question about a thing; "a {kind}" becomes "an orange ship"."""
    if thing[:1].lower() in "aeiou":
        prompt = prompt.replace(" a {kind}", " an {kind}")
    return prompt.replace("{kind}", thing)


def ask_marks(stages: Stages, cases: Sequence[Case], progress: Progress) -> list[Case]:
    """Ask which numbered box is meant, twice, with the numbers reversed: a model that always says 1 must not win."""
    evidence = stages.recipe.evidence
    done = []
    for case in cases:
        best = list(case.chosen().order[: min(MARKED, evidence.most)])
        answers = (*(str(number) for number in range(1, len(best) + 1)), "none")
        question = evidence.question.replace("{expression}", case.look.question.expression)
        pictures = [
            marked(case.look.picture, [case.candidates[at].box for at in order]) for order in (best, best[::-1])
        ]
        first, second = weighed(stages, [(picture, question) for picture in pictures], answers, progress)
        votes = [a + b for a, b in zip(first[:-1], second[-2::-1], strict=True)]
        top = max(votes)
        factor = [1 / 3] * len(case.candidates)
        for at, vote in zip(best, votes, strict=True):
            factor[at] = max(1 / 3, vote / top)
        extra = {**case.extra, "marks": tuple(factor)}
        done.append(replace(case, extra=extra, asked=(*case.asked, "marks")))
    return done


def listing_sources(stages: Stages) -> list[str]:
    """Return the recipe's sources that list whole kinds."""
    return [source for source in stages.recipe.candidates.sources if source in ("vlm", "detector")]


def listings(stages: Stages, source: str, questions: Sequence[Question], progress: Progress) -> list[Listing]:
    """Return every object of each question's kind that a source sees; the kind is its expression."""
    recipe, models = stages.recipe, stages.models
    model: ModelStage = "overview" if source == "vlm" else "detector"
    settings = dumps.listing_settings(recipe, source, models.locate(model).revision, models.dtype_name(model))

    def compute(batch: Sequence[Question]) -> list[Listing]:
        pictures, kinds = [each.picture for each in batch], [each.expression for each in batch]
        if source == "detector":
            from zeroov.candidates.detector import detect

            return detect(models.detector(), pictures, kinds, recipe.detector, recipe.candidates.most)
        from zeroov.overview.listing import list_objects

        return list_objects(models.overview(), pictures, kinds, recipe.candidates, recipe.overview)

    def key(question: Question) -> str:
        return dumps.digest("listing", question.picture.digest, question.expression, settings)

    work = Work("listing", model, settings, key, compute, dumped.from_listing, dumped.to_listing)
    return [made.value for made in fill(work, questions, stages.store, models, progress)]


def weighed(
    stages: Stages, asked: Sequence[tuple[Picture, str]], answers: Sequence[str], progress: Progress
) -> list[tuple[float, ...]]:
    """Return how likely the language model holds each of `answers` to each picture's question."""
    recipe, models = stages.recipe, stages.models
    settings = dumps.weighed_settings(recipe, models.locate("overview").revision, models.dtype_name("overview"))

    def compute(batch: Sequence[Question]) -> list[tuple[float, ...]]:
        from zeroov.overview.weigh import weigh

        pictures, texts = [each.picture for each in batch], [each.expression for each in batch]
        return weigh(models.overview(), pictures, texts, answers, recipe.overview)

    def key(question: Question) -> str:
        return dumps.digest("weighed", question.picture.digest, f"{question.expression}\n{list(answers)}", settings)

    def to_dump(shares: tuple[float, ...]) -> dumped.Parts:
        return {}, {"answers": list(answers), "shares": list(shares)}

    work = Work("weighed", "overview", settings, key, compute, to_dump, dumped.to_shares)
    questions = [Question(picture, text) for picture, text in asked]
    return [made.value for made in fill(work, questions, stages.store, models, progress)]


def crop(picture: Picture, candidate: Candidate, context: float, least_side: int) -> Picture:
    """Return the square around a candidate, as a picture of its own."""
    x0, y0, x1, y1 = window_around(candidate.box, picture.hw, context, least_side)
    shown = picture.window
    across, down = shown.hw[1] / picture.hw[1], shown.hw[0] / picture.hw[0]
    part = Window(
        shown.x0 + round(x0 * across),
        shown.y0 + round(y0 * down),
        max(shown.x0 + round(x0 * across) + 1, shown.x0 + round(x1 * across)),
        max(shown.y0 + round(y0 * down) + 1, shown.y0 + round(y1 * down)),
    )
    return replace(picture, rgb=picture.rgb[y0:y1, x0:x1], valid=None, part=part)
