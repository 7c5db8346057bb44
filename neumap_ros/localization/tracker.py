# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which fixes become the robot's pose: small corrections at once, a first pose and large corrections when confirmed.

Every fix is kept as a pose at a moment of odometry. Two fixes agree if odometry carries the one onto the other, so that
fixes of a moving robot confirm each other although each was taken elsewhere. There is no clock in here but the stamps
of the images, and no randomness: the same fixes give the same poses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from neumap_ros.geometry import FloatArray, Pose
from neumap_ros.localization.agreement import Candidates, GivenPose, TrackerSettings, difference, largest, limits
from neumap_ros.localization.attempt import RigFix, TrackingState
from neumap_ros.localization.consensus import Consensus, Measured
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.motion import NS_PER_S, Belief, Moment, OdometryTrack, Prediction

__all__ = ['Tracker', 'TrackerSettings', 'Verdict']

# A radian turned shows as much that is new as driving so far.
TURN_M_PER_RAD = 0.5
# What is wanted for so many times contradiction_s is believed, be there many fixes or few, and even of a robot that
# stands still.
PATIENCE = 10.0
# A prediction vaguer than so many times the largest correction narrows no search.
PRIOR_LIMIT = 20.0


@dataclass(frozen=True)
class Verdict:
    """What the tracker makes of one attempt.

    Attributes:
        reason: ``ok`` if the fix is the robot's pose now.
        detail: one sentence with numbers for people; empty if there was no fix to judge.
        state: after the attempt.
        T_map_odom: the new correction; only if accepted and with odometry.
        correction_m: distance between the fix and the predicted pose; NaN without a prediction.
        correction_rad: angle between them.
        confirmations: fixes of the window that agree with this one, itself included; 0 where none were needed.
        required: how many are needed; 0 where none were.
        covariance_66: of an accepted fix in the light of those before; None where they tell nothing.
    """

    reason: Reason
    detail: str
    state: TrackingState
    T_map_odom: Pose | None = None
    correction_m: float = math.nan
    correction_rad: float = math.nan
    confirmations: int = 0
    required: int = 0
    covariance_66: FloatArray | None = None

    @property
    def accepted(self) -> bool:
        """Whether the fix is the robot's pose now."""
        return self.reason is Reason.OK


