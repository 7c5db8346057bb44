# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training the extractor: teachers, runs that go on, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from neumap_ros.cli.root import app
from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.features import Features, create_extractor
from neumap_ros.features.base import ExtractorInfo
from neumap_ros.features.rootsift import RootSift
from neumap_ros.training.extractor import TrainData, Trainer, TrainSettings
from neumap_ros.training.extractor_check import check, check_pairs
from neumap_ros.training.extractor_frames import Frame, Teacher, read_photographs
from neumap_ros.training.extractor_worlds import make_worlds


def _picture(seed: int, height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    total = sum(cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), s) * s for s in (1.5, 3, 6))
    return np.clip(128 + 40 * total / total.std(), 0, 255).astype(np.uint8)


class _Pointer:
    """An extractor that points where it was told to; its descriptors name the place."""

    def __init__(self, places: list[list[float]], radius: float = 2.0) -> None:
        self.info = ExtractorInfo(f'pointer {places}', 1, '', 4, 4)
        self._places = np.array(places, np.float32).reshape(-1, 2)
        self._radius = radius
        self.calls = 0

    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        self.calls += 1
        count = len(self._places)
        descriptors = np.eye(4, dtype=np.float32)[np.arange(count) % 4]
        radii = np.full(count, self._radius, np.float32)
        size = (image.shape[1], image.shape[0])
        return Features(self._places, radii, descriptors, radii, np.zeros(4, np.float32), size)


def test_what_a_teacher_saw_is_kept_and_lent_to_points_nearby(tmp_path: Path) -> None:
    extractor = _Pointer([[20.25, 20.25], [60.0, 60.0]])
    for _ in range(2):
        keypoints, descriptors = Teacher(extractor, tmp_path).look(_picture(0))
    assert extractor.calls == 1
    frame = Frame((_picture(0),), keypoints, descriptors)
    near = frame.descriptors_near(np.array([[61.0, 62.0], [22.0, 20.0], [90.0, 30.0]], np.float32))
    np.testing.assert_allclose(near, [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    Teacher(extractor, tmp_path).look(_picture(1))
    assert extractor.calls == 2


def _data(tmp_path: Path) -> TrainData:
    teacher = Teacher(RootSift(with_global=False), tmp_path / 'teacher')
    frames = [Frame((_picture(seed),), *teacher.look(_picture(seed))) for seed in range(6)]
    return TrainData(frames[:4], frames[4:], [])


SETTINGS = TrainSettings(steps=6, pairs=2, crop=64)


@pytest.mark.slow
def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path: Path) -> None:
    data = _data(tmp_path)
    whole = Trainer(SETTINGS, data, tmp_path / 'whole')
    whole.run(lambda fraction, text: None)
    broken = Trainer(SETTINGS, data, tmp_path / 'broken')
    batches = broken._batches()
    for _ in range(3):
        broken._learn(next(batches))
        broken.step += 1
    broken._save()
    resumed = Trainer(replace(SETTINGS, workers=2), data, tmp_path / 'broken')
    assert resumed.step == 3
    resumed.run(lambda fraction, text: None)
    for (name, one), (_, other) in zip(
        whole.network.state_dict().items(), resumed.network.state_dict().items(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)
    lines = [json.loads(line) for line in (tmp_path / 'broken' / 'log.jsonl').read_text().splitlines()]
    assert lines[-1]['kind'] == 'validation'
    assert lines[-1]['step'] == 6


def test_a_folder_keeps_its_settings_and_must_be_readable(tmp_path: Path) -> None:
    data = _data(tmp_path)
    Trainer(SETTINGS, data, tmp_path / 'run')._save()
    with pytest.raises(ConfigError, match='holds a run with the settings'):
        Trainer(replace(SETTINGS, crop=96), data, tmp_path / 'run')
    (tmp_path / 'run' / 'checkpoint.pt').write_bytes(b'broken')
    with pytest.raises(ConfigError, match='is no checkpoint'):
        Trainer(SETTINGS, data, tmp_path / 'run')


@pytest.mark.slow
def test_a_few_steps_teach_descriptors(tmp_path: Path) -> None:
    data = _data(tmp_path)
    trainer = Trainer(replace(SETTINGS, steps=200, pairs=4), data, tmp_path / 'run')
    batches = trainer._batches()
    values = []
    for _ in range(40):
        values.append(trainer._learn(next(batches)))
        trainer.step += 1
    first, last = (np.mean([v['descriptors'] for v in some]) for some in (values[:8], values[-8:]))
    assert last < 0.9 * first


def test_the_check_knows_a_good_extractor_from_none(tmp_path: Path) -> None:
    pairs = check_pairs(_data(tmp_path).held_out, 128, seed=0)
    figures = check(RootSift(with_global=False), pairs)
    assert 0.05 < figures['matching_score'] <= figures['repeatability'] <= 1
    assert figures['error_px'] < 1.5
    assert check(_Pointer([]), pairs)['matching_score'] == 0


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'size': 'neumap_huge'}, 'no network'),
        ({'steps': None}, 'no end'),
        ({'crop': 100}, 'multiple of 32'),
        ({'pairs': 1}, 'at least 2'),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(SETTINGS, **changes)


def test_worlds_of_benchmarks_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='at least 1000'):
        make_worlds([7], tmp_path, 1, lambda name, done, total: None)
    with pytest.raises(SourceError, match='holds 0 photographs'):
        read_photographs(tmp_path, Teacher(_Pointer([]), tmp_path / 't'), lambda done, total: None)


@pytest.mark.slow
def test_the_command_writes_weights_that_the_extractor_takes(tmp_path: Path) -> None:
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    for seed in range(24):
        cv2.imwrite(str(photographs / f'{seed:02d}.png'), _picture(seed, 96, 128))
    out = tmp_path / 'mine.safetensors'
    arguments = ['train', 'extractor', '--images', photographs, '--work', tmp_path / 'work', '--out', out]
    arguments += ['--world-seeds', '', '--steps', 2, '--pairs', 2, '--crop', 64, '--device', 'cpu']
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    assert '22 to train on, 2 to validate on' in out.with_suffix('.log').read_text()
    mine = create_extractor('neumap_nano', path=out, device='cpu')
    assert len(mine.extract(_picture(99), 100).descriptors_ND.T) == 32
