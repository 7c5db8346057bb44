# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every source of images through the command line: build, verify, localize held-out images, evaluate.

One rendered world is written in every format. The map of each localizes the same held-out images with the same camera,
and the answers are compared with where the camera was. Axes, pixels, stamps and extrinsics that are read wrongly move
the map or bend it.
"""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from end_to_end_bags import write_bag
from end_to_end_files import write_camera_yaml, write_colmap, write_dataset, write_transforms, write_tum
from end_to_end_world import COLMAP_CAMERA, make_world
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from neumap_ros.evaluation.run_figures import figures
from neumap_ros.evaluation.run_folder import read_run
from neumap_ros.geometry import Pose

BUDGET_BYTES = 60_000
# One length of codes instead of the search for the best one: a third of the time. Without a dequantiser to train: a
# fifth. What the map is made of does not depend on where its images come from.
QUICK, QUICKER = ['--parts', 16, '--centroids', 256], ['--kind', 'pq', '--parts', 16]

LOCALIZED_AT_LEAST = 0.8
# A share of the extent of the cameras' places, and degrees. Right readers reach 0.05 % and 0.03 degrees.
MEDIAN_DISTANCE_SHARE, MEDIAN_ANGLE_DEG = 0.02, 0.2
# Half a pixel turns all answers alike by 0.11 degrees; what is left of noise in the mean of eight is 0.01.
MEAN_TURN_DEG = 0.05

pytestmark = pytest.mark.slow


@dataclasses.dataclass(frozen=True)
class Case:
    """Arguments of ``map build``, and of one or more ``evaluate`` with held-out views.

    A camera that is read from the same kind of file for the map and for the queries hides its own errors, so
    ``localize`` takes another kind: ``--camera`` or ``--camera-yaml``.
    """

    build: list
    evaluate: list[list]
    localize_with: str = '--camera'


@pytest.fixture(scope='session')
def world(tmp_path_factory):
    """The rendered world. Tests may add files beside ``images/`` and must not change that."""
    pytest.importorskip('embreex', reason='the ray caster of the demo world is an optional dependency')
    return make_world(tmp_path_factory.mktemp('end_to_end'))


def dataset_case(world, folder):
    source = ['--dataset', write_dataset(world)]
    return Case([*source, *QUICK], [source])


def colmap_case(world, folder):
    """Build from text, evaluate with binary, and with text whose images lie where they are found by themselves."""
    images = ['--images', world.folder / 'images']
    text = write_colmap(folder / 'map' / 'sparse' / '0', world.mapping, binary=False)
    binary = write_colmap(folder / 'binary' / 'sparse' / '0', world.queries, binary=True)
    project = folder / 'project'
    write_colmap(project / 'sparse' / '0', world.queries, binary=False)
    (project / 'images').symlink_to(world.folder / 'images')
    evaluate = [['--colmap', binary, *images, '--metric'], ['--colmap', project]]
    return Case(['--colmap', text, *images, '--metric', *QUICKER], evaluate, '--camera-yaml')


def colmap_binary_case(world, folder):
    model = write_colmap(folder / 'sparse' / '0', world.mapping, binary=True)
    (folder / 'images').symlink_to(world.folder / 'images')
    queries = write_colmap(folder / 'held_out' / 'sparse', world.queries, binary=True)
    evaluate = ['--colmap', queries, '--images', world.folder / 'images']
    return Case(['--colmap', model, '--metric', *QUICKER], [evaluate], '--camera-yaml')


def transforms_case(world, folder):
    mapping = write_transforms(world.folder / 'transforms_map.json', world.mapping)
    queries = write_transforms(world.folder / 'transforms_query.json', world.queries)
    return Case(['--transforms', mapping, '--metric', *QUICKER], [['--transforms', queries, '--metric']])


def tum_case(world, folder):
    camera = ['--camera-yaml', write_camera_yaml(folder / 'camera.yaml')]

    def source(part):
        trajectory = write_tum(folder / f'{part}.tum', world.part(part))
        return ['--tum', trajectory, '--images', world.folder / 'images' / part, *camera, '--metric']

    return Case([*source('map'), *QUICKER], [source('query')])


def odometry_case(world, folder):
    """sqlite3, compressed images, Odometry of the base; the queries in mcap, raw, with a pose that names no child."""
    mapping = write_bag(folder / 'map', world.mapping, 'sqlite3', 'odometry', compressed=True)
    same = write_bag(folder / 'same', world.queries, 'sqlite3', 'odometry', compressed=True)
    nameless = write_bag(folder / 'other', world.queries, 'mcap', 'pose', compressed=False)
    named = ['--bag', nameless, '--pose', '/pose.base_link', '--image-topic', '/front/image_raw']
    return Case(['--bag', mapping, *QUICKER], [['--bag', same, '--pose', '/pose'], named])


def tf_case(world, folder):
    """mcap, raw images, poses from /tf; the queries also in sqlite3 with compressed images."""
    mapping = write_bag(folder / 'map', world.mapping, 'mcap', 'tf', compressed=False)
    same = write_bag(folder / 'same', world.queries, 'mcap', 'tf', compressed=False)
    other = write_bag(folder / 'other', world.queries, 'sqlite3', 'tf', compressed=True)
    evaluate = [['--bag', same, '--pose', 'tf:map.base_link'], ['--bag', other]]
    return Case(['--bag', mapping, '--pose', 'tf:map', *QUICKER], evaluate)


CASES = [dataset_case, colmap_case, colmap_binary_case, transforms_case, tum_case, odometry_case, tf_case]


@pytest.mark.parametrize('make_case', CASES, ids=lambda make: make.__name__.removesuffix('_case'))
def test_build_verify_localize_evaluate(neumap, world, tmp_path, make_case):
    case = make_case(world, tmp_path)
    map_folder = build(neumap, tmp_path, case.build)
    cameras = {'--camera': COLMAP_CAMERA, '--camera-yaml': write_camera_yaml(tmp_path / 'calibration.yaml')}
    assert_right(localize(neumap, world, map_folder, [case.localize_with, cameras[case.localize_with]]), world)

    for number, source in enumerate(case.evaluate):
        report = tmp_path / f'report_{number}'
        succeed(neumap('evaluate', '--map', map_folder, *source, '--out', report))
        assert_report(report, world)


def test_images_without_poses(neumap, world, tmp_path):
    """Structure from motion finds the poses; the answers are right but for one position, orientation and scale."""
    walk = tmp_path / 'walk'
    walk.mkdir()
    for image in world.mapping + world.between:
        shutil.copy(image.path, walk)
    calibration = write_camera_yaml(tmp_path / 'camera.yaml')
    map_folder = build(neumap, tmp_path, ['--images', walk, '--camera-yaml', calibration, *QUICKER])
    fixes = localize(neumap, world, map_folder, ['--camera', COLMAP_CAMERA])
    pairs = [(fix, image.pose) for fix, image in zip(fixes, world.queries, strict=True) if fix is not None]
    # Each pair has the rotation between the frames; eight positions close together would give it less sharply, and one
    # poor answer would turn all.
    turns = [true.rotation_33 @ found.rotation_33.T for found, true in pairs]
    rotation = Rotation.from_matrix(turns).mean().as_matrix()
    found_N3, true_N3 = (np.array([pose.translation_3 for pose in poses]) for poses in zip(*pairs, strict=True))
    scale = np.median(pdist(true_N3) / pdist(found_N3))
    shift = np.median(true_N3 - scale * found_N3 @ rotation.T, axis=0)

    def aligned(fix):
        return Pose(rotation @ fix.rotation_33, scale * rotation @ fix.translation_3 + shift)

    # Bundle adjustment on several threads differs from run to run, and this short walk bends by 0.1 to 2.3 % of itself.
    assert_near([None if fix is None else aligned(fix) for fix in fixes], world, 0.06, 3.0)


def build(neumap, folder, arguments):
    """Build a map in a folder; gives its path. It keeps to its budget and is sound."""
    map_folder = folder / 'the_map'
    succeed(neumap('map', 'build', *arguments, '--budget', '60kB', '--out', map_folder))
    assert sum(path.stat().st_size for path in map_folder.rglob('*') if path.is_file()) <= BUDGET_BYTES
    assert succeed(neumap('map', 'verify', map_folder)).strip() == f'map {map_folder} is sound'
    return map_folder


def succeed(result):
    """Check the exit code; gives stdout."""
    assert result.exit_code == 0, result.output
    return result.stdout


def localize(neumap, world, map_folder, camera):
    """Localize the held-out images; gives ``T_map_cam`` or None for each."""
    images = [image.path for image in world.queries]
    result = neumap('localize', *images, '--map', map_folder, *camera, '--json')
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document['image'] for document in documents] == [str(path) for path in images], result.output
    fixes = [
        Pose.from_quaternion(document['quaternion_wxyz'], document['position']) if document['position'] else None
        for document in documents
    ]
    # The exit code tells whether all were localized.
    assert result.exit_code == (3 if None in fixes else 0), result.output
    return fixes


def assert_near(fixes, world, distance_share=MEDIAN_DISTANCE_SHARE, largest_angle_deg=MEDIAN_ANGLE_DEG):
    """Enough images are localized, and near the truth; gives pairs of answer and truth."""
    truths = [image.pose for image in world.queries]
    pairs = [(fix, truth) for fix, truth in zip(fixes, truths, strict=True) if fix is not None]
    assert len(pairs) >= LOCALIZED_AT_LEAST * len(truths)
    distance, angle_deg = np.median([fix.error_to(truth) for fix, truth in pairs], axis=0)
    assert distance < distance_share * world.extent_m
    assert angle_deg < largest_angle_deg
    return pairs


def assert_right(fixes, world):
    """Enough images are localized, near the truth, and not turned alike."""
    pairs = assert_near(fixes, world)
    turns_deg = [2 * np.degrees((truth.inverse() @ fix).quaternion_wxyz[1:]) for fix, truth in pairs]
    assert np.abs(np.mean(turns_deg, axis=0)).max() < MEAN_TURN_DEG


def assert_report(folder, world):
    """The report compares with the truth as it is, and its figures and two lists of poses are right."""
    run = read_run(folder)
    for row, image in zip(run.attempts, world.queries, strict=True):
        np.testing.assert_allclose(row.truth.matrix_44, image.pose.matrix_44, atol=1e-5)
        assert row.stamp_ns in (None, pytest.approx(image.time_ns, abs=1e4))
    accepted = [row for row in run.attempts if row.accepted]
    assert figures(run).accepted == len(accepted) >= LOCALIZED_AT_LEAST * len(run.attempts)
    assert np.median([row.error_m for row in accepted]) < MEDIAN_DISTANCE_SHARE * world.extent_m
    assert np.median([row.error_deg for row in accepted]) < MEDIAN_ANGLE_DEG

    def fixes(listed):
        """A pose for each attempt, None where it was not accepted."""
        return [next(listed) if row.accepted else None for row in run.attempts]

    tum = np.loadtxt(folder / 'trajectory.tum')
    assert_right(fixes(Pose.from_quaternion(row[[7, 4, 5, 6]], row[1:4]) for row in tum), world)
    rows = [list(map(float, line.split()[1:])) for line in (folder / 'poses.txt').read_text().splitlines()]
    assert_right(fixes(Pose.from_quaternion(row[:4], row[4:]).inverse() for row in rows), world)
