"""Training loop of potentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import torch

from deepaw import __version__
from deepaw.errors import InputError
from deepaw.optimisation.averaging import AveragedWeights
from deepaw.optimisation.determinism import deterministic
from deepaw.optimisation.flat import FlatWeights
from deepaw.optimisation.interruption import Interruption
from deepaw.outputfile import check_output, disk_errors
from deepaw.potential.data.scan import Progress
from deepaw.potential.input import PotentialInput, completed_input, write_completed_input
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.precision import dtype_of
from deepaw.potential.prepared import save_prepared
from deepaw.potential.training.bias import refit_bias
from deepaw.potential.training.checkpoint import Checkpoint, CheckpointFiles, ema_prefix
from deepaw.potential.training.curve import LearningCurve
from deepaw.potential.training.errors import Errors
from deepaw.potential.training.losses import make_loss
from deepaw.potential.training.objective import FrameIndex, Objective
from deepaw.potential.training.processes import Processes
from deepaw.potential.training.report import Report, Say
from deepaw.potential.training.setup import prepare_training
from deepaw.potential.training.start import Start

FROZEN = "frozen_model.safetensors"
"""File name of the trained model, in the folder of the checkpoints."""


@dataclass(frozen=True)
class Status:
    """State after a step: its number, the number of all steps, errors of its batch, learning rate."""

    step: int
    steps: int
    errors: Errors
    rate: float


class Trainer:
    """Trains one potential.

    The output folder receives the learning curve, checkpoints, the completed input, and at the end
    `frozen_model.safetensors`. A restart continues at the checkpoint's step with the current settings, which must
    describe the same model and the same number of systems. On a CPU with the same number of threads, the result is bit
    for bit that of an uninterrupted training.

    Args:
        settings: content of the input file; `folder`: base of relative paths of its data.
        output: folder for output files.
        device: where to train.
        start: unless training starts from random weights.
        understood: name of the file, in `output`, for the completed input.
        processes: that train together.
        say: receives lines of text; `show`: the state after every step; `progress`: that of the scan of the data.

    Raises:
        InputError: an error in the input, the data or the start, or a folder with another training.
    """

    def __init__(
        self,
        settings: PotentialInput,
        folder: Path,
        output: Path,
        device: torch.device,
        start: Start | None = None,
        understood: str = "out.json",
        processes: Processes | None = None,
        say: Say = print,
        show: Callable[[Status], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._processes = processes = processes or Processes()
        self._say: Say = say if processes.is_first else _discard
        self._show = show if processes.is_first else None
        section = settings.training
        prefix = output / section.save_ckpt
        self._files = CheckpointFiles(prefix, section.max_ckpt_keep)
        self._ema_files = CheckpointFiles(ema_prefix(prefix), section.ema_ckpt_keep or section.max_ckpt_keep)
        self._frozen = prefix.with_name(FROZEN)
        if (start is None or start.way != "restart") and self._files.latest.exists():
            raise InputError(
                f"{self._files.latest} is there already; go on with --restart {prefix}, or choose another "
                "training.save_ckpt."
            )
        for path in (output / section.disp_file, output / understood):
            check_output(path)
        self._setup = setup = prepare_training(settings, folder, device, processes, start, progress)
        self.settings, self._device, self._rates = setup.settings, device, setup.settings.learning_rate
        model = setup.model
        named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        if not named:
            raise InputError(
                "model.descriptor.trainable and model.fitting_net.trainable are false; nothing is left to train."
            )
        self._weights = [weight for _, weight in named]
        self._flat = FlatWeights(self._weights)
        self._optimizer = settings.optimizer.make(self._flat.vectors)
        self._averages = AveragedWeights(self._weights, section.ema_decay, uniform=True) if section.enable_ema else None
        loss = make_loss(settings.loss, settings.model.fitting_net, settings.learning_rate.start_lr)
        compute = None if section.mixed_precision is None else dtype_of(section.mixed_precision.compute_prec)
        self._objective = Objective(model, setup.kernels, loss, self._weights, processes, compute, self._flat.gradients)
        self._step = self._first = 0
        if start is not None and start.checkpoint is not None:
            self._resume(start.checkpoint)
        elif start is not None and start.way == "finetune":
            refit_bias(setup)
        self._curve = None
        if processes.is_first:
            with disk_errors(prefix.parent):
                prefix.parent.mkdir(parents=True, exist_ok=True)
            self._curve = LearningCurve(output / section.disp_file, self._step)
            write_completed_input(setup.settings, output / understood)
        self._report = Report(setup, self._curve, self._say)
        self._report.announce(sum(weight.numel() for weight in self._weights), self._step, processes.count)

    def run(self) -> AtomicModel:
        """Train to the last step; write and return the model.

        Raises KeyboardInterrupt: after Ctrl-C, when the step is done and a checkpoint is written. Raises InputError:
        the loss or its gradient is not finite.
        """
        section, steps = self.settings.training, self._setup.steps
        self._report.start(self._step)
        with deterministic(self._device), Interruption() as interruption:
            stop = False
            while self._step < steps and not stop:
                stop = self._train_step(interruption)
                last = self._step == steps
                if self._step % section.save_freq == 0 or last or stop:
                    self._save()
            if self._step < steps:
                self._say(f"stopped at step {self._step}; go on with --restart {self._files.latest}")
                raise KeyboardInterrupt
        if steps == 0:
            self._save()
        if section.change_bias_after_training and self._step > self._first:
            refit_bias(self._setup)
            self._save()
        return self._finish()

    def _train_step(self, interruption: Interruption) -> bool:
        """Do one optimisation step and report it; return whether a process received a signal to stop."""
        section, steps = self.settings.training, self._setup.steps
        frames = self._setup.training.sampler.draw()
        rate = self._rates.rate(self._step, steps)
        # signals arrive at different times, but all processes have to stop after the same step
        stop_signals = torch.tensor([float(interruption.asked)], dtype=torch.float64, device=self._device)
        _, errors = self._objective.gradient(self._setup.training.frames, frames, rate, stop_signals)
        norm = torch.nn.utils.get_total_norm(self._flat.vectors_gradients)
        if not isfinite(float(errors.loss + norm)):
            self._raise_not_finite(frames, rate)
        if section.gradient_max_norm > 0:
            torch.nn.utils.clip_grads_with_norm_(self._flat.vectors, section.gradient_max_norm, norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * self._rates.scale(self._processes.count)
        self._optimizer.step()
        if self._averages is not None:
            self._averages.update(self._step)
        self._step += 1
        if self._step % section.disp_freq == 0 or self._step == 1:
            validation = self._validate(rate)
            self._report.line(self._step, errors.means(), None if validation is None else validation.means(), rate)
        if self._show is not None:
            self._show(Status(self._step, steps, errors, rate))
        return bool(stop_signals > 0)

    def _validate(self, rate: float) -> Errors | None:
        """Compute the errors of numb_btch batches; their losses, as in DeePMD-kit, are weighted by numbers of atoms."""
        split, section = self._setup.validation, self.settings.training.validation_data
        if split is None or section is None:
            return None
        batches = [split.sampler.draw() for _ in range(section.numb_btch)]
        atoms = [sum(split.systems[system].natoms for system, _ in frames) for frames in batches]
        results = [self._objective.errors(split.frames, frames, rate) for frames in batches]
        weighted = [
            replace(errors, loss=errors.loss * count / sum(atoms)) for errors, count in zip(results, atoms, strict=True)
        ]
        total = weighted[0]
        for errors in weighted[1:]:
            total = total + errors
        return total

    def _raise_not_finite(self, frames: Sequence[FrameIndex], rate: float) -> None:
        """Raise InputError for a step whose loss or gradient is not finite; weights have not been updated."""
        training_frames = self._setup.training.frames
        bad_frames = [
            frame for frame in frames if not isfinite(self._objective.frame_loss(training_frames, frame, rate))
        ]
        what = "loss" if bad_frames else "gradient"
        names = ", ".join(training_frames.name(*frame) for frame in (bad_frames or frames)[:4])
        checkpoint = f"the last good checkpoint is {self._files.latest}"
        if not self._files.latest.exists():
            checkpoint = "nothing was saved yet"
        raise InputError(
            f"The {what} is not a finite number at step {self._step + 1}, on {names}; lower learning_rate.start_lr, or "
            f"set training.gradient_max_norm ({checkpoint})."
        )

    def _resume(self, checkpoint: Checkpoint) -> None:
        """Restore optimizer, averages, samplers and step."""
        self._optimizer.load_state_dict(self._flat.by_vector(checkpoint.optimizer))
        if self._averages is not None and checkpoint.averages:
            for average, saved in zip(self._averages.averages, checkpoint.averages, strict=True):
                average.copy_(saved)
        self._setup.training.sampler.restore(checkpoint.samplers["training"])
        if self._setup.validation is not None and checkpoint.samplers["validation"] is not None:
            self._setup.validation.sampler.restore(checkpoint.samplers["validation"])
        self._step = self._first = checkpoint.step

    def _save(self) -> None:
        """Write a checkpoint, and one of averaged weights, in the first process."""
        if not self._processes.is_first:
            return
        setup, model = self._setup, self._setup.model
        validation = setup.validation
        description = model.description()
        checkpoint = Checkpoint(
            self._step,
            description["model"],
            description["fixed_slots"],
            description["closest"],
            description["provenance"],
            model.state_dict(),
            [] if self._averages is None else self._averages.averages,
            self._flat.by_weight(self._optimizer.state_dict()),
            {
                "training": setup.training.sampler.state(),
                "validation": None if validation is None else validation.sampler.state(),
            },
            completed_input(setup.settings),
            description.get("modifier"),
        )
        self._files.write(checkpoint)
        if self._averages is not None:
            self._averages.swap()
            self._ema_files.write(replace(checkpoint, weights=model.state_dict()))
            self._averages.swap()

    def _finish(self) -> AtomicModel:
        """Write the frozen model in the first process; return the model."""
        model = self._setup.model
        if self._processes.is_first:
            model.provenance = {
                **model.provenance,
                "software": f"deepaw {__version__}",
                "steps": self._step,
                "input": completed_input(self.settings),
            }
            save_prepared(model, self._frozen)
            self._say(f"written: {self._frozen}, {self._files.latest}, {self._curve.path if self._curve else ''}")
        return model


def _discard(text: str) -> None:
    """Discard a line of text, in all processes but the first."""
