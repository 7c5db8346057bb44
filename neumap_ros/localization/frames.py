# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images of several cameras become sets of one instant; the newest set wins, and no camera is waited for in vain.

Nothing here knows what an image is, reads a clock or takes a lock: a node hands in what arrived and what time it is, a
replay hands in the recorded times.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Generic, TypeVar

from neumap_ros.errors import ConfigError

Payload = TypeVar('Payload')

# A camera whose stamps go back by more than this belongs to a recording that started again, or to a clock that was
# set; less is a message that overtook another.
BACKWARDS_NS = 500_000_000
# A camera that missed so many sets in a row is not waited for until it delivers again.
MISSED_SETS = 3
# With more sets waiting than this, the oldest goes on as it is: images are large.
MAX_WAITING = 8
# When so many images in a row are older than a set that was taken, that set's stamp was wrong, not theirs.
LATE_IN_A_ROW = 10
# The distance of images is the median of so many; cameras skip some.
PERIODS = 5
# A next image that is so many periods late does not come: the one that waits is taken after all.
OVERDUE_PERIODS = 1.25


@dataclass(frozen=True)
class Assembled(Generic[Payload]):
    """Images of one instant.

    Attributes:
        stamp_ns: of the image of the first camera, in the order of the cameras, that took part.
        payloads: per camera that took part, in the order of the cameras.
        stamps_ns: of each of them.
        missing: cameras that did not take part.
        dropped: images skipped since the set before: newer ones had arrived, or they came too late.
    """

    stamp_ns: int
    payloads: dict[str, Payload]
    stamps_ns: dict[str, int]
    missing: tuple[str, ...] = ()
    dropped: int = 0


@dataclass
class _Group(Generic[Payload]):
    """Images that belong together, complete or not."""

    stamp_ns: int
    arrived_ns: int
    images: dict[str, tuple[int, Payload]] = field(default_factory=dict)
    # When it was first seen to be ready.
    ready_ns: int | None = None


