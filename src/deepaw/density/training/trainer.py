"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepaw import __version__
from deepaw.density.data.example import Example
from deepaw.density.model.model import DensityModel
from deepaw.density.training.checkpoint import Checkpoint, read_checkpoint
from deepaw.density.training.config import DensityInput
from deepaw.density.training.curve import CurvePoint, LearningCurve, draw_curve, read_curve
from deepaw.density.training.objective import FittedObjective, Objective, nmae
from deepaw.density.training.schedule import AveragedWeights, learning_rate
from deepaw.density.training.setup import prepare_training
from deepaw.density.training.validation import Validation, validate
from deepaw.errors import InputError

Say = Callable[[str], None]


class Trainer:
    """Trains one model in one folder, which receives `lcurve.out`, `lcurve.png`, `checkpoint.pt`, `model.safetensors`,
    and the names of the structures set aside in `validation.txt` and `left_out.txt`.

    Args:
        settings: the input file's content; `folder`: what its data's paths are relative to.
        output: the folder to work in, which exists.
        device: where to train.
        restart: a checkpoint to go on from. On a CPU the result is bit for bit that of an uninterrupted training.
        say: receives the progress lines.

    Raises:
        InputError: anything wrong with the data or the checkpoint.
    """

    def __init__(
        self,
        settings: DensityInput,
        folder: Path,
        output: Path,
        device: torch.device,
        restart: Path | None = None,
        say: Say = print,
    ) -> None:
        self.settings, self.output, self.say = settings, output, say
        self._device = device
        checkpoint = read_checkpoint(restart) if restart is not None else None
        content = settings.model_dump(mode="json")
        if checkpoint is not None:
            _check_same(restart, checkpoint.settings, content)
        self._setup = prepare_training(settings, folder, device, checkpoint.fitted if checkpoint else None)
        network = self._setup.model.network
        if checkpoint is not None:
            network.load_state_dict(checkpoint.weights)
        training = settings.training
        self._weights = [weight for weight in network.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._weights, lr=training.learning_rate, betas=(0.9, 0.98), weight_decay=training.weight_decay
        )
        self._averages = AveragedWeights(self._weights, training.ema)
        self._step, self._seconds = 0, 0.0
        if checkpoint is not None:
            self._optimizer.load_state_dict(checkpoint.optimizer)
            for mine, kept in zip(self._averages.averages, checkpoint.averages, strict=True):
                mine.copy_(kept)
            self._step, self._seconds = checkpoint.step, checkpoint.seconds
        self._curve = LearningCurve(output / "lcurve.out", self._step)
        parts = self._setup.split
        (output / "validation.txt").write_text("".join(f"{example.name}\n" for example in parts.validation))
        (output / "left_out.txt").write_text("".join(f"{example.name}\n" for example in parts.left_out))
        assert self._setup.model.fitted is not None
        self.baseline = self._validate(FittedObjective(self._setup.model.fitted, device), parts.validation)
        say(
            f"{len(parts.train)} structures to learn from, {len(parts.validation)} to validate, {len(parts.left_out)} of "
            f"crystal types left out; {sum(weight.numel() for weight in self._weights):,} weights; fitted atoms: "
            f"NMAE {100 * _mean(self.baseline.nmae):.2f} % on the validation set"
        )

    def run(self) -> DensityModel:
        """Train to the last step and return the model with the averaged weights, which is also written."""
        training = self.settings.training
        losses: list[float] = []
        begun = time.monotonic() - self._seconds
        first, started = self._step, time.monotonic()
        try:
            while self._step < training.steps:
                losses.append(self._train_step())
                self._seconds = time.monotonic() - begun
                if self._step % training.validate_every == 0 or self._step == training.steps:
                    rate = (self._step - first) / (time.monotonic() - started)
                    self._report(_mean(np.array(losses)), rate)
                    losses = []
                if self._step % training.save_every == 0 or self._step == training.steps:
                    self._save()
        except KeyboardInterrupt:
            self._save()
            self.say(f"stopped at step {self._step}; go on with --restart {self.output / 'checkpoint.pt'}")
            raise
        return self._finish()

    def _train_step(self) -> float:
        """One optimisation step; returns its loss. Everything random follows from the seed and the step."""
        training, step = self.settings.training, self._step
        batch = self._batch(step)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(training, step)
        self._optimizer.zero_grad()
        self._setup.objective.begin_step()
        total = 0.0
        parts = [batch[start :: training.accumulate] for start in range(min(training.accumulate, len(batch)))]
        for number, part in enumerate(parts):
            loss = self._loss(part, np.random.default_rng([training.seed, 0, step, number])) / len(batch)
            loss.backward(retain_graph=number + 1 < len(parts))
            total += float(loss.detach())
        if not np.isfinite(total):
            raise InputError(
                f"The loss is {total} at step {step + 1}, on {', '.join(example.name for example in batch)}; lower "
                f"training.learning_rate. The last good checkpoint is {self.output / 'checkpoint.pt'}."
            )
        torch.nn.utils.clip_grad_norm_(self._weights, training.gradient_clip)
        self._optimizer.step()
        self._averages.update(step)
        self._step += 1
        return total

    def _loss(self, batch: list[Example], random: np.random.Generator) -> Tensor:
        """Sum over the batch of each structure's mean |error| over its mean |density|."""
        sources = [self._setup.sources[example.name] for example in batch]
        drawn = [(source.atoms, source.draw(self.settings.training.probes, random)) for source in sources]
        mixed = self.settings.training.mixed_precision and self._device.type == "cuda"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=mixed):
            densities = self._setup.objective.densities(drawn)
        losses = [
            nmae(density.float(), probes.density, source.mean)
            for density, (_, probes), source in zip(densities, drawn, sources, strict=True)
        ]
        return torch.stack(losses).sum()

    def _batch(self, step: int) -> list[Example]:
        """The structures of a step: every epoch goes through all of them in an order of its own."""
        train, size, seed = self._setup.split.train, self.settings.training.batch_size, self.settings.training.seed
        chosen = []
        for position in range(step * size, (step + 1) * size):
            epoch, place = divmod(position, len(train))
            order = np.random.default_rng([seed, 3, epoch]).permutation(len(train))
            chosen.append(train[order[place]])
        return chosen

    def _validate(self, objective: Objective, examples: list[Example]) -> Validation:
        training = self.settings.training
        return validate(objective, examples, self._setup.sources, training.validation_probes, training.seed)

    def _report(self, train: float, steps_per_second: float) -> None:
        parts = self._setup.split
        self._averages.swap()
        known = self._validate(self._setup.objective, parts.validation)
        unseen = self._validate(self._setup.objective, parts.left_out)
        self._averages.swap()
        steps = self.settings.training.steps
        point = CurvePoint(
            self._step,
            train,
            _mean(known.nmae),
            float(np.median(known.nmae)) if len(known.nmae) else float("nan"),
            float(known.nmae.max()) if len(known.nmae) else float("nan"),
            _mean(np.abs(known.electrons)),
            _mean(unseen.nmae),
            learning_rate(self.settings.training, self._step),
            self._seconds,
        )
        self._curve.append(point)
        left = (steps - self._step) / steps_per_second
        text = f"step {self._step}/{steps}  train {100 * train:.3f} %"
        if len(known.nmae):
            text += f"  validation {100 * point.val_mean:.3f} % (worst {100 * point.val_worst:.2f})"
        if len(unseen.nmae):
            text += f"  left out {100 * point.out:.3f} %"
        self.say(f"{text}  {steps_per_second:.1f} steps/s  {_duration(left)} left")

    def _save(self) -> None:
        model = self._setup.model
        assert model.fitted is not None
        Checkpoint(
            self._step,
            model.network.state_dict(),
            self._averages.averages,
            self._optimizer.state_dict(),
            model.fitted.coefficients,
            self.settings.model_dump(mode="json"),
            self._seconds,
        ).write(self.output / "checkpoint.pt")

    def _finish(self) -> DensityModel:
        self._averages.swap()
        known = self._validate(self._setup.objective, self._setup.split.validation)
        unseen = self._validate(self._setup.objective, self._setup.split.left_out)
        provenance = {
            "software": f"deepaw {__version__}",
            "input": self.settings.model_dump(mode="json"),
            "structures": len(self._setup.split.train),
            "nmae_validation": _mean(known.nmae) if len(known.nmae) else None,
            "nmae_left_out": _mean(unseen.nmae) if len(unseen.nmae) else None,
            "nmae_fitted_atoms": _mean(self.baseline.nmae) if len(self.baseline.nmae) else None,
            "hours": self._seconds / 3600,
        }
        model = replace(self._setup.model, provenance=provenance)
        model.save(self.output / "model.safetensors")
        self._averages.swap()
        draw_curve(read_curve(self._curve.path), self.output / "lcurve.png", _mean(self.baseline.nmae))
        self.say(f"written: {self.output / 'model.safetensors'}, lcurve.out, lcurve.png")
        return model


def _check_same(path: Path | None, kept: dict[str, Any], given: dict[str, Any]) -> None:
    """A restart goes on with the same model, data and seed; the rest (steps, intervals) may change."""
    for section, names in (("model", None), ("data", None), ("training", ("seed", "batch_size", "probes"))):
        for name in names or given[section].keys() | kept[section].keys():
            mine, other = given[section].get(name), kept[section].get(name)
            if mine != other:
                raise InputError(
                    f"{path} was made with {section}.{name} = {other!r} and the input file says {mine!r}; restart with "
                    "the same value."
                )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


