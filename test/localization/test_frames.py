# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neumap_ros.errors import ConfigError
from neumap_ros.localization.frames import LATE_IN_A_ROW, MAX_WAITING, MISSED_SETS, FrameAssembler, RateCap

MS = 1_000_000
S = 1000 * MS


def rig(cameras=('front', 'left'), tolerance=10 * MS, wait=50 * MS):
    return FrameAssembler(cameras, tolerance, wait)


def test_one_camera_gives_every_image_at_once():
    frames = rig(('front',))
    for i in range(3):
        frames.add('front', i * 66 * MS, f'image {i}', 5 * S)
        taken = frames.take(5 * S)
        assert (taken.stamp_ns, taken.payloads, taken.missing, taken.dropped) == (
            i * 66 * MS,
            {'front': f'image {i}'},
            (),
            0,
        )
        assert frames.take(5 * S) is None


def test_the_newest_image_wins_and_the_others_are_counted():
    frames = rig(('front',))
    for i in range(4):
        frames.add('front', i * 66 * MS, i, i * 66 * MS)
    taken = frames.take(S)
    assert (taken.payloads, taken.dropped) == ({'front': 3}, 3)
    frames.add('front', 300 * MS, 4, S)
    assert frames.take(S).dropped == 0


def test_a_set_waits_for_all_cameras_and_keeps_their_order():
    frames = rig()
    frames.add('left', 3 * MS, 'l', 100 * MS)
    assert frames.take(100 * MS) is None
    assert frames.next_deadline_ns == 150 * MS
    frames.add('front', 0, 'f', 120 * MS)
    taken = frames.take(120 * MS)
    assert list(taken.payloads.items()) == [('front', 'f'), ('left', 'l')]
    assert (taken.stamp_ns, taken.stamps_ns) == (0, {'front': 0, 'left': 3 * MS})
    assert frames.next_deadline_ns is None


def test_a_lagging_camera_is_matched_to_its_own_instant():
    """The left camera is always more than a period behind; sets are complete all the same."""
    frames = rig(wait=200 * MS)
    stamps = []
    for i in range(20):
        frames.add('front', i * 66 * MS, i, i * 66 * MS)
        if i >= 2:
            frames.add('left', (i - 2) * 66 * MS, i - 2, i * 66 * MS)
        if taken := frames.take(i * 66 * MS):
            assert taken.payloads == {'front': taken.payloads['front'], 'left': taken.payloads['front']}
            stamps.append(taken.stamp_ns)
    assert stamps == [i * 66 * MS for i in range(18)]


def test_a_late_camera_does_not_stop_the_others():
    frames = rig()
    frames.add('front', 0, 'f', 100 * MS)
    assert frames.take(149 * MS) is None
    taken = frames.take(150 * MS)
    assert (taken.payloads, taken.missing) == ({'front': 'f'}, ('left',))
    frames.add('left', 2 * MS, 'late', 151 * MS)
    assert frames.take(10 * S) is None
    frames.add('front', 66 * MS, 'f', 10 * S)
    frames.add('left', 66 * MS, 'l', 10 * S)
    taken = frames.take(10 * S)
    assert (taken.missing, taken.dropped) == ((), 1)


def test_a_dead_camera_is_not_waited_for_until_it_is_back():
    frames = rig()
    now = 0
    for i in range(MISSED_SETS):
        now = i * 100 * MS
        frames.add('front', now, i, now)
        assert frames.take(now) is None
        assert frames.take(now + 50 * MS).missing == ('left',)
    for i in range(MISSED_SETS, 10):
        now = i * 100 * MS
        frames.add('front', now, i, now)
        assert frames.take(now).missing == ('left',)
    frames.add('left', now + 100 * MS, 'l', now + 100 * MS)
    assert frames.take(now + 100 * MS) is None
    frames.add('front', now + 100 * MS, 'f', now + 110 * MS)
    assert frames.take(now + 110 * MS).missing == ()
    frames.add('front', now + 200 * MS, 'f', now + 200 * MS)
    assert frames.take(now + 200 * MS) is None, 'it is waited for again'