class FrameAssembler(Generic[Payload]):
    """Groups images by their stamps.

    A set is ready when it is complete, or when ``sync_wait_ns`` have passed since its first image. A camera that has
    been missing for a while is not waited for. Not safe for several threads at once: the caller holds a lock.

    A set that has waited for more than ``max_wait_periods`` of the camera's period, because the work on the one before
    took longer, is left for the next one, which comes soon. Who works for P on images that come every T and takes
    whatever is there has a pose that is P + (P + T) / 2 old on average; who takes fresh images only, every I (P rounded
    up to whole periods), has one that is P + I / 2 old, which is never more ("Update or Wait", Sun et al., IEEE Trans.
    Inf. Theory 2017). The price is fewer poses: one every I, not every P.

    Args:
        cameras: names; their order is that of the sets.
        sync_tolerance_ns: stamps of one set differ by at most so much from the first one that arrived.
        sync_wait_ns: how long the first image of a set waits for the others.
        max_wait_periods: a set that waited longer is too old where a next one is due; infinite takes every set.

    Raises:
        ConfigError: no camera, a name twice, or a negative time.
    """

    def __init__(
        self, cameras: Sequence[str], sync_tolerance_ns: int, sync_wait_ns: int, max_wait_periods: float = math.inf
    ) -> None:
        if not cameras or len(set(cameras)) != len(cameras):
            raise ConfigError(f'cameras are {list(cameras)}, expected one or more different names; correct the list')
        if sync_tolerance_ns < 0 or sync_wait_ns < 0:
            raise ConfigError(
                f'sync tolerance and wait are {sync_tolerance_ns} and {sync_wait_ns} ns, expected 0 or more; raise them'
            )
        if not max_wait_periods >= 0:
            raise ConfigError(f'max_wait_periods is {max_wait_periods}, expected 0 or more; raise it')
        self.cameras = tuple(cameras)
        self._max_wait_periods = max_wait_periods
        self._tolerance_ns, self._wait_ns = sync_tolerance_ns, sync_wait_ns
        self.resets = 0
        self._start()

    def _start(self) -> None:
        self._groups: list[_Group[Payload]] = []
        self._newest_ns: dict[str, int] = {}
        # Distances of the stamps of the first camera.
        self._periods_ns: deque[int] = deque(maxlen=PERIODS)
        self._missed = dict.fromkeys(self.cameras, 0)
        # Newest stamp of each camera that the last set has settled.
        self._taken_ns: dict[str, int] = {}
        self._late = 0
        self._dropped = 0

    def reset(self) -> None:
        """Forget all images and stamps, for example because the clock jumped."""
        dropped = self._dropped + sum(len(group.images) for group in self._groups)
        self._start()
        self._dropped = dropped
        self.resets += 1

    def add(self, camera: str, stamp_ns: int, payload: Payload, now_ns: int) -> None:
        """Take in an image.

        Stamps of this camera that go back by more than half a second forget all that came before.

        Args:
            camera: one of the cameras.
            stamp_ns: of the image.
            payload: whatever stands for it.
            now_ns: time of arrival; any clock that :meth:`take` is given too.

        Raises:
            ConfigError: not one of the cameras.
        """
        if camera not in self._missed:
            raise ConfigError(f'image of camera {camera!r}, expected one of {", ".join(self.cameras)}; name it')
        if stamp_ns < self._newest_ns.get(camera, stamp_ns) - BACKWARDS_NS:
            self.reset()
        if camera == self.cameras[0] and stamp_ns > self._newest_ns.get(camera, stamp_ns):
            self._periods_ns.append(stamp_ns - self._newest_ns[camera])
        self._newest_ns[camera] = max(stamp_ns, self._newest_ns.get(camera, stamp_ns))
        self._missed[camera] = 0
        if camera in self._taken_ns and stamp_ns <= self._taken_ns[camera]:
            self._late += 1
            self._dropped += 1
            if self._late < LATE_IN_A_ROW:
                return
            self.reset()
            self._dropped -= 1
            self._newest_ns[camera] = stamp_ns
        self._late = 0
        near = [
            group
            for group in self._groups
            if abs(group.stamp_ns - stamp_ns) <= self._tolerance_ns and camera not in group.images
        ]
        if near:
            group = min(near, key=lambda group: (abs(group.stamp_ns - stamp_ns), group.stamp_ns))
        else:
            group = _Group(stamp_ns, now_ns)
            self._groups.append(group)
            self._groups.sort(key=lambda group: group.stamp_ns)
            if len(self._groups) > MAX_WAITING:
                forced = self._groups[-1 - MAX_WAITING]
                forced.arrived_ns = min(forced.arrived_ns, now_ns - self._wait_ns)
        group.images[camera] = (stamp_ns, payload)
        self._drop_older_than_ready(now_ns)

    def take(self, now_ns: int) -> Assembled[Payload] | None:
        """The newest set that is ready, if there is one; older ones are dropped.

        Args:
            now_ns: what time it is.
        """
        self._drop_older_than_ready(now_ns)
        if not self._groups or not self._is_ready(self._groups[0], now_ns):
            return None
        if self._next_is_better(self._groups[0], now_ns):
            return None
        group = self._groups.pop(0)
        for camera in self.cameras:
            self._missed[camera] = 0 if camera in group.images else self._missed[camera] + 1
        here = [camera for camera in self.cameras if camera in group.images]
        stamps_ns = {camera: group.images[camera][0] for camera in here}
        # What a missing camera still sends of this instant is late.
        self._taken_ns = {c: stamps_ns.get(c, group.stamp_ns + self._tolerance_ns) for c in self.cameras}
        self._late = 0
        dropped, self._dropped = self._dropped, 0
        return Assembled(
            stamp_ns=stamps_ns[here[0]],
            payloads={camera: group.images[camera][1] for camera in here},
            stamps_ns=stamps_ns,
            missing=tuple(camera for camera in self.cameras if camera not in group.images),
            dropped=dropped,
        )

    @property
    def next_deadline_ns(self) -> int | None:
        """When a waiting set may be taken even if nothing more arrives; None if none waits."""
        return min((self._deadline_ns(group) for group in self._groups), default=None)

    def _deadline_ns(self, group: _Group[Payload]) -> int:
        if group.ready_ns is None:
            return group.arrived_ns + self._wait_ns
        return group.ready_ns + round(OVERDUE_PERIODS * self._period_ns)

    @property
    def _period_ns(self) -> int:
        """Usual distance of the first camera's stamps, 0 while it is not known."""
        return round(median(self._periods_ns)) if len(self._periods_ns) > 1 else 0

    def _next_is_better(self, group: _Group[Payload], now_ns: int) -> bool:
        """Whether a ready set has waited so long that the next one is worth waiting for."""
        assert group.ready_ns is not None
        if not self._period_ns or now_ns >= self._deadline_ns(group):
            return False
        return now_ns - group.ready_ns > self._max_wait_periods * self._period_ns

    def _is_ready(self, group: _Group[Payload], now_ns: int) -> bool:
        # A clock that was set back must not make a set wait for ever.
        group.arrived_ns = min(group.arrived_ns, now_ns)
        awaited = [c for c in self.cameras if c not in group.images and self._missed[c] < MISSED_SETS]
        deadline_ns = group.arrived_ns + self._wait_ns
        if group.ready_ns is None and (not awaited or now_ns >= deadline_ns):
            group.ready_ns = min(now_ns, deadline_ns) if awaited else now_ns
        return group.ready_ns is not None

    def _drop_older_than_ready(self, now_ns: int) -> None:
        """Drop every set that is older than the newest ready one."""
        ready = [index for index, group in enumerate(self._groups) if self._is_ready(group, now_ns)]
        if ready:
            self._dropped += sum(len(group.images) for group in self._groups[: ready[-1]])
            del self._groups[: ready[-1]]


class RateCap:
    """Lets through at most so many images a second, by their stamps.

    On average, that is: of 15 images a second 10 are let through if 10 are allowed, at uneven distances.

    Args:
        max_rate_hz: 0 lets everything through.

    Raises:
        ConfigError: a negative rate.
    """

    # Stamps jitter: an image that is early by this share of the period is not made to wait for the next one.
    EARLY = 0.05

    def __init__(self, max_rate_hz: float) -> None:
        if not max_rate_hz >= 0:
            raise ConfigError(f'max_rate_hz is {max_rate_hz}, expected 0 (no limit) or more; raise it')
        self._period_ns = round(1e9 / max_rate_hz) if max_rate_hz > 0 else 0
        self._last_ns: int | None = None
        self._next_ns = 0

    def due(self, stamp_ns: int) -> bool:
        """Whether the image with this stamp is let through; stamps that go back start anew."""
        if self._period_ns == 0:
            return True
        if self._last_ns is not None and stamp_ns >= self._last_ns:
            if stamp_ns < self._next_ns - self.EARLY * self._period_ns:
                return False
            self._next_ns = max(self._next_ns + self._period_ns, stamp_ns + self._period_ns // 2)
        else:
            self._next_ns = stamp_ns + self._period_ns
        self._last_ns = stamp_ns
        return True
