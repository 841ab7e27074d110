"""Train the miniature VLM: `python scripts/mini/train_vlm.py --state DIR --tokenizer DIR --minutes 60`. Resumable.

The state folder holds `state.pt` (weights, optimisers, step), `curve.jsonl` and, after `--export`, the model's folder.
The tokenizer folder is Qwen2.5-VL's published tokenizer files (only the chat template is read).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from scripts.mini.vlm.build import HIDDEN, build_model, save_folder
from scripts.mini.vlm.data import Batch, BatchStream, TurnWriter
from scripts.mini.vlm.evaluate import evaluate, evaluation_batches
from scripts.mini.vlm.forward import read, see
from scripts.mini.vlm.losses import DenseHeads, answer_loss, said_loss, soft_numbers
from scripts.mini.vlm.muon import BlockMuon
from scripts.mini.vlm.schedule import Schedule
from scripts.mini.vlm.tokens import build_tokenizer, read_chat_template


class Trainer:
    """Hold the model, its throw-away heads, its optimisers, and where training stands."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = build_tokenizer(read_chat_template(Path(args.tokenizer)))
        self.writer = TurnWriter(self.tokenizer)
        self.words = self.writer.words
        self.model: Any = build_model(self.tokenizer, args.seed)
        torch.nn.Module.to(self.model, self.device)
        self.heads = DenseHeads(HIDDEN, (1, 2)).to(self.device)
        self.step, self.seconds = 0, 0.0
        self.state = Path(args.state)
        self.state.mkdir(parents=True, exist_ok=True)
        self.schedule = Schedule.read(Path(args.schedule)) if args.schedule else Schedule()
        self.muon, self.adam = self._optimisers()
        if (self.state / "state.pt").exists():
            self.load(self.state / "state.pt")
        elif args.start_from:
            self.load(Path(args.start_from), weights_only=True)
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
        adam = torch.optim.AdamW([*rest, *self.heads.parameters()], lr=1.0, betas=(0.9, 0.95), weight_decay=0.0)
        return muon, adam

    def load(self, path: Path, weights_only: bool = False) -> None:
        """Take up a saved state."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        if not weights_only:
            self.step, self.seconds = state["step"], state["seconds"]
            self.muon.load_state_dict(state["muon"])
            self.adam.load_state_dict(state["adam"])

    def save(self) -> None:
        """Write the state whole, then put it in place."""
        part = self.state / "state.part"
        saved: dict[str, Any] = {"model": self.model.state_dict(), "heads": self.heads.state_dict()}
        saved |= {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}
        torch.save(saved | {"step": self.step, "seconds": self.seconds, "seed": self.args.seed}, part)
        part.replace(self.state / "state.pt")

    def log(self, line: dict[str, object]) -> None:
        """Append one line to the curve."""
        line = {"step": self.step, "seconds": round(self.seconds, 1), **line}
        with (self.state / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

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

    def run(self) -> None:
        """Train until the minutes or the schedule are over."""
        plans = self.schedule.plans()
        stream = BatchStream(self.tokenizer, plans, self.step, self.args.workers)
        held_out = evaluation_batches(self.writer, self.args.val_images, 6)
        began = last = saved = measured = time.monotonic()
        sums: dict[str, float] = {}
        since = self.step
        for batch in stream:
            stage = self.schedule.stage_at(self.step)
            rate = self.schedule.rate_at(self.step)
            if self.args.fall_minutes:  # the clock ends this run: fall to zero with it, whatever the step
                left = self.args.minutes - (time.monotonic() - began) / 60
                rate *= min(1.0, max(0.0, left / self.args.fall_minutes))
            for group in (*self.muon.param_groups, *self.adam.param_groups):
                group["lr"] = rate
            losses = self.losses(batch)
            total = sum((stage.weights.get(name, 1.0) * value for name, value in losses.items()), torch.zeros(()))
            total.backward()
            torch.nn.utils.clip_grad_norm_(self.adam.param_groups[0]["params"], 1.0)
            self.muon.step()
            self.adam.step()
            self.muon.zero_grad(set_to_none=True)
            self.adam.zero_grad(set_to_none=True)
            self.step += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            now = time.monotonic()
            self.seconds += now - last
            last = now
            over = now - began > self.args.minutes * 60 or self.step >= self.schedule.last
            if self.step % 100 == 0 or over:
                done = max(1, self.step - since)
                self.log({**{k: round(v / done, 4) for k, v in sums.items()}, "lr": round(rate, 6)})
                sums, since = {}, self.step
            if now - measured > self.args.every or over:
                figures = evaluate(self.model, self.heads, held_out, self.words, self.device)
                self.log({"val": figures.line()})
                measured = time.monotonic()
            if now - saved > 120 or over:
                self.save()
                saved = time.monotonic()
            last = time.monotonic()
            if over:
                break
        stream.close()


def main() -> None:
    """Read the command line and train, or export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True, help="folder outside the project for state and curve")
    parser.add_argument("--tokenizer", required=True, help="folder with Qwen2.5-VL's chat_template.json")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--fall-minutes", type=float, default=0, help="let the rate fall to 0 over this run's last ones"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--every", type=float, default=180, help="seconds between measurements")
    parser.add_argument("--val-images", type=int, default=128)
    parser.add_argument("--schedule", help="JSON file with the stages; read at start")
    parser.add_argument("--start-from", help="state.pt whose weights (not step, not optimisers) to begin with")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--export", help="write the model folder here and stop")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    trainer = Trainer(args)
    if args.export:
        save_folder(trainer.model, trainer.tokenizer, Path(args.export))
        return
    trainer.run()


if __name__ == "__main__":
    main()
