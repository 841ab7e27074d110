"""A CUDA device that is not there: tensors on it have shape, dtype and device, and no values.

On the CPU all is as ever. What is made on `cuda`, or copied there, is a `FakeTensor` of torch: each op checks shapes,
dtypes and devices as CUDA's own kernels do, and computes nothing. Whole numbers that came from the CPU, and very few
numbers of any kind, keep their values beside them, so that models lay out a prompt as they do on a GPU.

Code that asks the device for a value makes the CPU wait, and code that copies from the CPU makes the device wait. Both
are written down, as `waits` and `copies`.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

CUDA = torch.device("cuda", 0)
CPU = torch.device("cpu")
ATEN = torch.ops.aten
VALUE_OF = (ATEN._local_scalar_dense, ATEN.item, ATEN.is_nonzero)
COPIES = (ATEN._to_copy, ATEN.to, ATEN.copy_)
INDEXED = (ATEN.index, ATEN.index_put, ATEN.index_put_)  # CUDA takes indices that lie on the CPU, and copies them
NUMPY = {torch.float16: np.float16, torch.float32: np.float32, torch.bool: np.bool_}
FEW = 16
Answer = Callable[[], float | int | bool]


class NoDevice(TorchDispatchMode):
    """Ops on the CPU run, ops on the device are checked.

    `waits` are the functions that asked the device for values, `copies` those that copied to it, in order.

    `answers` gives the values that are asked of the device, by the name of the function that asks, for example
    `zeroov/focus/stage.py:_finite`, or of its package.
    """

    def __init__(self, fakes: FakeTensorMode, answers: Mapping[str, Answer]) -> None:
        super().__init__()
        self.fakes, self.answers = fakes, answers
        self.waits: list[str] = []
        self.copies: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        flat, spec = tree_flatten((args, kwargs or {}))
        tensors = [value for value in flat if isinstance(value, Tensor)]
        on_device = [value for value in tensors if isinstance(value, FakeTensor)]
        if not on_device and not any(isinstance(value, torch.device) and value.type == "cuda" for value in flat):
            with unset_fake_temporarily():
                return func(*args, **(kwargs or {}))
        if func.overloadpacket in VALUE_OF:
            return self._value(on_device[0])
        known = self._known(func, flat, spec, tensors)
        flat = [self._enter(func, value, on_device) for value in flat]
        args, kwargs = tree_unflatten(flat, spec)
        if func.overloadpacket in INDEXED:
            args = (args[0], [part for index in args[1] for part in self._whole(index)], *args[2:])
        try:
            made = func(*args, **kwargs)
        except DynamicOutputShapeException:
            if known is None:
                raise
            made = tree_map(self._fake, known)
        if known is not None or func._schema.is_mutable:
            values = tree_flatten(known)[0] if known is not None else [None] * len(tree_flatten(made)[0])
            for out, value in zip(tree_flatten(made)[0], values, strict=True):
                if isinstance(out, FakeTensor):
                    out.known = value if value is None or _is_kept(value) else None
        if func.overloadpacket in COPIES and on_device and tree_flatten(made)[0][0].device.type == "cpu":
            self.waits.append(_caller())
        return made

    def _value(self, tensor: FakeTensor) -> Any:
        caller = _caller()
        if tensor.device.type == "cuda":
            self.waits.append(caller)
        known = getattr(tensor, "known", None)
        if known is not None:
            with unset_fake_temporarily():
                return known.item()
        answer = self.answers.get(caller, self.answers.get(caller.split("/")[0]))
        if answer is None:
            raise AssertionError(f"{caller} asks the device for a value, and no answer is given for it")
        return answer()

    def _known(self, func: Any, flat: list[Any], spec: Any, tensors: list[Tensor]) -> Any:
        """Return what an op on known values gives, else `None`."""
        values = {id(each): getattr(each, "known", None) if isinstance(each, FakeTensor) else each for each in tensors}
        if any(value is None or not _is_kept(value) for value in values.values()):
            return None
        args, kwargs = tree_unflatten(
            [CPU if isinstance(each, torch.device) else values.get(id(each), each) for each in flat], spec
        )
        with unset_fake_temporarily():
            return func(*args, **kwargs)

    def _enter(self, func: Any, value: Any, on_device: list[FakeTensor]) -> Any:
        """Return a tensor of the CPU as the op on the device takes it; refuse it where CUDA refuses it."""
        if not isinstance(value, Tensor) or isinstance(value, FakeTensor):
            return value
        if on_device and value.ndim and func.overloadpacket not in (*COPIES, *INDEXED):
            raise RuntimeError(
                f"Expected all tensors to be on the same device: {func} in {_caller()} got one of shape "
                f"{tuple(value.shape)} on the CPU and one on the device"
            )
        if value.ndim or func.overloadpacket in COPIES:
            self.copies.append(_caller())
        return self.fakes.from_tensor(value)

    def _whole(self, index: Any) -> list[Any]:
        """Return an index, a mask with known values as whole numbers: how many it chooses is then known."""
        known = getattr(index, "known", None)
        if known is None or known.dtype != torch.bool:
            return [index]
        with unset_fake_temporarily():
            places = known.nonzero().unbind(1)
        return [self._fake(place) for place in places]

    def _fake(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        with unset_fake_temporarily():
            shape_only = value.to("meta")
        return FakeTensor(self.fakes, shape_only, CUDA)


class _Borders(TorchFunctionMode):
    """What is no op of torch's: values that leave for Python, and gradients, which need a real device's streams."""

    def __init__(self, device: NoDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = args[0] if args else None
        if func is torch.autograd.grad:
            (loss,), (wanted,) = args[:2]
            assert loss.requires_grad, "a gradient of what depends on nothing"
            return (torch.empty_like(wanted),)  # of the shape, dtype and device that autograd gives it
        if isinstance(first, FakeTensor) and func is Tensor.tolist and getattr(first, "known", None) is not None:
            self.device.waits.append(_caller())
            with unset_fake_temporarily():
                return first.known.tolist()
        if func is torch.tensor and isinstance(first, list) and any(isinstance(each, FakeTensor) for each in first):
            args = ([each.item() for each in first], *args[1:])
        if isinstance(first, FakeTensor) and func is Tensor.numpy:
            if first.device.type != "cpu":
                raise TypeError(f"can't convert a tensor on {first.device} to numpy in {_caller()}")
            return np.zeros(first.shape, dtype=NUMPY[first.dtype])
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def no_device(answers: Mapping[str, Answer]) -> Iterator[NoDevice]:
    """Let `cuda` be a device without values for as long as the block lasts; skip the test where torch cannot."""
    fakes = FakeTensorMode(allow_non_fake_inputs=False)
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    device = NoDevice(fakes, answers)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # `module.to` puts in other parameters
    try:
        with fakes, device, _Borders(device):
            try:
                torch.empty(1, device=CUDA)
            except (RuntimeError, AssertionError) as error:
                pytest.skip(f"this build of torch ({torch.__version__}) has no fake CUDA device: {error}")
            yield device
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def of_zeroov(callers: Sequence[str]) -> list[str]:
    """Return the callers that are in the package, each once, in order."""
    return list(dict.fromkeys(caller for caller in callers if caller.startswith("zeroov/")))


def moved(module: nn.Module) -> nn.Module:
    """Return a copy of a module on the device. Call it inside `no_device`."""
    return copy.deepcopy(module).to(CUDA)


def _is_kept(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or tensor.numel() <= FEW


def _caller() -> str:
    """Return the innermost function that is neither torch's nor this file's, as `package/file.py:function`."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        parts = Path(frame.f_code.co_filename).parts
        own_name = not frame.f_code.co_name.startswith("<")  # a comprehension has none in Python 3.11 alone
        if "torch" not in parts and parts[-1] != Path(__file__).name and own_name:
            break
        frame = frame.f_back
    parts = Path(frame.f_code.co_filename).parts
    roots = [index for index, part in enumerate(parts) if part in ("zeroov", "site-packages", "tests")]
    start = max(roots, default=0)
    return "/".join(parts[start + (parts[start] == "site-packages") :]) + f":{frame.f_code.co_name}"
