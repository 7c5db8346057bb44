# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording of the demonstration's room, whole and with all that can be wrong with one."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from replay_bags import changed, entries_of, move_stamp, stamp_ns, write_entries

from neumap_ros.errors import SourceError
from neumap_ros.evaluation.replay import Replayer, ReplaySettings, replay, robot_pose
from neumap_ros.images import read_image
from neumap_ros.localization.attempt import TrackingState
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.session import SessionSettings
from neumap_ros.localization.tracker import TrackerSettings
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.storage import open_map
from neumap_ros.recording import make
from neumap_ros.recording.make import BagSettings, make_bag
from neumap_ros.recording.messages import transform

IMAGE, INFO, TF, TF_STATIC = make.IMAGE_TOPIC, make.INFO_TOPIC, make.TF_TOPIC, make.TF_STATIC_TOPIC
# One fix is enough, so that every image counts.
AT_ONCE = ReplaySettings(session=SessionSettings(tracker=TrackerSettings(confirmations=1, confirmation_window=1)))
IMAGES, RATE_HZ = 8, 5.0


@pytest.fixture(scope='module')
def localizer(demo_map):
    return Localizer(open_map(demo_map))


@pytest.fixture(scope='module')
def source(demo_folder):
    every = open_poses_json(demo_folder, 'map')
    return every.subset(image.name for image in every.images[:IMAGES])


