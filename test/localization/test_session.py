# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The session on a real map of the rendered room, with its real pictures."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import FrameSet, TrackingState, View
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.session import LocalizationSession, SessionSettings
from neumap_ros.localization.tracker import TrackerSettings
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.storage import open_map

S = 1_000_000_000
# The camera sits on the robot, looks ahead (x) and a little down.
T_BASE_CAM = Pose(Rotation.from_euler('xyz', [-100, 0, -90], degrees=True).as_matrix(), (0.2, 0.05, 0.6))
T_MAP_ODOM = Pose(Rotation.from_euler('z', 75, degrees=True).as_matrix(), (4.0, -3.0, 0.0))


@pytest.fixture(scope='module')
def localizer(demo_map):
    return Localizer(open_map(demo_map))


@pytest.fixture(scope='module')
def pictures(demo_folder):
    """Views of the drive that the map was made from, and the robot's true poses."""
    source = open_poses_json(demo_folder)
    found = []
    for image in source.images:
        view = View('front', source.read(image), image.camera, T_BASE_CAM, 'front_optical')
        found.append((view, image.T_map_cam @ T_BASE_CAM.inverse()))
    return found


def frame_set(picture, number, **changes):
    view, T_map_base = picture
    plain = FrameSet(
        stamp_ns=(100 + number) * S,
        views=(view,),
        T_odom_base=T_MAP_ODOM.inverse() @ T_map_base,
        cameras=('front',),
    )
    return replace(plain, **changes)


def unlike(attempt):
    """An attempt without what differs from run to run."""
    return repr(replace(attempt, fix=replace(attempt.fix, timings_ms={})))


def new_session(localizer=None, **settings):
    session = LocalizationSession(SessionSettings(**settings))
    session.use_map(localizer)
    return session


def localized(localizer, pictures, **settings):
    session = new_session(localizer, **settings)
    for number, picture in enumerate(pictures[:3]):
        session.process(frame_set(picture, number))
    assert session.state is TrackingState.LOCALIZED
    return session


def test_a_drive_through_the_room(localizer, pictures):
    session = new_session(localizer)
    attempts = [session.process(frame_set(picture, i)) for i, picture in enumerate(pictures)]
    assert [a.reason for a in attempts[:3]] == [Reason.CONFIRMING, Reason.CONFIRMING, Reason.OK]
    assert sum(a.accepted for a in attempts) >= 0.8 * len(pictures)
    manifest = localizer.manifest
    for attempt, (_, truth) in zip(attempts, pictures, strict=True):
        assert (attempt.map_id, attempt.revision, attempt.map_sha256, attempt.frame_id) == (
            manifest.map_id,
            manifest.revision,
            localizer.map_sha256,
            manifest.frame_id,
        )
        assert attempt.cameras == ('front',)
        assert attempt.detail
        assert attempt.fix.timings_ms['total'] >= attempt.fix.timings_ms['features'] > 0
        assert attempt.accepted == (attempt.reason is Reason.OK) == (attempt.T_map_odom is not None)
        if attempt.accepted:
            assert attempt.T_map_base.error_to(truth)[0] < 0.1
            assert attempt.covariance_66.shape == (6, 6)
            T_odom_base = T_MAP_ODOM.inverse() @ truth
            assert (attempt.T_map_odom @ T_odom_base).error_to(attempt.T_map_base)[0] < 1e-9
            # The pose is the fix: nothing smooths it.
            assert attempt.T_map_base is attempt.fix.T_map_base
    assert math.isnan(attempts[2].correction_m)
    assert all(a.correction_m < 0.2 for a in attempts[3:] if a.accepted)
    assert session.T_map_odom.error_to(T_MAP_ODOM)[0] < 0.5


def test_the_same_frames_give_the_same_attempts(localizer, pictures):
    runs = []
    for _ in range(2):
        session = new_session(localizer)
        runs.append([unlike(session.process(frame_set(p, i))) for i, p in enumerate(pictures[:6])])
    assert runs[0] == runs[1]


def test_a_recording_that_loops_starts_anew_each_time(localizer, pictures):
    session = new_session(localizer)
    loops = [[session.process(frame_set(p, i)) for i, p in enumerate(pictures[:6])] for _ in range(3)]
    for again in loops[1:]:
        assert 'time went back by 5.00 s' in again[0].detail
        assert (again[0].state, again[0].T_map_odom) == (TrackingState.CONFIRMING, None)
        assert [unlike(a) for a in again[1:]] == [unlike(a) for a in loops[0][1:]]


