# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map of random points (no image can be localized in it) and a way to call the command."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from neumap_ros.cli import app
from neumap_ros.features import create_extractor
from neumap_ros.maps.storage import write_map
from neumap_ros.maps.types import Manifest, Region

CAMERA = 'PINHOLE,320,240,256,256,160,120'


@pytest.fixture
def neumap():
    """Run the command in this process; gives the result, whose stderr is kept apart."""

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def refused(neumap):
    """Run the command, expect exit code 2 and one line ``error: ...`` without traceback; gives that line."""

    def run(*arguments):
        result = neumap(*arguments)
        assert result.exit_code == 2, result.output
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith('error: ')
        assert 'Traceback' not in result.output
        return lines[0]

    return run


@pytest.fixture
def random_map(tmp_path) -> Path:
    """A sound map of 60 points with random descriptors."""
    rng = np.random.default_rng(0)
    manifest = Manifest(
        map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001',
        revision=1,
        kind='full',
        frame_id='map',
        created='2026-01-01T00:00:00Z',
        metric=True,
        extractor=dataclasses.asdict(create_extractor('rootsift').info),
        decoder={},
        regions=(),
        files=(),
    )
    descriptors = np.abs(rng.normal(size=(60, 128)))
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    tensors = {'xyz': rng.random((60, 3), np.float32), 'descriptors': descriptors.astype(np.float16)}
    write_map(tmp_path / 'site', manifest, {}, [(Region('r0', (0, 0, 0), (1, 1, 1), 60, ''), tensors)])
    return tmp_path / 'site'


@pytest.fixture
def noise(tmp_path) -> Path:
    """An image of the size of CAMERA that shows nothing."""
    picture = cv2.resize(np.random.default_rng(1).integers(0, 256, (60, 80), dtype=np.uint8), (320, 240))
    path = tmp_path / 'noise.png'
    cv2.imwrite(str(path), picture)
    return path
