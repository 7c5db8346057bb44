# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trains the network of ``neumap_nano`` or ``neumap_small``: ``neumap train extractor``."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from neumap_ros.errors import ConfigError
from neumap_ros.features.base import ExtractorInfo
from neumap_ros.features.neumap_extractor import NeumapExtractor
from neumap_ros.features.neumap_net import SIZES, NeumapNet
from neumap_ros.training.extractor_check import check, check_pairs
from neumap_ros.training.extractor_frames import Frame, Teacher
from neumap_ros.training.extractor_loss import Batch, collate, losses
from neumap_ros.training.extractor_pairs import Partners, photograph_pair, world_pair

logger = logging.getLogger(__name__)

# Share of the pairs that come from worlds, where there are any.
WORLD_SHARE = 0.25
WARM_UP_STEPS = 200
SMALLEST_TEMPERATURE, FIRST_TEMPERATURE = 0.02, 0.07
LARGEST_GRADIENT = 5.0
LOG_EVERY_STEPS = 100


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes:
        size: name of a network, see SIZES.
        minutes: stop after so long; the learning rate falls to zero by then. None: no limit.
        steps: stop after so many steps. Only with this limit alone is a run repeatable.
        pairs: per step.
        crop: side of a view in pixels, a multiple of 32.
        learning_rate: the highest.
        seed: of weights, warps and light.
        device: ``cpu`` or ``cuda``.
        workers: threads that prepare batches; 0: none beside the training.
        save_minutes: between checkpoints, each with a validation.
    """

    size: str = 'neumap_nano'
    minutes: float | None = None
    steps: int | None = None
    pairs: int = 8
    crop: int = 256
    learning_rate: float = 3e-3
    seed: int = 0
    device: str = 'cpu'
    workers: int = 0
    save_minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ConfigError(f'there is no network {self.size!r}, expected one of {", ".join(SIZES)}')
        if self.minutes is None and self.steps is None:
            raise ConfigError('the training has no end; give --minutes or --steps')
        if self.crop < 64 or self.crop % 32:
            raise ConfigError(f'the crop is {self.crop} pixels, expected a multiple of 32 and at least 64')
        if self.pairs < 2:
            raise ConfigError(f'{self.pairs} pairs per step are asked for, expected at least 2')


@dataclass(frozen=True)
class TrainData:
    """What is trained on.

    Attributes:
        photographs: to train on.
        held_out: photographs to validate on.
        worlds: frames of simulated worlds that see the same things.
    """

    photographs: Sequence[Frame]
    held_out: Sequence[Frame]
    worlds: Sequence[Partners]


class Trainer:
    """One training run in a folder, resumed where it was left.

    Args:
        settings: of the run; those of an earlier run in the same folder must be the same.
        data: to train on.
        folder: for ``checkpoint.pt``, TensorBoard's events and ``log.jsonl``.

    Raises:
        ConfigError: the folder holds a run with other settings.
    """

    def __init__(self, settings: TrainSettings, data: TrainData, folder: Path) -> None:
        self.settings, self.data, self.folder = settings, data, folder
        torch.manual_seed(settings.seed)
        self.network = NeumapNet(SIZES[settings.size]).to(settings.device).channels_last()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(FIRST_TEMPERATURE), device=settings.device))
        self._mean_T, axes_TD = _teacher_axes(data, SIZES[settings.size].descriptor)
        self._axes_TD = None if axes_TD is None else axes_TD.to(settings.device)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1] + [self.log_temperature]
        self.optimizer = torch.optim.AdamW(
            [{'params': decayed, 'weight_decay': 0.01}, {'params': others, 'weight_decay': 0.0}],
            lr=settings.learning_rate,
        )
        self.step, self.seconds = 0, 0.0
        self._pairs = check_pairs(data.held_out, settings.crop, settings.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0 to 1."""
        of_steps = self.step / self.settings.steps if self.settings.steps else 0.0
        of_time = self.seconds / 60 / self.settings.minutes if self.settings.minutes else 0.0
        return min(1.0, max(of_steps, of_time))

    def run(self, progress: Callable[[float, str], None]) -> dict[str, float]:
        """Train to the end.

        Args:
            progress: called with (fraction done, a line about it).

        Returns:
            The last validation.
        """
        board = _board(self.folder)
        sums: dict[str, float] = {}
        saved, begun, before = time.monotonic(), time.monotonic(), self.seconds
        for batch in self._batches():
            if self.fraction >= 1:
                break
            values = self._learn(batch)
            self.step += 1
            self.seconds = before + time.monotonic() - begun
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            if self.step % LOG_EVERY_STEPS == 0:
                means = {name: value / LOG_EVERY_STEPS for name, value in sums.items()}
                sums = {}
                self._record('loss', means, board)
                progress(self.fraction, ' '.join(f'{name} {value:.3f}' for name, value in means.items()))
            if time.monotonic() - saved > 60 * self.settings.save_minutes:
                saved = time.monotonic()
                self._save()
                self._record('validation', self.validate(), board)
        self._save()
        figures = self.validate()
        self._record('validation', figures, board)
        return figures

    def extractor(self) -> NeumapExtractor:
        """The network as it is now."""
        size = SIZES[self.settings.size]
        info = ExtractorInfo(self.settings.size, 0, '', size.descriptor, size.global_size)
        return NeumapExtractor(self.network, info, 'cpu')

    def validate(self) -> dict[str, float]:
        """Measure the network on the held-out photographs."""
        return check(self.extractor(), self._pairs)

    def weights(self) -> bytes:
        """The weights in half precision as a safetensors file."""
        return bytes(save({k: v.cpu().half().contiguous() for k, v in self.network.state_dict().items()}))

    def report(self, figures: dict[str, float], command: Sequence[str], teacher: Teacher) -> str:
        """The log that is kept beside the weights: how they were made, what the teacher reaches on the same views."""
        lines = [
            f'command: {" ".join(command)}',
            f'settings: {json.dumps(asdict(self.settings))}',
            f'photographs: {len(self.data.photographs)} to train on, {len(self.data.held_out)} to validate on',
            f'frames of worlds: {sum(len(world.frames) for world in self.data.worlds)}',
            f'steps: {self.step} in {self.seconds / 60:.1f} minutes',
            f'parameters: {sum(p.numel() for p in self.network.parameters())}',
            f'PyTorch: {torch.__version__}',
        ]
        known = teacher.extractor
        rows = [(f'teacher {known.info.name} {known.info.weights_sha256[:12]}', check(known, self._pairs))]
        for name, values in [*rows, (self.settings.size, figures)]:
            lines.append(f'{name}: ' + ', '.join(f'{key} {value:.3f}' for key, value in values.items()))
        return '\n'.join(lines) + '\n'

    def _learn(self, batch: Batch) -> dict[str, float]:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        rate = settings.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.fraction))
        for group in self.optimizer.param_groups:
            group['lr'] = rate
        self.network.train()
        images = batch.images_N1SS.contiguous(memory_format=torch.channels_last)
        with torch.autocast(settings.device, torch.bfloat16):
            dense = self.network(images)
        temperature = self.log_temperature.exp().clamp(min=SMALLEST_TEMPERATURE)
        parts = losses(dense, batch, temperature, self._axes_TD)
        loss = torch.stack(list(parts.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        values = {name: float(value.detach()) for name, value in parts.items()}
        return values | {'temperature': float(temperature.detach()), 'rate': rate}

    def _batches(self) -> Iterator[Batch]:
        """Batches from the present step on; which ones depends on the seed and the step alone."""
        if not self.settings.workers:
            step = self.step
            while True:
                yield self._batch(step)
                step += 1
        with ThreadPoolExecutor(self.settings.workers) as pool:
            step, ahead = self.step, 2 * self.settings.workers
            waiting: list[Future[Batch]] = [pool.submit(self._batch, step + n) for n in range(ahead)]
            try:
                while True:
                    waiting.append(pool.submit(self._batch, step + ahead))
                    step += 1
                    yield waiting.pop(0).result()
            finally:
                for future in waiting:
                    future.cancel()

    def _batch(self, step: int) -> Batch:
        rng = np.random.default_rng([self.settings.seed, step])
        photographs, worlds = self.data.photographs, self.data.worlds
        pairs, names = [], []
        for _ in range(self.settings.pairs):
            if worlds and rng.random() < WORLD_SHARE:
                number = int(rng.integers(len(worlds)))
                pairs.append(world_pair(worlds[number], self.settings.crop, rng))
                names.append(-1 - number)
            else:
                number = int(rng.integers(len(photographs)))
                pairs.append(photograph_pair(photographs[number], self.settings.crop, rng))
                names.append(number)
        if self._mean_T is None:
            return collate(pairs, names, rng).to(self.settings.device)
        batch = collate(pairs, names, rng)
        known = batch.teacher_BPT.abs().sum(dim=2, keepdim=True) > 0
        centred = torch.where(known, batch.teacher_BPT - self._mean_T, torch.zeros(()))
        return Batch(**(vars(batch) | {'teacher_BPT': centred})).to(self.settings.device)

    def _record(self, kind: str, figures: dict[str, float], board: Any) -> None:
        line = {'kind': kind, 'step': self.step, 'minutes': round(self.seconds / 60, 2)}
        line |= {name: round(value, 5) for name, value in figures.items()}
        with (self.folder / 'log.jsonl').open('a', encoding='utf-8') as file:
            file.write(json.dumps(line) + '\n')
        logger.info('%s', line)
        if board is not None:
            for name, value in figures.items():
                board.add_scalar(f'{kind}/{name}', value, self.step)

    def _save(self) -> None:
        state = {
            'settings': asdict(self.settings),
            'network': self.network.state_dict(),
            'log_temperature': self.log_temperature.detach(),
            'optimizer': self.optimizer.state_dict(),
            'step': self.step,
            'seconds': self.seconds,
        }
        path = self.folder / 'checkpoint.pt'
        partial = path.with_suffix('.partial')
        with partial.open('wb') as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def _resume(self) -> None:
        path = self.folder / 'checkpoint.pt'
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.settings.device, weights_only=True)
        except Exception as error:  # PyTorch raises many kinds
            raise ConfigError(f'{path} is no checkpoint ({error}); remove it to begin again') from None
        mine = _lasting(asdict(self.settings))
        if _lasting(state['settings']) != mine:
            raise ConfigError(
                f'{self.folder} holds a run with the settings {_lasting(state["settings"])}, expected {mine}; name '
                'another folder'
            )
        self.network.load_state_dict(state['network'])
        with torch.no_grad():
            self.log_temperature.copy_(state['log_temperature'])
        self.optimizer.load_state_dict(state['optimizer'])
        self.step, self.seconds = state['step'], state['seconds']


def _lasting(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a resumed run cannot change."""
    return {name: settings[name] for name in ('size', 'pairs', 'crop', 'seed')}


def _board(folder: Path) -> Any:
    """TensorBoard's writer, or None where it is not installed."""
    with suppress(ImportError):
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(folder))
    return None


def _teacher_axes(data: TrainData, size: int) -> tuple[Tensor | None, Tensor | None]:
    """Mean (T,) and principal axes (T, size) of the teacher's descriptors; none if it has fewer numbers than we."""
    frames = [*data.photographs, *(frame for world in data.worlds for frame in world.frames)]
    if not frames or frames[0].descriptors_NT.shape[1] < size:
        return None, None
    sample: NDArray[np.float32] = np.concatenate([frame.descriptors_NT[::5] for frame in frames])
    sample = sample[np.abs(sample).sum(axis=1) > 0]
    if len(sample) < size:
        return None, None
    mean = sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((sample - mean).T.astype(np.float64)))
    return torch.from_numpy(mean), torch.from_numpy(np.ascontiguousarray(axes[:, ::-1][:, :size], np.float32))
