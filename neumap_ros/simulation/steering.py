# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A differential drive that follows a path: pure pursuit with limits of speed and acceleration, stops and turns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.motion import Leg

_STEP_S = 0.02
# A robot that does not arrive by then circles.
_MAX_S = 7200.0
# The drive is smoothed over this time, so that acceleration is continuous.
_SMOOTH_S = 0.12
# Robots turn in place when the way leads off farther than this, and until it is ahead again.
_TURN_IN_PLACE_RAD, _TURNED_RAD = math.radians(60), math.radians(8)
_STAND_S = 1.0
# A path that changes its direction by more turns back.
_TURN_BACK_RAD = math.radians(120)
# Where the robot looks for the point of the path that it has reached.
_AHEAD_M = np.arange(0.0, 0.4, 0.01)
# Floors are not flat: standard deviations, and the distance over which they change.
_SHAKE_RAD, _SHAKE_M, _SHAKE_LENGTH_M = math.radians(0.25), 0.002, 0.35


@dataclass(frozen=True)
class Gait:
    """How a robot drives.

    Attributes:
        speed_m_s: on a straight way.
        acceleration_m_s2: largest.
        turn_deg_s: fastest turn.
        turn_deg_s2: largest angular acceleration.
        lookahead_m: the robot steers towards the point of the path so far ahead; the longer, the more it cuts corners.
    """

    speed_m_s: float = 0.7
    acceleration_m_s2: float = 0.6
    turn_deg_s: float = 50.0
    turn_deg_s2: float = 120.0
    lookahead_m: float = 0.5


@dataclass(frozen=True)
class Pause:
    """Something done on the way.

    Attributes:
        at_m: distance along the path.
        stand_s: the robot stands so long,
        turn_rad: then turns in place by this angle.
    """

    at_m: float
    stand_s: float = 0.0
    turn_rad: float = 0.0


@dataclass
class _State:
    x: float
    y: float
    yaw: float
    speed: float = 0.0
    turn: float = 0.0

    def advance(self, speed: float, turn: float, gait: Gait) -> None:
        """Move a step; the wheels follow as fast as they can."""
        most = gait.acceleration_m_s2 * _STEP_S
        self.speed += min(max(speed - self.speed, -most), most)
        most = math.radians(gait.turn_deg_s2) * _STEP_S
        self.turn += min(max(turn - self.turn, -most), most)
        self.yaw += self.turn * _STEP_S
        self.x += self.speed * math.cos(self.yaw) * _STEP_S
        self.y += self.speed * math.sin(self.yaw) * _STEP_S


def drive_path(
    path_N2: FloatArray, gait: Gait, rng: np.random.Generator, pauses: Sequence[Pause] = (), start_s: float = 0.0
) -> Leg:
    """Drive along a path from standing to standing.

    Args:
        path_N2: points in metres, at least two; corners are rounded by the steering.
        gait: speeds.
        rng: decides how the floor shakes the robot.
        pauses: stops and turns on the way.
        start_s: time when it starts.

    Raises:
        ConfigError: the robot does not arrive.
    """
    state: _State | None = None
    rows: list[tuple[float, float, float]] = []
    begun_m = 0.0
    for piece_N2 in _pieces(np.asarray(path_N2, dtype=np.float64)):
        track = _Track(piece_N2)
        (x, y), (ahead_x, ahead_y) = track.at(0.0), track.at(0.1)
        heading = math.atan2(ahead_y - y, ahead_x - x)
        if state is None:
            state = _State(float(x), float(y), heading)
            rows.append((state.x, state.y, state.yaw))
            _stand(state, _STAND_S, gait, rows)
        else:
            _turn_in_place(state, _wrapped(heading - state.yaw), gait, rows)
        here = [replace(p, at_m=p.at_m - begun_m) for p in pauses if begun_m <= p.at_m < begun_m + track.length_m]
        _drive_piece(track, state, gait, here, rows)
        begun_m += track.length_m
    assert state is not None
    _stand(state, _STAND_S, gait, rows)
    return _leg(np.array(rows), rng, start_s)


def _pieces(path_N2: FloatArray) -> list[FloatArray]:
    """Cut a path where it turns back, as at the end of a dead end: there nothing lies ahead to steer towards."""
    steps = np.diff(path_N2, axis=0)
    path_N2 = path_N2[np.concatenate([[True], np.hypot(*steps.T) > 1e-9])]
    steps = np.diff(path_N2, axis=0)
    cosine = (steps[1:] * steps[:-1]).sum(axis=1) / (np.hypot(*steps[1:].T) * np.hypot(*steps[:-1].T))
    cuts = [0, *(np.flatnonzero(cosine < math.cos(_TURN_BACK_RAD)) + 1), len(path_N2) - 1]
    return [path_N2[first : last + 1] for first, last in pairwise(cuts)]


