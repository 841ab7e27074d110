"""Train the miniature VLM: `python -m scripts.training.train_vlm --state runs/vlm`. Resumable, CPU or CUDA.

The course on scenes of 224 x 224 is `scripts.training.vlm.schedule.STAGES`; the same command goes on where the last one
was cut off. With `--schedule scripts/training/runs/vlm_schedules/s5.json` it then goes on to all other sizes. The state
folder holds the state, `curve.jsonl`, and the model's folder (or `--out`), written at every save.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from scripts.training.resume import Curve, Limits, device_here, exported, read_state, run_arguments, write_state
from scripts.training.vlm.build import HIDDEN, build_model, save_folder
from scripts.training.vlm.data import Batch, BatchStream, hard_batch, list_batch
from scripts.training.vlm.evaluate import evaluate, evaluation_batches, measure_lists
from scripts.training.vlm.forward import read, see
from scripts.training.vlm.losses import DenseHeads, answer_loss, said_loss, soft_numbers
from scripts.training.vlm.muon import BlockMuon
from scripts.training.vlm.schedule import Schedule
from scripts.training.vlm.tokens import SHIPPED, build_tokenizer, read_chat_template
from scripts.training.vlm.turns import TurnWriter
from scripts.training.vlm.views import HELD_OUT, LISTED


class Trainer:
    """Hold the model, its throw-away heads, its optimisers, and where training stands."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.device = args, device_here()
        self.tokenizer = build_tokenizer(read_chat_template(args.tokenizer))
        self.writer = TurnWriter(self.tokenizer)
        self.words = self.writer.words
        self.model: Any = build_model(self.tokenizer, args.seed)
        if args.begin_with:
            begun: Any = type(self.model).from_pretrained(args.begin_with, dtype=torch.float32)
            self.model.load_state_dict(begun.state_dict())
        torch.nn.Module.to(self.model, self.device)
        self.heads = DenseHeads(HIDDEN, (1, 2)).to(self.device)
        self.schedule = Schedule.read(args.schedule) if args.schedule else Schedule()
        self.muon, self.adam = self._optimisers()
        self.parts: dict[str, Any] = {"model": self.model, "heads": self.heads, "muon": self.muon, "adam": self.adam}
        self.step, self.seconds = 0, 0.0
        args.state.mkdir(parents=True, exist_ok=True)
        self.file = args.state / "state.bin"
        kept = read_state(self.file, self.device)
        if kept:
            self.step, self.seconds = kept["step"], kept["seconds"]
            for name, part in self.parts.items():
                part.load_state_dict(kept[name])
        self.curve = Curve(args.state / "curve.jsonl", lambda line: line["step"] <= self.step)
        torch._dynamo.config.cache_size_limit = 64  # each size of picture is compiled for itself
        self.see = torch.compile(see, dynamic=False) if args.compile else see
        self.read = torch.compile(read, dynamic=False) if args.compile else read

    def _optimisers(self) -> tuple[BlockMuon, torch.optim.AdamW]:
        text = list(self.model.model.language_model.layers)
        text_matrices = [p for layer in text for p in layer.parameters() if p.ndim == 2]
        visual = [p for block in self.model.model.visual.blocks for p in block.parameters() if p.ndim == 2]
        taken = {id(p) for p in text_matrices + visual}
        width = self.model.config.vision_config.hidden_size
        muon = BlockMuon([(text_matrices, HIDDEN, text[0].self_attn.head_dim), (visual, width, width // 4)], lr=1.0)
        rest = [p for p in self.model.parameters() if id(p) not in taken]
        groups = [{"params": rest}, {"params": list(self.heads.parameters())}]
        adam = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.95), weight_decay=0.0)
        return muon, adam

    def save(self) -> None:
        """Write the state and the model's folder."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        write_state(state | {"step": self.step, "seconds": self.seconds}, self.file)
        with exported(self.args.out or self.args.state / "model") as folder:
            save_folder(self.model, self.tokenizer, folder)

    def log(self, **line: object) -> None:
        """Add one line to the curve."""
        self.curve.add(step=self.step, seconds=round(self.seconds, 1), **line)

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Run one batch forward."""
        words, table = self.words, self.model.get_input_embeddings().weight
        stage = self.schedule.stage_at(self.step)
        images = torch.from_numpy(batch.images).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.args.bf16):
            seen = self.see(self.model, images)
            if stage.freeze_vision:
                seen = seen.detach()
            head = table[torch.tensor(words.head, device=self.device)]
            prefix = torch.cat([head[None].expand(len(seen), -1, -1), seen.float()], 1)
            turns = table[torch.from_numpy(batch.ids).to(self.device)] if stage.turns else None
            layers = None if stage.turns else max(self.heads.after) + 1
            grid = (images.shape[1] // 28, images.shape[2] // 28)
            trace = self.read(self.model, prefix, turns, len(words.head), grid, layers)
        truth = {
            name: torch.from_numpy(getattr(batch, name)).to(self.device) for name in ("kind", "colour", "large", "box")
        }
        states = [trace.prefix_after[layer][:, len(words.head) :] for layer in self.heads.after]
        soft = self.soft(stage.sigma)
        found = self.heads(states, table, words, truth, soft)
        if trace.turns is not None:
            labels = torch.from_numpy(batch.labels).to(self.device)
            found |= answer_loss(trace.turns, table, labels, words, soft)
            kind, colour = (torch.from_numpy(a).to(self.device) for a in (batch.said_kind, batch.said_colour))
            turns_after = [trace.turns_after[layer] for layer in self.heads.after]
            found |= said_loss(turns_after, table, words, labels, kind, colour)
        whole: dict[str, torch.Tensor] = found
        return whole

    def soft(self, sigma: float) -> torch.Tensor:
        """Return the table of soft number labels, made anew when sigma changes."""
        if getattr(self, "_sigma", None) != sigma:
            self._sigma, self._soft = sigma, soft_numbers(sigma).to(self.device)
        table: torch.Tensor = self._soft
        return table

    def descend(self, losses: dict[str, torch.Tensor]) -> None:
        """Take one step."""
        stage, rate = self.schedule.stage_at(self.step), self.schedule.rate_at(self.step)
        weights = stage.weights
        for group in (*self.muon.param_groups, *self.adam.param_groups):
            group["lr"] = 0.0 if stage.heads_alone else rate
        self.adam.param_groups[-1]["lr"] = rate
        torch.stack([weights.get(name, 1.0) * value for name, value in losses.items()]).sum().backward()
        whole = [parameter for group in self.adam.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(whole, 1.0)
        for optimiser in (self.muon, self.adam):
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1

    def run(self) -> None:
        """Train until the limits or the schedule are over."""
        limits = Limits(self.args, self.schedule.last)
        if limits.over(self.step):
            self.save()
            return
        stream = BatchStream(self.tokenizer, self.schedule.plans(), self.step, self.args.workers)
        held_out = {"val": evaluation_batches(self.writer, self.args.val_images, 6)}
        lists = [list_batch(self.writer, view, "val", 0, 12) for _, view in LISTED if view]
        hard = [hard_batch(self.writer, self.schedule.plans()[-1][1], "val", first, 24) for first in (0, 32)]
        if self.schedule.stages[-1].mixed:
            for name, view in HELD_OUT.items():
                batches = evaluation_batches(self.writer, self.args.val_images // 4, 6, view=view)
                held_out[f"val_{name}"] = batches
        sums: dict[str, float] = {}
        since, last = self.step, time.monotonic()
        for batch in stream:
            losses = self.losses(batch)
            self.descend(losses)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            self.seconds += time.monotonic() - last
            over = limits.over(self.step)
            if self.step % self.args.log_every == 0 or over:
                means = {name: round(value / (self.step - since), 4) for name, value in sums.items()}
                self.log(**means, lr=round(self.schedule.rate_at(self.step - 1), 6))
                sums, since = {}, self.step
            if limits.time_to_measure() or over:
                for name, batches in held_out.items():
                    figures = evaluate(self.model, self.heads, batches, self.words, self.device)
                    self.log(**{name: figures.line()})
                if self.schedule.stages[-1].lists:
                    self.log(lists=[measure_lists(self.model, batch, self.words, self.device) for batch in lists])
                    figures = evaluate(self.model, self.heads, hard, self.words, self.device)
                    self.log(hard=figures.line())
            if limits.time_to_save() or over:
                self.save()
            last = time.monotonic()
            if over:
                break
        stream.close()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and train."""
    parser = run_arguments(__doc__, measure_every=180, log_every=100)
    parser.add_argument("--tokenizer", type=Path, default=SHIPPED, help="folder with the chat template")
    parser.add_argument("--schedule", type=Path, help="JSON file with another course")
    parser.add_argument("--begin-with", type=Path, help="saved model that a new course starts from")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes; 0: the training one does")
    parser.add_argument("--val-images", type=int, default=128)
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, default=True, help="needs a C++ compiler; 2.5 times as fast"
    )
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True, help="bfloat16 autocast")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    Trainer(args).run()


if __name__ == "__main__":
    main()