def test_a_camera_that_is_back_but_always_second_is_waited_for():
    frames = rig()
    missing = []
    for i in range(12):
        now = i * 100 * MS
        frames.add('front', now, 'f', now)
        taken = frames.take(now)
        if i >= 6:
            frames.add('left', now, 'l', now + 20 * MS)
        missing.append((taken or frames.take(now + 50 * MS)).missing)
    assert missing[:7] == [('left',)] * 7
    assert missing[7:] == [()] * 5


def test_short_periods_are_not_taken_for_stragglers():
    """With a tolerance longer than the period, every image of a camera still gets its own set."""
    frames = rig(tolerance=50 * MS)
    taken = []
    for i in range(20):
        for camera in ('front', 'left'):
            frames.add(camera, i * 33 * MS, i, i * 33 * MS)
        taken.append(frames.take(i * 33 * MS).payloads)
    assert taken == [{'front': i, 'left': i} for i in range(20)]


def test_a_recording_that_starts_again_starts_anew():
    frames = rig()
    for t in (100 * S, 100 * S + 66 * MS):
        for camera in ('front', 'left'):
            frames.add(camera, t, 'old', t)
        assert frames.take(t).payloads == {'front': 'old', 'left': 'old'}
    frames.add('front', 101 * S, 'old', 101 * S)
    for camera in ('front', 'left'):
        frames.add(camera, 5 * S, 'new', 101 * S)
    taken = frames.take(101 * S)
    assert (taken.stamp_ns, taken.payloads, taken.dropped) == (5 * S, {'front': 'new', 'left': 'new'}, 1)
    assert frames.resets == 1


def test_an_image_of_before_the_loop_does_not_block_those_after_it():
    frames = rig()
    frames.add('front', 100 * S, 'old', 100 * S)
    frames.add('front', 1 * S, 'new', 100 * S)
    frames.add('left', 100 * S, 'old', 100 * S)
    frames.take(100 * S + 60 * MS)
    found = []
    for i in range(1, LATE_IN_A_ROW + 5):
        frames.add('front', 1 * S + i * 66 * MS, 'new', 101 * S + i * 66 * MS)
        if taken := frames.take(102 * S):
            found.append(taken.payloads)
    assert {'front': 'new'} in found[-4:]


def test_messages_that_overtake_each_other_are_no_loop():
    frames = rig(('front',))
    frames.add('front', 166 * MS, 'b', 0)
    assert frames.take(0).payloads == {'front': 'b'}
    frames.add('front', 100 * MS, 'a', 0)
    assert frames.take(0) is None
    frames.add('front', 233 * MS, 'c', 0)
    taken = frames.take(0)
    assert (taken.payloads, taken.dropped, frames.resets) == ({'front': 'c'}, 1, 0)


def test_a_clock_that_is_set_back_does_not_hold_images():
    frames = rig()
    frames.add('front', 0, 'f', 1000 * S)
    assert frames.take(2 * S) is None
    assert frames.take(2 * S + 50 * MS).payloads == {'front': 'f'}


def test_few_sets_are_kept_however_long_they_may_wait():
    frames = rig(wait=1000 * S)
    for i in range(100):
        frames.add('front', i * 66 * MS, i, i * 66 * MS)
        assert len(frames._groups) <= MAX_WAITING + 1
    assert frames.take(100 * 66 * MS).missing == ('left',)


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match='one or more different names'):
        FrameAssembler([], 0, 0)
    with pytest.raises(ConfigError, match='one or more different names'):
        FrameAssembler(['a', 'a'], 0, 0)
    with pytest.raises(ConfigError, match='expected 0 or more'):
        FrameAssembler(['a'], -1, 0)
    with pytest.raises(ConfigError, match='max_wait_periods is -1'):
        FrameAssembler(['a'], 0, 0, -1)
    with pytest.raises(ConfigError, match="'rear', expected one of front, left"):
        rig().add('rear', 0, None, 0)
    with pytest.raises(ConfigError, match='max_rate_hz'):
        RateCap(-1)


arrivals = st.lists(
    st.tuples(st.sampled_from(['a', 'b', 'c']), st.integers(0, 3000), st.integers(0, 40), st.booleans()), max_size=120
)