def _drive_piece(
    track: _Track, state: _State, gait: Gait, pauses: Sequence[Pause], rows: list[tuple[float, float, float]]
) -> None:
    """Follow a path that does not turn back, from standing to standing."""
    todo = sorted(pauses, key=lambda pause: pause.at_m)
    most_rows = len(rows) + round(_MAX_S / _STEP_S)
    turning = False
    while track.rest_m(state) > 0.05 or todo:
        if len(rows) > most_rows:
            raise ConfigError(
                f'the robot did not arrive in {_MAX_S:.0f} s on a path of {track.length_m:.0f} m, expected it to; '
                'use another seed or a smaller world'
            )
        stop_m = min(todo[0].at_m, track.length_m) if todo else track.length_m
        ahead = track.at(track.done_m + gait.lookahead_m) - (state.x, state.y)
        error = _wrapped(math.atan2(ahead[1], ahead[0]) - state.yaw)
        near = stop_m - track.done_m
        if near < 0.05 and todo:
            pause = todo.pop(0)
            _stop(state, gait, rows)
            _stand(state, pause.stand_s, gait, rows)
            _turn_in_place(state, pause.turn_rad, gait, rows)
            continue
        turning = abs(error) > (_TURNED_RAD if turning else _TURN_IN_PLACE_RAD)
        if turning:
            speed, turn = 0.0, math.copysign(_turn_speed(abs(error), gait), error)
            if state.speed > 0.05:
                turn = 0.0
        else:
            braking = math.sqrt(2 * 0.8 * gait.acceleration_m_s2 * max(near, 0.0))
            speed = min(gait.speed_m_s * math.cos(error) ** 2, max(braking, 0.04))
            distance = max(float(np.hypot(*ahead)), 0.1)
            turn = 2 * max(state.speed, 0.05) * math.sin(error) / distance
            limit = math.radians(gait.turn_deg_s)
            if abs(turn) > limit:
                speed *= limit / abs(turn)
                turn = math.copysign(limit, turn)
        state.advance(speed, turn, gait)
        track.follow(state)
        rows.append((state.x, state.y, state.yaw))
    _stop(state, gait, rows)


def _stand(state: _State, duration_s: float, gait: Gait, rows: list[tuple[float, float, float]]) -> None:
    for _ in range(round(duration_s / _STEP_S)):
        state.advance(0.0, 0.0, gait)
        rows.append((state.x, state.y, state.yaw))


def _stop(state: _State, gait: Gait, rows: list[tuple[float, float, float]]) -> None:
    while abs(state.speed) > 1e-6 or abs(state.turn) > 1e-6:
        _stand(state, _STEP_S, gait, rows)


def _turn_in_place(state: _State, angle_rad: float, gait: Gait, rows: list[tuple[float, float, float]]) -> None:
    goal = state.yaw + angle_rad
    while abs(goal - state.yaw) > math.radians(0.5) or abs(state.turn) > math.radians(5):
        left = goal - state.yaw
        state.advance(0.0, math.copysign(_turn_speed(abs(left), gait), left), gait)
        rows.append((state.x, state.y, state.yaw))


def _turn_speed(angle_rad: float, gait: Gait) -> float:
    """Fastest turn from which the robot can still stop within an angle."""
    braking = math.sqrt(2 * 0.7 * math.radians(gait.turn_deg_s2) * angle_rad)
    return min(math.radians(gait.turn_deg_s), braking)


def _leg(rows_N3: FloatArray, rng: np.random.Generator, start_s: float) -> Leg:
    smooth = gaussian_filter1d(rows_N3, _SMOOTH_S / _STEP_S, axis=0, mode='nearest')
    moved = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(smooth[:, :2], axis=0).T))])
    # The shaking belongs to the floor, not to the time: a robot that stands does not shake.
    places = np.arange(math.ceil(moved[-1] / _SHAKE_LENGTH_M) + 4) * _SHAKE_LENGTH_M
    shake = CubicSpline(places, rng.standard_normal((len(places), 3)))(moved)
    shake = gaussian_filter1d(shake, _SMOOTH_S / _STEP_S, axis=0, mode='nearest')
    values = np.column_stack(
        [smooth[:, :2], _SHAKE_M * shake[:, 0], smooth[:, 2], _SHAKE_RAD * shake[:, 1], _SHAKE_RAD * shake[:, 2]]
    )
    times = start_s + _STEP_S * np.arange(len(values))
    return Leg(start_s, float(times[-1]), CubicSpline(times, values))


class _Track:
    """A path and how far the robot has come on it."""

    def __init__(self, path_N2: FloatArray) -> None:
        points = np.asarray(path_N2, dtype=np.float64)
        self._along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        self._x, self._y = points[:, 0].copy(), points[:, 1].copy()
        self.length_m = float(self._along[-1])
        self.done_m = 0.0

    def at(self, along_m: FloatArray | float) -> FloatArray:
        """Points of the path, (2,) or (2, N); beyond its end the path goes straight on."""
        along = np.asarray(along_m, dtype=np.float64)
        points = np.array([np.interp(along, self._along, self._x), np.interp(along, self._along, self._y)])
        beyond = along - self.length_m
        if np.any(beyond > 0):
            last = points - self.at(np.full_like(along, self.length_m - 0.1))
            points = points + np.where(beyond > 0, beyond / np.maximum(np.hypot(*last), 1e-9), 0) * last
        return points

    def follow(self, state: _State) -> None:
        """Move on to the nearest point of the path that lies ahead within a few steps."""
        candidates = np.minimum(self.done_m + _AHEAD_M, self.length_m)
        x, y = self.at(candidates)
        self.done_m = float(candidates[int(np.argmin(np.hypot(x - state.x, y - state.y)))])

    def rest_m(self, state: _State) -> float:
        """Way to go."""
        return self.length_m - self.done_m


def _wrapped(angle_rad: float) -> float:
    return (angle_rad + math.pi) % (2 * math.pi) - math.pi