def test_images_that_overtake_each_other_are_no_loop(localizer, pictures):
    session = localized(localizer, pictures)
    attempt = session.process(frame_set(pictures[2], 2, stamp_ns=102 * S - S // 10))
    assert (attempt.reason, attempt.state) == (Reason.OK, TrackingState.LOCALIZED)


def test_without_a_map_there_is_a_reason(pictures):
    session = new_session()
    attempt = session.process(frame_set(pictures[0], 0))
    assert (attempt.reason, attempt.state, attempt.map_id, attempt.map_sha256) == (
        Reason.NO_MAP,
        TrackingState.UNLOCALIZED,
        '',
        '',
    )
    assert 'map_server' in attempt.detail


def test_what_is_wrong_with_the_images_is_the_reason(localizer, pictures):
    session = localized(localizer, pictures)
    for reason in (Reason.UNCALIBRATED_CAMERA, Reason.STALE_IMAGE, Reason.IMAGE_ERROR, Reason.NO_TRANSFORM):
        attempt = session.process(
            FrameSet(104 * S, problem=reason, detail='a sentence', dropped=7, cameras=('front', 'left'))
        )
        assert (attempt.reason, attempt.detail, attempt.dropped, attempt.cameras) == (
            reason,
            'a sentence',
            7,
            ('front', 'left'),
        )
        assert attempt.map_sha256 == localizer.map_sha256
        assert attempt.T_map_base is None
    assert session.process(FrameSet(105 * S, T_odom_base=T_MAP_ODOM)).reason is Reason.IMAGE_ERROR


def test_odometry_is_required_unless_told_otherwise(localizer, pictures):
    session = localized(localizer, pictures)
    attempt = session.process(frame_set(pictures[3], 3, T_odom_base=None))
    assert (attempt.reason, attempt.T_map_base) == (Reason.NO_TRANSFORM, None)
    assert 'no odometry' in attempt.detail
    session = new_session(localizer, require_odometry=False, tracker=TrackerSettings(max_speed_mps=2.0))
    attempts = [session.process(frame_set(p, i, T_odom_base=None)) for i, p in enumerate(pictures[:6])]
    assert [a.accepted for a in attempts] == [False, False, True, True, True, True]
    assert [a.T_map_odom for a in attempts] == [None] * 6


@pytest.mark.parametrize('kind', ['black', 'noise', 'wrong size', 'empty', 'another place', 'checkerboard'])
def test_no_picture_raises_or_moves_the_robot(localizer, pictures, kind):
    view, _ = pictures[3]
    height, width = view.image.shape
    rng = np.random.default_rng(0)
    image = {
        'black': lambda: np.zeros((height, width), np.uint8),
        'noise': lambda: rng.integers(0, 256, (height, width), dtype=np.uint8),
        'wrong size': lambda: np.full((height + 1, width), 9, np.uint8),
        'empty': lambda: np.zeros((0, 0), np.uint8),
        'another place': lambda: cv2.GaussianBlur(rng.integers(0, 256, (height, width), dtype=np.uint8), (9, 9), 3),
        'checkerboard': lambda: np.kron(np.indices((height // 8, width // 8)).sum(0) % 2, np.full((8, 8), 255)),
    }[kind]()
    session = localized(localizer, pictures)
    before = session.T_map_odom
    for i in range(3):
        views = (replace(view, image=np.asarray(image, np.uint8)),)
        attempt = session.process(frame_set(pictures[3], 3 + i, views=views))
        assert not attempt.accepted
        assert attempt.detail
    assert session.state is TrackingState.LOCALIZED
    np.testing.assert_array_equal(session.T_map_odom.matrix_44, before.matrix_44)


def test_every_refusal_is_explained_with_numbers(localizer, pictures):
    view, _ = pictures[3]
    session = localized(localizer, pictures)
    black = replace(view, image=np.zeros_like(view.image))
    attempt = session.process(frame_set(pictures[3], 3, views=(black,)))
    assert attempt.reason is Reason.FEW_KEYPOINTS
    assert attempt.detail.startswith('0 keypoints, at least 10 are needed')
    attempt = session.process(frame_set(pictures[3], 4))
    assert 'matches' in attempt.detail
    assert 'are accepted at once' not in attempt.detail
    far = T_MAP_ODOM.inverse() @ Pose(np.eye(3), (1.9, 0, 0)) @ pictures[4][1]
    attempt = session.process(frame_set(pictures[4], 5, T_odom_base=far))
    assert attempt.reason is Reason.INCONSISTENT_WITH_ODOMETRY
    assert attempt.correction_m == pytest.approx(1.9, abs=0.1)
    assert 'are accepted at once; 1 of the last' in attempt.detail


def test_another_revision_keeps_the_pose_and_another_place_does_not(localizer, pictures, demo_map):
    session = localized(localizer, pictures)
    revised = Localizer(open_map(demo_map))
    revised.manifest = replace(revised.manifest, revision=2)
    revised.map_sha256 = 'ab' * 32
    session.use_map(revised)
    attempt = session.process(frame_set(pictures[3], 3))
    assert (attempt.reason, attempt.revision, attempt.map_sha256) == (Reason.OK, 2, 'ab' * 32)
    session.use_map(None)
    assert session.process(frame_set(pictures[4], 4)).reason is Reason.NO_MAP
    assert session.state is TrackingState.LOCALIZED
    elsewhere = Localizer(open_map(demo_map))
    elsewhere.manifest = replace(elsewhere.manifest, map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001')
    session.use_map(elsewhere)
    assert (session.state, session.T_map_odom) == (TrackingState.UNLOCALIZED, None)
    assert session.predict(105 * S, T_MAP_ODOM) is None
    assert 'is of another place' in session.process(frame_set(pictures[5], 5)).detail


def test_a_given_pose_and_a_relocalization(localizer, pictures):
    session = new_session(localizer)
    frames = frame_set(pictures[0], 0)
    told = session.initialize(pictures[0][1], 1.0, frames.stamp_ns, frames.T_odom_base)
    assert 'searching within 1.00 m' in told
    assert session.predict(frames.stamp_ns, frames.T_odom_base)[1] == pytest.approx(1.0)
    for i in range(3):
        attempt = session.process(frame_set(pictures[i], i))
    assert attempt.reason is Reason.OK
    session.relocalize()
    assert (session.state, session.T_map_odom) == (TrackingState.UNLOCALIZED, None)
    attempts = [session.process(frame_set(pictures[i], i)) for i in range(3, 6)]
    assert 'relocalization was asked for' in attempts[0].detail
    assert attempts[-1].reason is Reason.OK


def test_two_cameras_count_as_one_attempt(localizer, pictures):
    """The second camera sits where the next picture was taken from."""
    session = new_session(localizer)
    for i in range(4):
        (front, truth), (other, there) = pictures[i], pictures[i + 1]
        left = replace(other, name='left', T_base_cam=truth.inverse() @ there @ T_BASE_CAM)
        attempt = session.process(frame_set(pictures[i], i, views=(front, left), cameras=('front', 'left')))
    assert attempt.reason is Reason.OK
    assert attempt.cameras == ('front', 'left')
    assert len(attempt.fix.inliers) == 2
    assert attempt.T_map_base.error_to(truth)[0] < 0.1


def test_the_rate_is_capped_and_settings_can_change(localizer, pictures):
    session = localized(localizer, pictures, max_rate_hz=2.0)
    assert [session.due(200 * S + i * S // 10) for i in range(11)].count(True) == 3
    session.use_settings(SessionSettings())
    assert all(session.due(210 * S + i) for i in range(5))
    assert session.state is TrackingState.LOCALIZED


@pytest.mark.parametrize('stamp_ns', [0, 5 * S, 10_000 * S])
def test_a_stamp_that_is_refused_tells_no_time(localizer, pictures, stamp_ns):
    # A driver that sends one wrong stamp: none at all, one of the past, one of the future.
    session = localized(localizer, pictures)
    wrong = FrameSet(stamp_ns, problem=Reason.STALE_IMAGE, detail='a sentence', cameras=('front',), now_ns=104 * S)
    attempt = session.process(wrong)
    assert (attempt.reason, attempt.stamp_ns, attempt.state) == (Reason.STALE_IMAGE, stamp_ns, TrackingState.LOCALIZED)
    assert session.T_map_odom is not None
    attempt = session.process(frame_set(pictures[4], 5))
    assert (attempt.reason, attempt.confirmations_required) == (Reason.OK, 0), attempt.detail


def test_a_robot_whose_images_are_all_refused_gets_lost(localizer, pictures):
    session = localized(localizer, pictures)
    states = [
        session.process(FrameSet(0, problem=Reason.STALE_IMAGE, detail='a sentence', now_ns=(104 + i) * S)).state
        for i in range(12)
    ]
    assert states == [TrackingState.LOCALIZED] * 10 + [TrackingState.LOST] * 2