@settings(deadline=None, max_examples=200)
@given(arrivals, st.sampled_from([0.0, 0.25, math.inf]))
def test_every_image_is_used_once_or_counted(messages, max_wait_periods):
    """Whatever comes in whatever order: nothing is used twice, nothing vanishes uncounted, sets are of one instant."""
    frames = FrameAssembler(['a', 'b', 'c'], 20 * MS, 50 * MS, max_wait_periods)
    now, used, dropped = 0, [], 0

    def look():
        nonlocal dropped
        if taken := frames.take(now):
            used.extend(taken.payloads.values())
            dropped += taken.dropped
            stamps = taken.stamps_ns.values()
            assert max(stamps) - min(stamps) <= 40 * MS
            assert set(taken.missing) | set(taken.payloads) == {'a', 'b', 'c'}

    for number, (camera, stamp_ms, wait_ms, worker_is_free) in enumerate(messages):
        now += wait_ms * MS
        frames.add(camera, stamp_ms * MS, number, now)
        if worker_is_free:
            look()
    for _ in range(200):
        now += S
        look()
    assert len(used) == len(set(used))
    frames.reset()
    assert len(used) + dropped + frames._dropped == len(messages)


def waits_of_taken_images(work_ms, max_wait_periods, images=200):
    """A camera of 15 Hz and a worker that is busy for so long with each; waits in ms, images skipped."""
    frames = FrameAssembler(['front'], 0, 0, max_wait_periods)
    period, waits, dropped, free_at = 66 * MS, [], 0, 0
    for now in range(0, images * period, MS):
        if now % period == 0:
            frames.add('front', now, now, now)
        if now >= free_at and (taken := frames.take(now)):
            waits.append((now - taken.stamp_ns) / MS)
            dropped += taken.dropped
            free_at = now + work_ms * MS
    assert len(waits) + dropped + frames._dropped + len(frames._groups) == images
    return waits, dropped


@pytest.mark.parametrize('work_ms', [20, 60, 70, 100, 110, 140, 230])
def test_images_that_lay_about_are_left_for_fresh_ones(work_ms):
    waits, _ = waits_of_taken_images(work_ms, 0.25)
    # The first ones come before the period is known.
    assert max(waits[2:]) <= 0.25 * 66
    # As many as a worker can do that begins with a fresh image each time, or more.
    assert len(waits) >= 200 // math.ceil(work_ms / 66) - 1


@pytest.mark.parametrize('work_ms', [100, 230])
def test_without_a_limit_every_image_that_is_there_is_taken(work_ms):
    waits, _ = waits_of_taken_images(work_ms, math.inf)
    assert max(waits) > 0.4 * 66
    assert len(waits) >= 200 * 66 // work_ms - 1


def test_an_image_is_taken_after_all_if_the_next_one_does_not_come():
    frames = FrameAssembler(['front'], 0, 0, 0.25)
    for i in range(4):
        frames.add('front', i * 60 * MS, i, i * 60 * MS)
    assert frames.take(200 * MS) is None
    assert frames.next_deadline_ns == (180 + 75) * MS
    assert frames.take(254 * MS) is None
    taken = frames.take(255 * MS)
    assert (taken.payloads, taken.dropped) == ({'front': 3}, 3)


def test_a_clock_that_jumps_does_not_hold_an_image_back():
    frames = FrameAssembler(['front'], 0, 0, 0.25)
    for i in range(4):
        frames.add('front', i * 60 * MS, i, 1000 * S + i * 60 * MS)
    assert frames.take(5 * S).payloads == {'front': 3}


@pytest.mark.parametrize(
    ('rate_hz', 'cap_hz', 'expected_hz'), [(15, 0, 15), (15, 5, 5), (15, 10, 10), (30, 7, 7), (5, 15, 5), (15, 15, 15)]
)
def test_the_rate_is_capped_by_stamps(rate_hz, cap_hz, expected_hz):
    cap = RateCap(cap_hz)
    jitter = [0, 900_000, -700_000, 300_000]
    through = sum(cap.due(round(i * S / rate_hz) + jitter[i % 4]) for i in range(rate_hz * 60))
    assert through == pytest.approx(expected_hz * 60, rel=0.03)


def test_the_cap_survives_gaps_and_loops():
    cap = RateCap(2)
    assert [cap.due(t) for t in (0, 400 * MS, 500 * MS)] == [True, False, True]
    assert [cap.due(60 * S + t * MS) for t in (0, 100, 200)] == [True, False, False], 'a gap saves up nothing'
    assert [cap.due(t * MS) for t in (10, 100, 510)] == [True, False, True]
