# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives of the regression suite: recorded once, replayed with the tracker, kept and compared like all other cases."""

import io
import math
import time
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from rich.console import Console

from benchmarks.regression import worlds
from benchmarks.regression.command import Settings, run_suite
from benchmarks.regression.digests import digest_drive
from benchmarks.regression.scenes import Scene
from benchmarks.regression.task import Task
from benchmarks.regression.trials import DriveTrial
from neumap_ros.evaluation.ground_truth import TRUTH_TOPIC, open_truth
from neumap_ros.evaluation.run_folder import read_run
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.recording.drift import DriftSettings
from neumap_ros.recording.make import BagSettings, make_bag
from neumap_ros.simulation.requests import DriveRequest

pytestmark = pytest.mark.slow

DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)
IMAGES, RATE_HZ = 8, 5.0
CASE = 'room-driven/drive-day/full'


class DrivenRoom(Scene):
    """The rendered room of the other tests, and a recorded drive through it."""

    name = 'room-driven'
    conditions = ('drive-day', 'plain')

    def __init__(self, folder, bag):
        self.folder, self.bag = folder, bag

    def mapping(self, cache, progress):
        return open_poses_json(self.folder, 'map')

    def queries(self, condition, cache, progress):
        return open_poses_json(self.folder, 'query')

    def trial(self, condition, cache, progress):
        return DriveTrial(self.bag) if condition == 'drive-day' else super().trial(condition, cache, progress)


@pytest.fixture(scope='module')
def source(demo_folder):
    every = open_poses_json(demo_folder, 'map')
    return every.subset(image.name for image in every.images[:IMAGES])


