"""Keys and values with room for what comes: a step writes its own, and copies nothing that was there before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

AHEAD = 64  # tokens of room beyond those that came


class State(NamedTuple):
    """What a recurrent layer keeps: the newest inputs of its convolution, and its running state."""

    convolution: Tensor
    running: Tensor


Kept = tuple[Tensor, Tensor] | State
"""What one layer keeps of the tokens that it has read: keys and values (1, key heads, n, depth), or its state."""


class RoomyLayer(DynamicLayer):
    """A layer of a cache; `keys` and `values` (B, key heads, length, depth) are views of larger tensors."""

    def __init__(self, parts: Sequence[tuple[Tensor, Tensor]], length: int):
        """Begin with `parts`, a row each of keys and values (1, key heads, n, depth), padded on the left to `length`.

        The padding is zeros.
        """
        create: Any = super().__init__
        create()
        begin: Any = self.lazy_initialization
        begin(*parts[0][: 2 if _takes_values() else 1])
        self._rooms = [self._room([each[at] for each in parts], length) for at in (0, 1)]
        self._length = length
        self._show()

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the new keys and values behind the others, and return all."""
        end = self._length + key_states.shape[2]
        for at, new in enumerate((key_states, value_states)):
            room = self._rooms[at]
            if end > room.shape[2]:
                larger = room.new_empty((*room.shape[:2], end + AHEAD, room.shape[3]))
                larger[:, :, : self._length] = room[:, :, : self._length]
                self._rooms[at] = room = larger
            room[:, :, self._length : end] = new
        self._length = end
        return self._show()

    def _show(self) -> tuple[Tensor, Tensor]:
        keys, values = (room[:, :, : self._length] for room in self._rooms)
        self.keys, self.values = keys, values
        return keys, values

    def _room(self, parts: Sequence[Tensor], length: int) -> Tensor:
        _, heads, _, depth = parts[0].shape
        room = parts[0].new_empty((len(parts), heads, length + AHEAD, depth))
        for row, part in enumerate(parts):
            start = length - part.shape[2]
            room[row, :, :start] = 0
            room[row, :, start:length] = part[0]
        return room


def _takes_values() -> bool:
    """Return whether a layer also gets its values' type, as from transformers 5."""
    return DynamicLayer.lazy_initialization.__code__.co_argcount > 2


def roomy_cache(layers: Sequence[Sequence[Kept]], length: int) -> DynamicCache:
    """Return a cache of `layers`, each a row for each sample; see `RoomyLayer`. States are copied, of one sample."""
    cache = DynamicCache()
    cache.layers = [
        _recurrent(parts[0]) if isinstance(parts[0], State) else RoomyLayer(parts, length) for parts in layers
    ]
    return cache


def kept_of(layer: Any) -> Kept:
    """Return what a layer of a cache holds."""
    states = getattr(layer, "recurrent_states", None)
    return (layer.keys, layer.values) if states is None else State(layer.conv_states[0], states[0])


def _recurrent(state: State) -> Any:
    from transformers.cache_utils import LinearAttentionLayer  # of versions that have such models

    layer: Any = LinearAttentionLayer()
    layer.update_conv_state(state.convolution)
    layer.update_recurrent_state(state.running)
    return layer
