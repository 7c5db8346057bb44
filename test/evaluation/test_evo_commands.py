# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The same files through evo_ape and evo_rpe: equal to the last digit that they print."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from trajectory_files import changed, drive, kept, with_errors, write_tum

from neumap_ros.evaluation.alignment import Alignment
from neumap_ros.evaluation.trajectories import Delta, DeltaUnit, Relation
from neumap_ros.evaluation.trajectory_checks import read_trajectory
from neumap_ros.evaluation.trajectory_comparison import ComparisonSettings, compare_trajectories
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.mapping.sources.trajectory import Trajectory

pytest.importorskip('evo', reason='evo is the reference and an optional dependency')

DATA = Path(os.environ.get('NEUMAP_DATA', Path(__file__).resolve().parents[3] / 'shared' / 'data')) / 'posed'
STATISTICS = ('rmse', 'mean', 'median', 'std', 'min', 'max', 'sse')
# (command with its options, our settings, relation)
CASES = {
    'ape full, first poses': (
        'ape -a --n_to_align 25 -r full',
        ComparisonSettings(Alignment.SE3, poses_to_align=25),
        Relation.FULL,
    ),
    'ape with scale': ('ape -as', ComparisonSettings(Alignment.SIM3), Relation.TRANSLATION),
    'ape, origin and scale': (
        'ape --align_origin -s -r rot_part',
        ComparisonSettings(Alignment.ORIGIN, correct_scale=True),
        Relation.ROTATION,
    ),
    'ape, stamps shifted': (
        'ape --t_offset 0.043 --t_max_diff 0.02 -r angle_rad',
        ComparisonSettings(time_offset_s=0.043, max_time_difference_s=0.02),
        Relation.ANGLE_RAD,
    ),
    'ape, truth interpolated': (
        'ape --sync_method interpolation -r full',
        ComparisonSettings(interpolate=True),
        Relation.FULL,
    ),
    'rpe per metre': (
        'rpe -d 1 -u m -r angle_deg',
        ComparisonSettings(delta=Delta(1, DeltaUnit.METRES)),
        Relation.ANGLE_DEG,
    ),
    'rpe per degree, all pairs': (
        'rpe -d 10 -u d --all_pairs -r point_distance',
        ComparisonSettings(delta=Delta(10, DeltaUnit.DEGREES, all_pairs=True)),
        Relation.POINT_DISTANCE,
    ),
    'rpe per metre, all pairs of the truth, aligned': (
        'rpe -as -d 2 -u m --all_pairs --pairs_from_reference',
        ComparisonSettings(Alignment.SIM3, delta=Delta(2, DeltaUnit.METRES, all_pairs=True, from_truth=True)),
        Relation.TRANSLATION,
    ),
}


def evo(command, truth, estimate, home):
    """The figures that evo prints, as text."""
    name, *options = command.split()
    script = shutil.which(f'evo_{name}', path=str(Path(sys.executable).parent)) or shutil.which(f'evo_{name}')
    assert script, 'evo is installed without its commands'
    environment = {**os.environ, 'HOME': str(home), 'MPLBACKEND': 'Agg'}
    result = subprocess.run(
        [script, 'tum', str(truth), str(estimate), *options], capture_output=True, text=True, env=environment
    )
    figures = dict(re.findall(r'^\s*(\w+)\t(\S+)$', result.stdout, re.MULTILINE))
    assert figures, result.stdout + result.stderr
    return {key: figures[key] for key in STATISTICS}


def ours(settings, relation, truth, estimate, command):
    comparison = compare_trajectories(read_trajectory(estimate), read_trajectory(truth), settings)
    part = comparison.ape if command.startswith('ape') else comparison.rpe
    return {key: f'{getattr(part[relation], key):.6f}' for key in STATISTICS}


@pytest.fixture(scope='module')
def made_files(tmp_path_factory):
    """A drive at 20 Hz, and an estimate with errors, another scale and frame, other stamps, and poses missing."""
    folder, rng = tmp_path_factory.mktemp('trajectories'), np.random.default_rng(3)
    truth = drive(300, 20.0)
    frame = Pose(Rotation.from_euler('ZYX', [0.4, 0.02, 0.01]).as_matrix(), np.array([0.5, -0.2, 0.1]))

    def move(pose):
        moved = frame @ pose
        return Pose(moved.rotation_33, 1.04 * moved.translation_3)

    estimate = kept(changed(with_errors(truth, seed=5), move), sorted(rng.choice(300, 200, replace=False)))
    jitter = rng.uniform(-0.004, 0.004, len(estimate))
    estimate = Trajectory(tuple((np.array(estimate.times_s) + jitter).tolist()), estimate.poses)
    return write_tum(folder / 'truth.tum', truth), write_tum(folder / 'estimate.tum', estimate)


@pytest.mark.parametrize('case', CASES)
def test_made_trajectories(case, made_files, tmp_path):
    command, settings, relation = CASES[case]
    if 'interpolation' in command:
        pytest.importorskip('evo.core.sync_method', reason='evo interpolates from version 1.38 on')
    assert ours(settings, relation, *made_files, command) == evo(command, *made_files, tmp_path)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f'no photographs in {DATA}; set NEUMAP_DATA to their folder')
@pytest.mark.parametrize('name', ['hololens000', 'redkitchen_tsdf', 'kitti_seq1'])
def test_real_trajectories(name, tmp_path):
    """Frames of a real camera as truth, every image but some as estimate with the errors of a localizer."""
    images = open_poses_json(DATA / name).images
    truth = Trajectory(tuple(index / 15 for index in range(len(images))), tuple(image.T_map_cam for image in images))
    estimate = kept(with_errors(truth), [index for index in range(len(truth)) if index % 5])
    files = write_tum(tmp_path / 'truth.tum', truth), write_tum(tmp_path / 'estimate.tum', estimate)
    for case in ('ape with scale', 'rpe per metre'):
        command, settings, relation = CASES[case]
        assert ours(settings, relation, *files, command) == evo(command, *files, tmp_path), case