class Tracker:
    """Follows one robot in one map.

    A pose is known, and ``T_map_odom`` with it if there is odometry, while the state is LOCALIZED or LOST. After a
    reset, or when somebody says that the robot is elsewhere, there is none until fixes agree.

    Args:
        settings: see there.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self._motion = self.settings.motion
        self._candidates = Candidates(self.settings)
        self._consensus = Consensus(self._motion)
        self._odometry = OdometryTrack()
        self._last: Moment | None = None
        self._cause = ''
        self._forget()

    def _forget(self) -> None:
        self._state = TrackingState.UNLOCALIZED
        # The last accepted fix, and the last one that came with odometry.
        self._latest: Belief | None = None
        self._with_odometry: Belief | None = None
        self._given: GivenPose | None = None
        # How many fixes led to the pose; the first of those that contradict it and agree with each other, how many.
        self._supports = 0
        self._contradiction: Belief | None = None
        self._against = 0
        self._failing_since_ns: int | None = None
        self._failures_lost = 0
        self._candidates.clear()
        self._consensus.clear()

    @property
    def state(self) -> TrackingState:
        """What is known of the robot's pose."""
        return self._state

    @property
    def T_map_odom(self) -> Pose | None:
        """The correction to odometry that holds now; None while there is none. While LOST it may be wrong."""
        return self._with_odometry.T_map_odom if self._with_odometry is not None else None

    def reset(self, cause: str = '') -> None:
        """Forget pose, prior and candidates: the clock jumped, another map came, somebody asked for it.

        Args:
            cause: why, in a few words; told with the next attempt.
        """
        self._odometry = OdometryTrack()
        self._last = None
        self._consensus.reset()  # how good covariances are holds for one map
        self._forget()
        self._cause = cause

    def use_settings(self, settings: TrackerSettings) -> None:
        """Judge by other settings from the next attempt on; what is known stays."""
        self.settings = settings
        self._motion = settings.motion
        self._candidates.use_settings(settings)
        self._consensus.use_motion(settings.motion)

    def initialize(
        self, T_map_base: Pose, radius_m: float, stamp_ns: int | None = None, T_odom_base: Pose | None = None
    ) -> str:
        """Take in where somebody says that the robot is: a prior, never a fix.

        A robot that is localized there stays so. One that is localized elsewhere is not any more.

        Args:
            T_map_base: the pose.
            radius_m: how far off it may be.
            stamp_ns: when the robot was there; None: now, that is at the last image or, before that, at the first.
            T_odom_base: odometry then; None: unknown.

        Returns:
            What was done, one sentence.
        """
        if stamp_ns is None:
            moment = self._last
        elif self._last is None:
            moment = self._odometry.observe(stamp_ns, T_odom_base)[0]
        else:
            moment = self._odometry.peek(stamp_ns, T_odom_base)[0]
        x, y, z = T_map_base.translation_3
        text = f'searching within {radius_m:.2f} m of the given pose at ({x:.2f}, {y:.2f}, {z:.2f})'
        given = GivenPose(T_map_base, radius_m, moment)
        predicted = self._predicted(moment) if moment is not None else None
        if moment is not None and predicted is not None:
            metres, radians = difference(predicted.T_map_base, T_map_base)
            apart = f'{metres:.2f} m and {math.degrees(radians):.1f} deg from where the robot was'
            if not given.supports(Belief(predicted.T_map_base, moment), self.settings):
                self._forget()
                text += f', {apart}; that pose is dropped'
            elif self._state is TrackingState.LOCALIZED:
                return f'the given pose is {apart}, which is near enough: the robot stays localized'
        self._candidates.clear()
        if self._state is TrackingState.CONFIRMING:
            self._state = TrackingState.UNLOCALIZED
        self._given = given
        return text

    def predict(self, stamp_ns: int, T_odom_base: Pose | None) -> tuple[Pose, float] | None:
        """Where the robot probably is, to narrow the search.

        Candidates of a first pose are no prior while they wait for confirmation: a search that starts at a wrong one
        would find it again, and so confirm it.

        Args:
            stamp_ns: of the images.
            T_odom_base: odometry then; None: unknown.

        Returns:
            (T_map_base, how far off it may be in metres), or None if the whole map has to be searched.
        """
        moment, problem = self._odometry.peek(stamp_ns, T_odom_base)
        if problem:
            return None
        if self._given is not None:
            predicted, radius_m = self._given.at(moment, self._motion)
            vague = predicted.error_m > PRIOR_LIMIT * self.settings.max_correction_m
            return None if vague else (predicted.T_map_base, radius_m)
        anchor = self._anchor(moment)
        # A lost robot is searched near its last pose and everywhere by turns.
        if anchor is None or (self._state is TrackingState.LOST and self._failures_lost % 2 == 0):
            return None
        predicted = anchor.at(moment, self._motion)
        error_m = predicted.error_m + self.settings.agreement_sigmas * anchor.sigma_m
        if error_m > PRIOR_LIMIT * self.settings.max_correction_m:
            return None
        return predicted.T_map_base, self.settings.max_correction_m + error_m

    def update(self, fix: RigFix, stamp_ns: int, T_odom_base: Pose | None) -> Verdict:
        """Judge the outcome of one attempt; those without a pose count too, because a robot can get lost.

        Args:
            fix: what the images say.
            stamp_ns: of the images. Stamps that go back are the caller's to notice, see :meth:`reset`.
            T_odom_base: odometry at the stamp; None: unknown.
        """
        moment = self._observe(stamp_ns, T_odom_base)
        self._candidates.forget_old(moment)
        if self._given is not None:
            self._given.at(moment, self._motion)
            if self._given.supported_ns is None:
                self._given.supported_ns = stamp_ns
        if fix.T_map_base is None:
            verdict = Verdict(fix.reason, '', self._state)
        else:
            covariance_66 = fix.covariance_66 if fix.solver_covariance_66 is None else fix.solver_covariance_66
            belief = Belief.from_covariance(fix.T_map_base, moment, covariance_66)
            self._candidates.add(belief)
            predicted = self._predicted(moment)
            verdict = self._judge_first(belief) if predicted is None else self._judge(belief, predicted)
            if verdict.accepted and T_odom_base is not None and fix.covariance_66 is not None:
                weighed_66 = self._consensus.weigh(Measured(fix.T_map_base, moment, fix.covariance_66))
                self._consensus.add(Measured(fix.T_map_base, moment, weighed_66))
                verdict = replace(verdict, covariance_66=weighed_66)
        if not verdict.accepted:
            verdict = self._count_failure(verdict, stamp_ns)
        if self._cause:
            verdict = replace(verdict, detail=_join(verdict.detail, f'started anew: {self._cause}'))
            self._cause = ''
        return verdict

    def _observe(self, stamp_ns: int, T_odom_base: Pose | None) -> Moment:
        """Take in odometry; if it was restarted, what was known through it becomes a prior."""
        before = self._predicted(self._last) if self._last is not None else None
        moment, problem = self._odometry.observe(stamp_ns, T_odom_base)
        self._last = moment
        if problem:
            self._forget()
            self._cause = problem
            if before is not None:
                self._given = GivenPose(before.T_map_base, self.settings.max_correction_m + before.error_m, moment)
        return moment

    def _anchor(self, moment: Moment) -> Belief | None:
        """The accepted fix from which the pose at a moment is predicted."""
        return self._with_odometry if moment.T_odom_base is not None and self._with_odometry else self._latest

    def _predicted(self, moment: Moment) -> Prediction | None:
        anchor = self._anchor(moment)
        return anchor.at(moment, self._motion) if anchor is not None else None

    def _judge_first(self, belief: Belief) -> Verdict:
        """A fix of a robot whose pose is not known."""
        s = self.settings
        votes = self._candidates.agreeing(belief)
        far = self._given is not None and not self._given.supports(belief, s)
        if self._given is not None and not far:
            self._given.supported_ns = belief.moment.stamp_ns
        verdict = Verdict(Reason.CONFIRMING, '', self._state, confirmations=votes, required=s.confirmations)
        count = f'{votes} of the last {len(self._candidates)} fixes agree on a first pose'
        if s.confirmations == 1:
            return self._accept(belief, verdict, 'first pose, accepted without confirmation as the settings say')
        if votes < s.confirmations:
            if votes == 1 and len(self._candidates) > 1:
                verdict = replace(verdict, reason=Reason.INCONSISTENT_WITH_ODOMETRY)
                count = f'none of the {len(self._candidates) - 1} fixes before agrees with this one'
            return replace(verdict, detail=f'{count}, {s.confirmations} are needed')
        if far and self._given is not None and self._given.supported_ns is not None:
            waited_s = (belief.moment.stamp_ns - self._given.supported_ns) / NS_PER_S
            if waited_s < s.contradiction_s:
                return replace(
                    verdict,
                    detail=f'{count}, but far from the given one, which has had no support for {waited_s:.2f} s; '
                    f'after {s.contradiction_s:.2f} s they are believed',
                )
            count += ', far from the given one'
        return self._accept(belief, verdict, count)

    def _judge(self, belief: Belief, predicted: Prediction) -> Verdict:
        """A fix of a robot whose pose is known, or was."""
        s = self.settings
        now_ns = belief.moment.stamp_ns
        anchor = self._anchor(belief.moment) or belief
        expected = self._consensus.expect(belief.moment) if predicted.blind_s is None else None
        if expected is not None:
            # One fix that was off does not make the next one seem so.
            predicted = replace(predicted, T_map_base=expected.T_map_base)
            anchor = Belief(expected.T_map_base, belief.moment, anchor.sigma_m, anchor.sigma_rad)
        metres, radians = difference(belief.T_map_base, predicted.T_map_base)
        # Without odometry, and long ago: the robot may be anywhere.
        vague = predicted.blind_s is not None and predicted.blind_s > s.lost_after_s
        limit_m, limit_rad = limits(s, predicted, anchor, belief)
        largest_m, largest_rad = largest(s, predicted)
        if predicted.blind_s is None:
            after = f'after {predicted.path_m:.2f} m of odometry'
        else:
            after = f'after {predicted.blind_s:.2f} s without odometry'
        moved = f'correction of {metres:.2f} m and {math.degrees(radians):.1f} deg {after}'
        limit = f'up to {limit_m:.2f} m and {math.degrees(limit_rad):.1f} deg are accepted at once'
        verdict = Verdict(Reason.CONFIRMING, '', self._state, correction_m=metres, correction_rad=radians)
        if s.confirmations == 1 or (not vague and metres <= limit_m and radians <= limit_rad):
            return self._accept(belief, verdict, moved, steady=metres <= largest_m and radians <= largest_rad)
        votes = self._candidates.agreeing(belief)
        verdict = replace(verdict, confirmations=votes, required=s.confirmations)
        count = f'{votes} of the last {len(self._candidates)} fixes agree on it'
        if votes < s.confirmations:
            if votes == 1:
                verdict = replace(verdict, reason=Reason.INCONSISTENT_WITH_ODOMETRY)
            return replace(verdict, detail=f'{moved}; {limit}; {count}, {s.confirmations} are needed')
        steady = not vague and metres <= largest_m and radians <= largest_rad
        rivals = self._candidates.agreeing(anchor, but_not_with=belief)
        known_ns = self._latest.moment.stamp_ns if self._latest is not None else now_ns
        waited_s = (now_ns - known_ns) / NS_PER_S
        if not steady and (waited_s < s.contradiction_s or rivals >= votes):
            return replace(
                verdict,
                detail=f'{moved}; {count}, {rivals} on the present pose, last supported {waited_s:.2f} s ago; '
                f'after {s.contradiction_s:.2f} s the majority is believed',
            )
        # A robot that was lost may be where odometry strayed to.
        strayed = self._state is TrackingState.LOST and (
            metres <= largest_m + predicted.error_m and radians <= largest_rad + predicted.error_rad
        )
        if predicted.blind_s is None and not strayed:
            seen_m, seen_s = self._contradicted(belief)
            needed = min(self._supports, s.contradiction_fixes // 2 if steady else s.contradiction_fixes)
            short = self._against < needed or (not steady and seen_m < s.contradiction_m)
            if short and seen_s < PATIENCE * s.contradiction_s:
                return replace(
                    verdict,
                    detail=f'{moved}; {count}; in all {self._against} over {seen_m:.2f} m and {seen_s:.1f} s want it, '
                    f'{needed} over {0 if steady else s.contradiction_m:.2f} m, or '
                    f'{PATIENCE * s.contradiction_s:.0f} s, are needed against a pose that many led to',
                )
        return self._accept(belief, verdict, f'{moved}; {count}', steady, corrected=True)

    def _contradicted(self, belief: Belief) -> tuple[float, float]:
        """Count a fix against the known pose, and say for how long there have been such: (metres, seconds)."""
        if self._contradiction is None or not self._candidates.agree(self._contradiction, belief):
            self._contradiction = self._candidates.first_agreeing(belief)
            self._against = self._candidates.agreeing(belief)
        else:
            self._against += 1
        then, now = self._contradiction.moment, belief.moment
        seen_m = now.path_m - then.path_m + TURN_M_PER_RAD * (now.turn_rad - then.turn_rad)
        return seen_m, (now.stamp_ns - then.stamp_ns) / NS_PER_S

    def _accept(
        self, belief: Belief, verdict: Verdict, detail: str, steady: bool = False, corrected: bool = False
    ) -> Verdict:
        """Make a fix the pose.

        Args:
            belief: the fix.
            verdict: so far.
            detail: what to say.
            steady: the robot goes on from the pose it had, so that an older correction to odometry still holds.
            corrected: it does so with a large correction, so that older fixes do not count any more.
        """
        if corrected or not steady:
            self._consensus.clear()
            self._supports = max(self._against, verdict.confirmations)
        else:
            self._supports += 1
        self._latest = belief
        if belief.moment.T_odom_base is not None:
            self._with_odometry = belief
        elif not steady:
            self._with_odometry = None
        if not steady:
            self._candidates.keep_agreeing(belief)
        self._given, self._contradiction, self._against = None, None, 0
        self._failing_since_ns, self._failures_lost = None, 0
        self._state = TrackingState.LOCALIZED
        return replace(verdict, reason=Reason.OK, state=self._state, T_map_odom=belief.T_map_odom, detail=detail)

    def _count_failure(self, verdict: Verdict, stamp_ns: int) -> Verdict:
        """What an attempt without an accepted pose does to the state."""
        if self._state is TrackingState.LOST:
            self._failures_lost += 1
            return replace(verdict, state=self._state)
        if self._latest is None:
            waiting = len(self._candidates) > 0
            self._state = TrackingState.CONFIRMING if waiting else TrackingState.UNLOCALIZED
            return replace(verdict, state=self._state)
        if self._failing_since_ns is None:
            self._failing_since_ns = stamp_ns
        failing_s = (stamp_ns - self._failing_since_ns) / NS_PER_S
        if failing_s >= self.settings.lost_after_s:
            self._state = TrackingState.LOST
            verdict = replace(verdict, detail=_join(verdict.detail, f'lost: no fix was accepted for {failing_s:.1f} s'))
        return replace(verdict, state=self._state)


def _join(*parts: str) -> str:
    return '; '.join(part for part in parts if part)