@pytest.fixture(scope='module')
def bag(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags') / 'drive'
    make_bag(source, folder, BagSettings(rate_hz=RATE_HZ))
    return folder


@pytest.fixture(scope='module')
def suite(demo_folder, bag, tmp_path_factory):
    """(settings, task, outcome, what was printed)."""
    folder, screen = tmp_path_factory.mktemp('suite'), io.StringIO()
    settings = Settings('chosen', folder / 'out', folder / 'cache')
    task = Task(DrivenRoom(demo_folder, bag), 'full', DrivenRoom.conditions)
    outcome = run_suite([task], settings, Console(file=screen, width=180), DATE, time.perf_counter)
    return settings, task, outcome, screen.getvalue()


def again(suite, **options):
    settings, task, *_ = suite
    console = Console(file=io.StringIO(), width=180)
    return run_suite([task], replace(settings, **options), console, DATE, time.perf_counter)


def test_a_drive_is_localized_with_its_tracker(suite):
    settings, _, outcome, _ = suite
    drive, images = outcome.run.cases
    assert (drive.case, drive.error, drive.is_drive, images.is_drive) == (CASE, '', True, False)
    run = read_run(settings.out / 'runs' / CASE)
    assert run.kind == 'replay'
    assert [row.reason for row in run.attempts].count('confirming') >= 1  # single images need no confirmation
    assert drive.figures['attempts'] == drive.figures['judged'] == IMAGES
    assert 0 < drive.figures['accepted'] < IMAGES
    assert drive.figures['false_fixes'] == 0
    assert 0 < drive.figures['first_fix_s'] < IMAGES / RATE_HZ


def test_every_attempt_of_a_drive_is_a_query_with_the_pose_of_tf(suite, bag):
    *_, outcome, _ = suite
    drive, images = (case.outcomes for case in outcome.run.cases)
    digest = digest_drive(bag, open_truth(TRUTH_TOPIC, bag, 'base_link', 'map'))
    assert drive.queries == digest.queries
    assert len(set(drive.queries)) == IMAGES
    # Until there is a fix there is no pose; then TF holds it, also where an image gave none.
    first = next(index for index, error in enumerate(drive.error_m) if math.isfinite(error))
    assert [math.isfinite(error) for error in drive.robot_m] == [index >= first for index in range(IMAGES)]
    assert max(drive.robot_m[first:]) < 0.5
    assert images.robot_m == ()


def test_a_drive_is_kept_and_gives_the_same_afresh(suite):
    settings, _, outcome, _ = suite
    path = settings.out / 'runs' / CASE / 'case.json'
    stamp = path.stat().st_mtime_ns
    kept = again(suite, baseline=outcome.run, against='before')
    assert path.stat().st_mtime_ns == stamp
    # As JSON, because what is unknown is NaN, which equals nothing.
    assert [case.to_json() for case in kept.run.cases] == [case.to_json() for case in outcome.run.cases]
    assert {change.p for change in kept.comparison.changes} == {1.0}
    fresh = again(suite, fresh=True).run.cases[0]
    assert path.stat().st_mtime_ns > stamp
    before = outcome.run.cases[0]
    assert (fresh.key, fresh.figures) == (before.key, before.figures)
    assert fresh.outcomes.to_json() == before.outcomes.to_json()


def test_the_tables_say_what_only_drives_show(suite):
    settings, *_, screen = suite
    for text in (screen, (settings.out / 'latest.md').read_text()):
        assert 'relocalized s' in text
        assert 'seconds to the first fix' in ' '.join(text.split())


def test_a_digest_knows_pictures_poses_and_odometry(source, bag, tmp_path):
    make_bag(source, tmp_path / 'same', BagSettings(rate_hz=RATE_HZ))
    make_bag(source, tmp_path / 'drift', BagSettings(rate_hz=RATE_HZ, drift=DriftSettings(seed=5)))
    make_bag(source.subset(image.name for image in source.images[1:]), tmp_path / 'less', BagSettings(rate_hz=RATE_HZ))
    digests = [
        digest_drive(folder, open_truth(TRUTH_TOPIC, folder, 'base_link', 'map'))
        for folder in (bag, *(tmp_path / name for name in ('same', 'drift', 'less')))
    ]
    assert digests[0] == digests[1]
    assert digests[0].queries == digests[2].queries
    assert len({digest.key for digest in digests}) == 3
    assert len({digest.pictures for digest in digests}) == 3


@pytest.fixture()
def world(monkeypatch):
    """A scene whose drive takes seconds."""
    pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')
    request = DriveRequest(drive='query', day=2, kidnaps=1, rate_hz=1.0, length_m=4.0, image_size=(96, 72))
    monkeypatch.setitem(worlds.DRIVES, 'drive-brief', request)
    return worlds.WorldScene('tiny', 'building', (8.0, 6.0), 3, ('drive-brief',))


def test_a_drive_is_recorded_once(world, tmp_path, monkeypatch):
    stages = []
    first = world.trial('drive-brief', tmp_path, lambda *values: stages.append(values)).digest()
    images = len(first.queries)
    assert images > 5
    assert stages[-1] == ('drive-brief: recording', images, images)
    again = world.trial('drive-brief', tmp_path, lambda *values: pytest.fail('it is recorded already')).digest()
    assert again == first
    # Recorded by other code it is another one, and the one before goes.
    monkeypatch.setattr(worlds, 'BAG_SETTINGS', replace(worlds.BAG_SETTINGS, odometry_rate_hz=20.0))
    other = world.trial('drive-brief', tmp_path, lambda *values: None).digest()
    assert (other.queries, other.pictures != first.pictures) == (first.queries, True)
    assert len(list((tmp_path / 'drives').iterdir())) == 1


@pytest.mark.parametrize('stage', ['images', 'recording'])
def test_a_drive_that_was_interrupted_is_finished_the_next_time(world, tmp_path, stage):
    def interrupt(what, done, total):
        if what == f'drive-brief: {stage}' and done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.trial('drive-brief', tmp_path, interrupt)
    assert [path.name[0] for path in (tmp_path / 'drives').iterdir()] == ['.']
    finished = world.trial('drive-brief', tmp_path, lambda *values: None).digest()
    whole = world.trial('drive-brief', tmp_path / 'whole', lambda *values: None).digest()
    assert finished == whole
    assert [path.name[0] for path in (tmp_path / 'drives').iterdir()] == ['w']
