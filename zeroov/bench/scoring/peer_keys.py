"""Find the sample that another system's answer is for: by its id, or by its image and words where these are unique."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from zeroov.bench.runs.records import Record
from zeroov.bench.scoring.peer_files import Entry
from zeroov.errors import ZeroovError, first_few

Template = tuple[str, str]
"""What a question says before and after the expression."""


class Asked:
    """The samples that were asked, and how the questions of a file are worded around the expressions."""

    def __init__(self, records: Sequence[Record], entries: Sequence[Entry] = ()):
        self._by_id = {record.id: record for record in records}
        self._of_image: dict[str, list[Record]] = defaultdict(list)
        self._called: dict[str, set[str]] = defaultdict(set)
        for record in records:
            self._of_image[record.image].append(record)
            for name in _names(record.image):
                self._called[name].add(record.image)
        self.template = self._template(entries)

    @property
    def wording(self) -> str:
        """How the questions are worded, as far as letters' case and spaces do not matter."""
        return f"{self.template[0]}{{expression}}{self.template[1]}"

    def sample(self, entry: Entry) -> str:
        """Return the id of the sample that an entry answers; "" where it answers none of the run's."""
        if record := self._by_id.get(entry.sample):
            images = self._images(entry.image)
            if images and record.image not in images:
                raise ZeroovError(
                    f"{entry.where}: sample `{record.id}` is of image `{record.image}`, and the answer names "
                    f"`{entry.image}`; leave out one of both"
                )
            return record.id
        images = self._images(entry.image)
        if len(images) > 1:
            raise ZeroovError(
                f"{entry.where}: image `{entry.image}` may be {first_few([f'`{each}`' for each in images])}; "
                "give more of its path, or the sample's `id`"
            )
        if not images:
            return ""
        samples = self._of_image[images[0]]
        if entry.words:
            samples = [each for each in samples if _worded(each, self.template) == _plain(entry.words)]
        if len(samples) > 1:
            words = f" with the words `{entry.words}`" if entry.words else ""
            raise ZeroovError(
                f"{entry.where}: image `{entry.image}`{words} is that of {len(samples)} samples, "
                f"{first_few([f'`{each.id}`' for each in samples])}; give each answer the `id` of its sample"
                f"{'' if entry.words else ', or the `expression` beside its image'}: "
                "`zeroov bench data NAME --questions FILE` writes them"
            )
        return samples[0].id if samples else ""

    def _template(self, entries: Sequence[Entry]) -> Template:
        """Return what most questions say around an expression of their image, where it is one wording for all.

        An expression may lie in another one by chance, so each question alone does not say it.
        """
        votes: Counter[Template] = Counter()
        for entry in entries:
            images = self._images(entry.image) if entry.words and entry.sample not in self._by_id else []
            asked = _plain(entry.words)
            found = {text for image in images for each in self._of_image[image] if (text := _plain(each.expression))}
            votes.update({(before, after) for text in found for before, after in _around(asked, text)})
        best = max(votes, key=lambda each: (votes[each], -len(each[0] + each[1])), default=("", ""))
        return best

    def _images(self, name: str) -> list[str]:
        """Return the images that a name may mean: those that share most of its path's end."""
        path = PurePosixPath(name.replace("\\", "/"))
        called = sorted({image for each in (path.name, path.stem) for image in self._called.get(each, ())})
        if not called and name.isdecimal():
            called = sorted(self._called.get(_number(name), ()))
        shared = {image: _shared_parts(path, PurePosixPath(image)) for image in called}
        most = max(shared.values(), default=0)
        return [image for image in called if shared[image] == most]


def _names(image: str) -> Iterator[str]:
    """Yield what an image may be called: its name with and without its ending, and its number without zeros."""
    path = PurePosixPath(image)
    yield path.name
    yield path.stem
    if path.stem.isdecimal():
        yield _number(path.stem)


def _number(digits: str) -> str:
    return digits.lstrip("0") or "0"  # `int` refuses very many digits


def _shared_parts(one: PurePosixPath, other: PurePosixPath) -> int:
    """Return how many folders above the file two paths have in common."""
    count = 0
    for a, b in zip(reversed(one.parts[:-1]), reversed(other.parts[:-1]), strict=False):
        if a != b:
            break
        count += 1
    return count


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _worded(record: Record, template: Template) -> str:
    return template[0] + _plain(record.expression) + template[1]


def _around(asked: str, text: str) -> Iterator[Template]:
    """Yield what stands around each place where a text lies in a question."""
    start = asked.find(text)
    while start >= 0:
        yield asked[:start], asked[start + len(text) :]
        start = asked.find(text, start + 1)
