"""The training loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from deepaw.density.data.example import Example
from deepaw.density.model.model import DensityModel
from deepaw.density.training.batches import batch_of_step, probes_of_step
from deepaw.density.training.checkpoint import (
    Checkpoint,
    check_settings,
    check_structures,
    load_modules,
    module_weights,
    read_checkpoint,
    structure_names,
)
from deepaw.density.training.config import DensityInput
from deepaw.density.training.curve import LearningCurve, draw_curve, read_curve
from deepaw.density.training.finish import correct_occupancies, finished_model, occupancy_errors
from deepaw.density.training.objective import ExpansionObjective, FittedObjective, Objective, nmae
from deepaw.density.training.occupancies import shown_errors
from deepaw.density.training.report import curve_point, mean, progress_line
from deepaw.density.training.schedule import learning_rate
from deepaw.density.training.setup import prepare_training
from deepaw.density.training.validation import Validation, validate
from deepaw.errors import InputError
from deepaw.optimisation.averaging import AveragedWeights
from deepaw.optimisation.determinism import deterministic
from deepaw.optimisation.interruption import Interruption
from deepaw.outputfile import check_folder, output_file

Say = Callable[[str], None]


class Trainer:
    """Trains one model in one folder, which receives `lcurve.out`, `lcurve.png`, `checkpoint.pt`, `model.safetensors`,
    and the names of the structures set aside in `validation.txt` and `left_out.txt`.

    A restart goes on at the checkpoint's step with the settings as they are now. Model, data, split, seed, batch_size
    and probes must be the same; the rest may change and holds from there on. The learning rate depends on the step and
    the settings alone: with more steps than before it rises again to where the longer cosine is at that step.

    Args:
        settings: the input file's content; `folder`: what its data's paths are relative to.
        output: the folder to work in, made if need be.
        device: where to train.
        restart: a checkpoint to go on from. On a CPU, with as many threads, the result is bit for bit
            that of an uninterrupted training.
        say: receives the progress lines.

    Raises:
        InputError: anything wrong with the data, the checkpoint or the folder, which may not hold another training.
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
        self._checkpoint = output / "checkpoint.pt"
        training = settings.training
        if training.mixed_precision and device.type != "cuda":
            raise InputError(f"training.mixed_precision is true and the device is {device}; it needs a CUDA device.")
        check_folder(output)
        if restart is None and self._checkpoint.exists():
            raise InputError(f"{self._checkpoint} is there already; go on with --restart, or choose another --output.")
        checkpoint = read_checkpoint(restart) if restart is not None else None
        if restart is not None and checkpoint is not None:
            check_settings(restart, checkpoint, settings.model_dump(mode="json"))
        self._setup = prepare_training(settings, folder, device, checkpoint.fitted if checkpoint else None)
        network, parts = self._setup.model.network, self._setup.split
        self._occupancies = self._setup.occupancies
        self._modules: dict[str, torch.nn.Module] = {"": network}
        if self._occupancies is not None:
            self._modules["occupancies."] = self._occupancies.readout
        self._weights = [
            weight for module in self._modules.values() for weight in module.parameters() if weight.requires_grad
        ]
        self._optimizer = torch.optim.AdamW(
            self._weights, lr=training.learning_rate, betas=(0.9, 0.98), weight_decay=training.weight_decay
        )
        self._averages = AveragedWeights(self._weights, training.ema)
        self._step, self._seconds, self._losses = 0, 0.0, list[float]()
        self._validated: tuple[Validation, Validation] | None = None
        if restart is not None and checkpoint is not None:
            check_structures(restart, checkpoint, parts)
            load_modules(restart, self._modules, checkpoint.weights)
            self._optimizer.load_state_dict(checkpoint.optimizer)
            for mine, kept in zip(self._averages.averages, checkpoint.averages, strict=True):
                mine.copy_(kept)
            self._step, self._seconds, self._losses = checkpoint.step, checkpoint.seconds, checkpoint.losses
        output.mkdir(exist_ok=True)
        symbols = () if self._occupancies is None else self._occupancies.readout.channels
        self._curve = LearningCurve(output / "lcurve.out", self._step, symbols)
        for part in ("validation", "left_out"):
            with output_file(output / f"{part}.txt") as beside:
                beside.write_text("".join(f"{name}\n" for name in structure_names(parts)[part]))
        assert self._setup.model.fitted is not None
        charges = self._occupancies.charges if self._occupancies is not None else None
        self.baseline = self._validate(FittedObjective(self._setup.model.fitted, device, charges), parts.validation)
        say(
            f"{len(parts.train)} structures to learn from, {len(parts.validation)} to validate, "
            f"{len(parts.left_out)} of crystal types left out; {sum(weight.numel() for weight in self._weights):,} "
            f"weights; fitted atoms: NMAE {100 * mean(self.baseline.nmae):.2f} % on the validation set"
        )
        if self._occupancies is not None:
            count, elements = len(self._occupancies.targets), len(self._occupancies.setups)
            say(f"occupancies of {elements} elements in {count} of the structures to learn from")

    def run(self) -> DensityModel:
        """Train to the last step and return the model with the averaged weights, which is also written.

        Raises KeyboardInterrupt after Ctrl-C, once the step is done and a checkpoint written; InputError where the loss
        is no finite number any more.
        """
        training = self.settings.training
        begun = time.monotonic() - self._seconds
        first, started = self._step, time.monotonic()
        with deterministic(self._device), Interruption() as interruption:
            while self._step < training.steps and not interruption.asked:
                self._losses.append(self._train_step())
                self._seconds = time.monotonic() - begun
                if self._step % training.validate_every == 0 or self._step == training.steps:
                    self._report((self._step - first) / (time.monotonic() - started))
                if self._step % training.save_every == 0 or self._step == training.steps or interruption.asked:
                    self._save()
            if interruption.asked:
                self.say(f"stopped at step {self._step}; go on with --restart {self._checkpoint}")
                raise KeyboardInterrupt
        return self._finish()

    def _train_step(self) -> float:
        """One optimisation step; returns its loss. Everything random follows from the seed and the step."""
        training, step = self.settings.training, self._step
        batch = batch_of_step(self._setup.split.train, training.batch_size, training.seed, step)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(training, step)
        self._optimizer.zero_grad()
        self._setup.objective.begin_step()
        losses = torch.zeros(len(batch))
        parts = [range(len(batch))[start :: training.accumulate] for start in range(training.accumulate)]
        parts = [part for part in parts if part]
        for number, part in enumerate(parts):
            errors, total = self._errors(batch, part)
            # what follows from the weights alone is shared by the parts
            (total / len(batch)).backward(retain_graph=number + 1 < len(parts))
            losses[list(part)] = errors.detach().cpu()
            del errors, total  # with the memory of their graph
        norm = torch.nn.utils.clip_grad_norm_(self._weights, training.gradient_clip)
        if not torch.isfinite(losses).all() or not torch.isfinite(norm):
            self._refuse(batch, losses)
        self._optimizer.step()
        self._averages.update(step)
        self._step += 1
        return float(losses.mean())

    def _errors(self, batch: list[Example], part: range) -> tuple[Tensor, Tensor]:
        """Mean |error| over mean |density| of each structure of the batch at the positions `part`; the part's loss.

        The loss is the sum of these and of what the occupancies add.
        """
        training = self.settings.training
        sources = [self._setup.sources[batch[position].name] for position in part]
        drawn = [
            (source.atoms, probes_of_step(source, training.probes, training.seed, self._step, position))
            for source, position in zip(sources, part, strict=True)
        ]
        with torch.autocast(self._device.type, torch.bfloat16, enabled=training.mixed_precision):
            densities = self._setup.objective.densities(drawn)
        errors = torch.stack(
            [
                nmae(density.float(), probes.density, source.mean)
                for density, (_, probes), source in zip(densities, drawn, sources, strict=True)
            ]
        )
        loss = errors.sum()
        if self._occupancies is not None:
            assert isinstance(self._setup.objective, ExpansionObjective)
            examples = [batch[position] for position in part]
            loss = loss + self._occupancies.loss(examples, self._setup.objective.components)
        return errors, loss

    def _refuse(self, batch: list[Example], losses: Tensor) -> None:
        """Raise InputError about a step whose loss or gradient is not finite; the weights are still those before it."""
        names = [example.name for example, loss in zip(batch, losses, strict=True) if not loss.isfinite()]
        what = "loss" if names else "gradient"
        kept = (
            f"the last good checkpoint is {self._checkpoint}" if self._checkpoint.exists() else "nothing was saved yet"
        )
        raise InputError(
            f"The {what} is not a finite number at step {self._step + 1}, on "
            f"{', '.join(names or [example.name for example in batch])}; lower training.learning_rate ({kept})."
        )

    def _validate(self, objective: Objective, examples: list[Example]) -> Validation:
        training = self.settings.training
        return validate(objective, examples, self._setup.sources, training.validation_probes, training.seed)

    def _validate_averages(self) -> tuple[Validation, Validation]:
        """The averaged weights on the validation set and on the crystal types left out."""
        self._averages.swap()
        known = self._validate(self._setup.objective, self._setup.split.validation)
        unseen = self._validate(self._setup.objective, self._setup.split.left_out)
        self._averages.swap()
        return known, unseen

    def _report(self, steps_per_second: float) -> None:
        """Validate, and write and say a line of the curve."""
        known, unseen = self._validated = self._validate_averages()
        steps, rate = self.settings.training.steps, learning_rate(self.settings.training, self._step)
        self._averages.swap()
        occupancies, _ = occupancy_errors(self._setup)
        self._averages.swap()
        point = curve_point(self._step, self._losses, known, unseen, rate, self._seconds, occupancies)
        self._curve.append(point)
        self._losses = []
        self.say(progress_line(point, steps, steps_per_second))
        if self._occupancies is not None:
            self.say(f"  occupancies, validation: {shown_errors(occupancies) or 'none'}")

    def _save(self) -> None:
        model = self._setup.model
        assert model.fitted is not None
        Checkpoint(
            self._step,
            module_weights(self._modules),
            self._averages.averages,
            self._optimizer.state_dict(),
            model.fitted.coefficients,
            self._losses,
            structure_names(self._setup.split),
            self.settings.model_dump(mode="json"),
            self._seconds,
        ).write(self._checkpoint)

    def _finish(self) -> DensityModel:
        # a restart at the last step has no report of its own
        densities = self._validated or self._validate_averages()
        self._averages.swap()
        if self._occupancies is not None:
            trained = copy.deepcopy(self._occupancies.readout.state_dict())
            self.say("correcting the readout of occupancies in closed form")
            correct_occupancies(self._setup)
            if self._occupancies.charges is not None:  # they are part of the density
                parts = self._setup.split.validation, self._setup.split.left_out
                densities = (
                    self._validate(self._setup.objective, parts[0]),
                    self._validate(self._setup.objective, parts[1]),
                )
        errors = occupancy_errors(self._setup)
        if errors[0]:
            self.say(f"  occupancies, validation: {shown_errors(errors[0])}")
        model = finished_model(self.settings, self._setup, self.baseline, densities, errors, self._seconds)
        model.save(self.output / "model.safetensors")
        if self._occupancies is not None:
            self._occupancies.readout.load_state_dict(trained)
        self._averages.swap()
        draw_curve(read_curve(self._curve.path), self.output / "lcurve.png", mean(self.baseline.nmae))
        self.say(f"written: {self.output / 'model.safetensors'}, lcurve.out, lcurve.png")
        return model