@pytest.fixture(scope='module')
def bag(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags') / 'drive'
    make_bag(source, folder, BagSettings(rate_hz=RATE_HZ))
    return folder


def reasons(result):
    return [step.attempt.reason for step in result.steps]


def facts(result):
    """All of a replay but the time it took."""
    return [
        (
            step.attempt.stamp_ns,
            step.attempt.reason,
            step.attempt.detail,
            None if (pose := robot_pose(step)) is None else pose.matrix_44.tobytes(),
        )
        for step in result.steps
    ]


def test_every_image_is_localized_where_it_was_taken(bag, source, localizer):
    calls = []
    result = replay(bag, localizer, AT_ONCE, lambda done, total: calls.append((done, total)))
    assert reasons(result) == [Reason.OK] * IMAGES
    for step, image in zip(result.steps, source.images, strict=True):
        truth = image.T_map_cam @ make.T_BASE_CAM.inverse()
        distance, angle_deg = step.attempt.T_map_base.error_to(truth)
        assert distance < 0.05
        assert angle_deg < 1
        assert (
            robot_pose(step).error_to(step.attempt.T_map_base)[0] < 1e-9
        )  # an accepted fix is what TF says at its stamp
        assert dict(step.camera_frames) == {'camera': make.CAMERA_FRAME}
    assert calls[-1] == (IMAGES, IMAGES)
    assert result.has_odometry
    assert (result.end_ns - result.start_ns) / 1e9 == pytest.approx((IMAGES - 1) / RATE_HZ)


def test_the_first_image_gives_the_pose_that_neumap_localize_gives(source, localizer, tmp_path):
    make_bag(source, tmp_path / 'bag', BagSettings(compressed=True))
    first = replay(tmp_path / 'bag', localizer, AT_ONCE).steps[0].attempt
    path = source.path(source.images[0])
    assert path.suffix == '.jpg'
    single = localizer.localize(read_image(path), source.images[0].camera)
    assert np.allclose((first.T_map_base @ make.T_BASE_CAM).matrix_44, single.T_map_cam.matrix_44, rtol=0, atol=1e-9)


def test_two_runs_agree_bit_for_bit_and_so_do_both_storages(bag, source, localizer, tmp_path):
    make_bag(source, tmp_path / 'other', BagSettings(RATE_HZ, storage='sqlite3'))
    runs = [facts(replay(folder, localizer)) for folder in (bag, bag, tmp_path / 'other')]
    assert runs[0] == runs[1] == runs[2]
    assert runs[0][0][1] is Reason.CONFIRMING
    assert runs[0][-1][1] is Reason.OK


def test_without_odometry_the_pose_itself_is_what_counts(bag, localizer, tmp_path):
    silent = changed(
        bag, tmp_path / 'bag', lambda topic, time, message: None if topic == TF else (topic, time, message)
    )
    result = replay(silent, localizer, AT_ONCE)
    assert not result.has_odometry
    assert not result.settings.session.require_odometry
    assert {step.T_odom_base for step in result.steps} == {None}
    assert Reason.OK in reasons(result)
    assert [robot_pose(step) is not None for step in result.steps] == [r is Reason.OK for r in reasons(result)]


@pytest.mark.parametrize(('late_s', 'localized'), [(0.05, True), (0.5, False)])
def test_an_image_waits_for_odometry_as_on_the_robot(bag, localizer, tmp_path, late_s, localized):
    """In the time of the recording: what arrives within tf_wait_s counts, what arrives later does not."""

    def delay(topic, time, message):
        return (topic, time + int(late_s * 1e9) if topic == TF else time, message)

    result = replay(changed(bag, tmp_path / 'bag', delay), localizer, replace(AT_ONCE, tf_wait_s=0.1))
    assert len(result.steps) == IMAGES
    if localized:
        assert reasons(result) == [Reason.OK] * IMAGES
    else:
        assert reasons(result)[0] is Reason.NO_TRANSFORM
        assert 'TF does not give base_link in odom at the stamp of the image' in result.steps[0].attempt.detail


def test_a_gap_of_odometry_costs_the_images_in_it(bag, localizer, tmp_path):
    images = [entry for entry in entries_of(bag) if entry[0] == IMAGE]
    gap = range(stamp_ns(images[2][2]) - 1, stamp_ns(images[4][2]) + 300_000_000)

    def hole(topic, time, message):
        return None if topic == TF and stamp_ns(message.transforms[0]) in gap else (topic, time, message)

    result = replay(changed(bag, tmp_path / 'bag', hole), localizer, replace(AT_ONCE, tf_wait_s=0.05))
    assert reasons(result)[:2] == [Reason.OK] * 2
    assert reasons(result)[3] is Reason.NO_TRANSFORM


def test_recorded_localization_is_left_out(bag, localizer, tmp_path):
    """A map -> odom of another localizer would give the base a second way into the map."""

    def recorded(topic, time, message):
        if topic == TF:
            wrong = transform(stamp_ns(message.transforms[0]), 'map', 'odom', make.T_BASE_CAM)
            message.transforms.append(wrong)
        return topic, time, message

    assert facts(replay(changed(bag, tmp_path / 'bag', recorded), localizer)) == facts(replay(bag, localizer))


def test_the_rate_cap_goes_by_the_stamps(bag, localizer):
    session = replace(AT_ONCE.session, max_rate_hz=RATE_HZ / 2)
    result = replay(bag, localizer, replace(AT_ONCE, session=session))
    assert len(result.steps) == IMAGES // 2
    first = result.steps[0].attempt.stamp_ns
    assert [step.attempt.stamp_ns - first for step in result.steps] == pytest.approx(
        [index * 2e9 / RATE_HZ for index in range(IMAGES // 2)], abs=2
    )


def test_a_recording_that_loops_starts_anew(bag, localizer, tmp_path):
    """The stamps go back to the beginning while the recording goes on."""
    first = entries_of(bag)
    length_ns = first[-1][1] - first[0][1] + 100_000_000
    again = [(topic, time + length_ns, message) for topic, time, message in first]
    result = replay(write_entries(tmp_path / 'bag', [*first, *again]), localizer)
    assert len(result.steps) == 2 * IMAGES
    once = reasons(replay(bag, localizer))
    assert reasons(result) == once + once
    assert result.steps[IMAGES].attempt.state is not TrackingState.LOCALIZED
    poses = [step.attempt.T_map_base for step in result.steps]
    assert np.array_equal(poses[IMAGES - 1].matrix_44, poses[-1].matrix_44)


def rig(topic, time, message):
    """The only camera twice, the second one a little later and with a frame of its own."""
    if topic in (IMAGE, INFO):
        left, right = message, move_stamp(copy.deepcopy(message), 3_000_000)
        right.header.frame_id = 'right_optical'
        return [
            (topic.replace('/camera/', '/left/'), time, left),
            (topic.replace('/camera/', '/right/'), time + 8_000_000, right),
        ]
    if topic == TF_STATIC:
        message.transforms.append(transform(0, make.BASE_FRAME, 'right_optical', make.T_BASE_CAM))
    return topic, time, message


def test_a_rig_is_taken_together_and_goes_on_when_a_camera_dies(bag, localizer, tmp_path):
    both = changed(bag, tmp_path / 'rig', rig)
    with pytest.raises(SourceError, match='images of 2 cameras'):
        Replayer(both)
    settings = replace(AT_ONCE, cameras=('left', 'right'))
    result = replay(both, localizer, settings)
    assert reasons(result) == [Reason.OK] * IMAGES
    assert {step.attempt.cameras for step in result.steps} == {('left', 'right')}

    end_ns = entries_of(both)[0][1] + 500_000_000

    def dies(topic, time, message):
        return None if topic == '/right/image' and time > end_ns else (topic, time, message)

    result = replay(changed(both, tmp_path / 'half', dies), localizer, settings)
    assert [step.attempt.cameras for step in result.steps] == [('left', 'right')] * 3 + [('left',)] * (IMAGES - 3)
    assert reasons(result) == [Reason.OK] * IMAGES
    assert 'no image of camera right' in result.steps[-1].attempt.detail


def test_one_camera_of_a_rig_can_be_chosen(bag, localizer, tmp_path):
    both = changed(bag, tmp_path / 'rig', rig)
    result = replay(both, localizer, replace(AT_ONCE, image_topics={'front': '/right/image'}))
    assert {step.attempt.cameras for step in result.steps} == {('front',)}
    # The last image was taken after the last sample of odometry, and nothing is extrapolated.
    assert reasons(result) == [Reason.OK] * (IMAGES - 1) + [Reason.NO_TRANSFORM]


def test_broken_images_and_calibrations_cost_themselves_only(bag, localizer, tmp_path):
    images = [entry[1] for entry in entries_of(bag) if entry[0] == IMAGE]
    infos = [entry[1] for entry in entries_of(bag) if entry[0] == INFO]

    def broken(topic, time, message):
        if topic == IMAGE and time == images[1]:
            message.data = message.data[:1000]
        if topic == IMAGE and time == images[2]:
            message.encoding = '32FC1'
        if topic == IMAGE and time == images[3]:
            message.height, message.data = message.height - 1, message.data[: -message.step]
        if topic == INFO and time == infos[5]:
            message.k = 0 * message.k
        return topic, time, message

    result = replay(changed(bag, tmp_path / 'bag', broken), localizer, AT_ONCE)
    wrong = {1: Reason.IMAGE_ERROR, 2: Reason.IMAGE_ERROR, 3: Reason.IMAGE_ERROR, 5: Reason.UNCALIBRATED_CAMERA}
    assert reasons(result) == [wrong.get(index, Reason.OK) for index in range(IMAGES)]
    assert [word in result.steps[i].attempt.detail for i, word in ((1, 'truncated'), (2, '32FC1'), (3, 'expected'))]


def test_the_first_calibration_is_waited_for(bag, localizer, tmp_path):
    def late(topic, time, message):
        return topic, time + 20_000_000 if topic == INFO else time, message

    assert reasons(replay(changed(bag, tmp_path / 'bag', late), localizer, AT_ONCE)) == [Reason.OK] * IMAGES


def without(*topics):
    return lambda topic, time, message: None if topic in topics else (topic, time, message)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (without(IMAGE), 'has no images, expected Image or CompressedImage'),
        (without(INFO), 'no camera_info beside /camera/image'),
        (without(TF, TF_STATIC), r"camera camera \('camera_optical'\) sits on 'base_link' \(it has no frames\)"),
        (without(TF_STATIC), r"sits on 'base_link' \(it has base_link, odom\).*set frames.base to 'camera_optical'"),
    ],
)
def test_what_is_missing_is_said_at_once(bag, tmp_path, change, message):
    with pytest.raises(SourceError, match=message):
        Replayer(changed(bag, tmp_path / 'bag', change))


def test_a_camera_alone_can_be_replayed(bag, source, localizer, tmp_path):
    alone = changed(bag, tmp_path / 'bag', without(TF, TF_STATIC))
    result = replay(alone, localizer, replace(AT_ONCE, base_frame=make.CAMERA_FRAME))
    assert not result.has_odometry
    first = result.steps[0].attempt
    assert first.T_map_base.error_to(source.images[0].T_map_cam)[0] < 0.05


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('share', [0.0, 0.3, 0.9])
def test_a_truncated_recording_is_an_error_and_no_traceback(source, localizer, tmp_path, storage, share):
    make_bag(source, tmp_path / 'bag', BagSettings(storage=storage))
    (file,) = [path for path in (tmp_path / 'bag').iterdir() if path.suffix in ('.mcap', '.db3')]
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(SourceError, match=r'cannot be read|no images|is empty'):
        replay(tmp_path / 'bag', localizer)


@pytest.mark.slow
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_damaged_recording_is_an_error_or_costs_images(source, localizer, tmp_path, storage):
    """A disk that flips bytes must not end in a traceback."""
    rng = np.random.default_rng(0)
    one = source.subset([source.images[0].name])
    make_bag(one, tmp_path / 'bag', BagSettings(storage=storage, compressed=True))
    (file,) = [path for path in (tmp_path / 'bag').iterdir() if path.suffix in ('.mcap', '.db3')]
    sound = file.read_bytes()
    refused = 0
    for _ in range(25):
        data = bytearray(sound)
        for place in rng.integers(0, len(data), 8):
            data[place] = rng.integers(0, 256)
        file.write_bytes(data)
        try:
            replay(tmp_path / 'bag', localizer, AT_ONCE)
        except SourceError:
            refused += 1
    assert refused > 0
