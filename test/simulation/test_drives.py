# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives through a world: they cover it, hit nothing, move like a robot, and differ where they should."""

from dataclasses import replace

import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.simulation.drives import ROBOT_HEIGHT_M, ROBOT_RADIUS_M, make_rig, mapping_drive, query_drive

SEED = 3


@pytest.fixture(scope='module')
def worlds():
    """The world of the mapping, and as it is on another day."""
    pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')
    from neumap_ros.simulation.world import make_world

    return make_world(SEED, (14.0, 10.0)), make_world(SEED, (14.0, 10.0), day=1)


@pytest.fixture(scope='module')
def mapping(worlds):
    return mapping_drive(worlds[0], SEED)


@pytest.fixture(scope='module')
def query(worlds):
    return query_drive(worlds[1], SEED, length_m=40.0, kidnaps=2)


def samples(drive, step_s=0.02):
    """Places and headings, leg by leg, with their rates."""
    for leg in drive.motion.legs:
        times = np.arange(leg.start_s, leg.end_s, step_s)
        yield leg.curves(times), leg.curves(times, 1)


def test_the_mapping_drive_sees_every_way_in_both_directions(worlds, mapping):
    world = worlds[0]
    ((places, _),) = samples(mapping)
    for way in world.ways:
        for a, b in (way, way[::-1]):
            start, end = world.places_N2[a], world.places_N2[b]
            ahead = np.arctan2(*(end - start)[::-1])
            facing = np.cos(places[:, 3] - ahead) > 0.9
            middle = (start + end) / 2
            assert np.linalg.norm(places[facing, :2] - middle, axis=1).min() < 0.6, (a, b)


def test_drives_hit_nothing_and_move_like_a_robot(worlds, mapping, query):
    for world, drive in zip(worlds, (mapping, query), strict=True):
        for places, rates in samples(drive):
            body = np.column_stack([places[:, :2], np.full(len(places), ROBOT_HEIGHT_M)])
            assert world.free(body, ROBOT_RADIUS_M).all()
            assert 0.4 < np.hypot(*rates[:, :2].T).max() < 1.0
            assert np.degrees(np.abs(rates[:, 3])).max() < 60


def test_a_query_drive_goes_elsewhere_stops_and_looks_all_round(mapping, query):
    known = np.array([pose.translation_3 for pose in mapping.T_world_base])
    asked = np.array([pose.translation_3 for pose in query.T_world_base])
    beside = np.linalg.norm(asked[:, None] - known, axis=2).min(axis=1)
    assert beside.max() > 0.1
    assert beside.max() < 1.5
    assert 36 < query.length_m < 60
    turned = np.concatenate([rates[np.hypot(*rates[:, :2].T) < 1e-3, 3] for _, rates in samples(query)])
    assert np.degrees(np.abs(turned).sum() * 0.02) > 360  # in place
    assert (np.abs(turned) < 1e-3).sum() * 0.02 > 6  # standing


def test_kidnappings_jump_far_between_two_images(query):
    assert len(query.jumps) == 2
    for number, (before, after) in enumerate(zip(query.T_world_base, query.T_world_base[1:], strict=False), start=1):
        moved_m = before.error_to(after)[0]
        assert (moved_m > 2.0) if number in query.jumps else (moved_m < 0.2)


def test_the_same_request_gives_the_same_drive_and_another_day_another(worlds, query):
    again = query_drive(worlds[1], SEED, length_m=40.0, kidnaps=2)
    assert again.stamps_ns == query.stamps_ns
    for pose, same in zip(query.T_world_base, again.T_world_base, strict=True):
        assert np.array_equal(pose.matrix_44, same.matrix_44)
    other = query_drive(worlds[1], SEED, length_m=40.0, kidnaps=2, day=2)
    assert other.stamps_ns[0] > query.stamps_ns[-1]
    assert other.T_world_base[-1].error_to(query.T_world_base[-1])[0] > 0.1


def test_thinning_keeps_images_that_moved_or_turned(mapping):
    few = mapping.thinned(0.5, 20.0)
    assert 0.05 < len(few.times_s) / len(mapping.times_s) < 0.5
    for before, after in zip(few.T_world_base, few.T_world_base[1:], strict=False):
        moved_m, turned_deg = before.error_to(after)
        assert moved_m >= 0.5 or turned_deg >= 20
    assert set(few.times_s) < set(mapping.times_s)


def test_cameras_look_where_they_are_mounted():
    rig = make_rig((320, 240), ('front', 'left', 'rear', 'right'))
    looks = [mount.T_base_cam.rotation_33[:, 2].round(9).tolist() for mount in rig]
    assert looks == [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]
    for mount in rig:
        assert mount.T_base_cam.translation_3[2] == 1.0
        assert mount.T_base_cam.rotation_33[:, 1].round(9).tolist() == [0, 0, -1]  # y down
        assert np.linalg.det(mount.T_base_cam.rotation_33) == pytest.approx(1)


def test_a_fisheye_sees_more_and_all_of_its_image():
    (wide,) = make_rig(fisheye=True)
    corners = wide.camera.normalize([[0, 0], [320, 240], [0, 120], [320, 120]])
    assert np.isfinite(corners).all()
    assert 2 * np.degrees(np.arctan(corners[3, 0])) > 115


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'cameras': ()}, 'expected different ones of front'),
        ({'cameras': ('top',)}, r"\['top'\]"),
        ({'cameras': ('left', 'left')}, 'different'),
        ({'size': (8, 8)}, 'at least 32x32'),
    ],
)
def test_impossible_rigs_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        make_rig(**changes)


@pytest.mark.parametrize('changes', [{'length_m': 0.0}, {'kidnaps': -1}, {'rate_hz': 0.0}], ids=str)
def test_impossible_drives_are_refused(worlds, changes):
    with pytest.raises(ConfigError, match='expected'):
        query_drive(worlds[1], SEED, **{'length_m': 4.0, **changes})


def test_a_world_that_is_full_is_refused(worlds):
    blocked = replace(worlds[0], ways=((0, 1),), bounds=((0, 0, 0), (0.1, 0.1, 2)))
    with pytest.raises(ConfigError, match='no way that the robot could drive'):
        mapping_drive(blocked, SEED)
