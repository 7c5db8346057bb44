# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the figures say, in plain words: one paragraph, and what a team must look at before it trusts a run.

Only two things are judged, because only they have a right answer: a false fix is one too many, and a covariance is
honest or it is not. How much recall suffices is for the reader to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.consistency import CONFIDENCE
from neumap_ros.evaluation.html import words
from neumap_ros.evaluation.html.statistics import coverage_off, largest_rate, paired_chance, share, share_of
from neumap_ros.evaluation.html.view import RunView

GOOD, LOOK, BAD = 'good', 'look', 'bad'
# With fewer images the intervals are too wide to compare anything.
FEW = 30


@dataclass(frozen=True)
class Check:
    """Something that a team must know.

    Attributes:
        verdict: ``good``, ``look`` or ``bad``.
        title: two or three words.
        text: one or two sentences.
    """

    verdict: str
    title: str
    text: str


def paragraph(views: Sequence[RunView]) -> str:
    """The verdict on all runs, for somebody who reads nothing else."""
    if len(views) == 1:
        return _one(views[0])
    return _many(views)


def _one(view: RunView) -> str:
    figures, run = view.figures, view.run
    answered = share(figures.accepted, figures.attempts)
    sentences = [
        f'{view.label} answered {figures.accepted:,} of {words.number(figures.attempts, "image")} '
        f'({words.percent(answered.value)}).'
    ]
    if not figures.judged:
        sentences.append('No true pose is known, so nothing can be said about how good the poses are.')
    else:
        threshold = metrics.default_thresholds(run.metric)[1]
        right = share_of(figures.recall.get(threshold.label, math.nan), figures.judged)
        sentences.append(
            f'{words.percent(right.value)} were right within {_and(threshold.label)} (95 % interval '
            f'{words.interval(right)}), missing answers counted as failures.'
        )
        sentences.append(_false_sentence(view))
        if figures.fix_errors.count:
            errors = figures.fix_errors
            sentences.append(
                f'Half of the accepted poses are within {words.length(errors.median_m, view.unit)} and '
                f'{words.angle(errors.median_deg)}, 95 % within {words.length(errors.p95_m, view.unit)} and '
                f'{words.angle(errors.p95_deg)}.'
            )
    sentences += _time_sentences(view)
    if honest := covariance_check(view):
        sentences.append(honest.text)
    if figures.map_bytes:
        sentences.append(f'The map takes {words.size(figures.map_bytes)}.')
    return ' '.join(sentences)


def _false_sentence(view: RunView) -> str:
    figures = view.figures
    known = int((view.accepted_N & view.judged_N).sum())
    bound = metrics.false_fix_threshold(view.run.metric).label.replace(', ', ' or ')
    if not known:
        return 'There is no accepted pose that could be false.'
    limit = words.rate(largest_rate(figures.false_fixes, known))
    if not figures.false_fixes:
        return f'None of the {known:,} accepted poses was false (beyond {bound}); a rate above {limit} is ruled out.'
    return (
        f'{figures.false_fixes:,} of the {known:,} accepted poses {"was" if figures.false_fixes == 1 else "were"} '
        f'false (beyond {bound}); the true rate may be up to {limit}.'
    )


def _time_sentences(view: RunView) -> list[str]:
    figures = view.figures
    sentences = []
    if (known := figures.availability.get('1 s', math.nan)) == known:
        sentences.append(
            f'A pose not older than a second was there {words.percent(known)} of the time; the first fix came '
            f'{_when(figures.first_fix_s)}.'
        )
    if math.isfinite(figures.latency_ms.get('p95', math.nan)):
        sentences.append(
            f'An answer took {words.milliseconds(figures.latency_ms["p50"])}, 95 % less than '
            f'{words.milliseconds(figures.latency_ms["p95"])}.'
        )
    return sentences


def _when(first_fix_s: float) -> str:
    if not math.isfinite(first_fix_s):
        return 'never'
    return f'after {words.seconds(first_fix_s)}' if first_fix_s >= 0.005 else 'with the first image'


def _many(views: Sequence[RunView]) -> str:
    sentences = []
    judged = [view for view in views if view.figures.judged]
    if judged:
        threshold = metrics.default_thresholds(judged[0].run.metric)[1]
        ranked = sorted(judged, key=lambda view: -view.figures.recall.get(threshold.label, 0.0))
        parts = [f'{view.label} {words.percent(view.figures.recall.get(threshold.label, math.nan))}' for view in ranked]
        sentences.append(f'Right within {_and(threshold.label)}: {", ".join(parts)} of all images.')
        sentences.append(_lead(ranked, threshold))
        lies = [view for view in judged if view.figures.false_fixes]
        if lies:
            told = ', '.join(
                f'{view.label} {view.figures.false_fixes:,} of {int((view.accepted_N & view.judged_N).sum()):,}'
                for view in lies
            )
            if len(lies) < len(judged):
                sentences.append(f'False fixes among the accepted poses: {told}; none in the other runs.')
            else:
                sentences.append(f'Every run has false fixes: {told} accepted poses.')
        else:
            sentences.append('No run accepted a false pose.')
    else:
        sentences.append('No true pose is known, so nothing can be said about how good the poses are.')
    if known := [view for view in views if math.isfinite(view.figures.latency_ms.get('p95', math.nan))]:
        times = ', '.join(f'{view.label} {words.milliseconds(view.figures.latency_ms["p95"])}' for view in known)
        sentences.append(f'95 % of the answers came within: {times}.')
    checks = [(view, covariance_check(view)) for view in views]
    if honest := [(view, check) for view, check in checks if check is not None]:
        told = ', '.join(f'{view.label} {check.title.removeprefix("covariance ")}' for view, check in honest)
        sentences.append(f'The covariance: {told}.')
    sizes = {view.label: view.figures.map_bytes for view in views if view.figures.map_bytes}
    if sizes:
        sentences.append(f'Maps: {", ".join(f"{label} {words.size(count)}" for label, count in sizes.items())}.')
    return ' '.join(sentence for sentence in sentences if sentence)


def _lead(ranked: Sequence[RunView], threshold: metrics.Threshold) -> str:
    """Whether the first is ahead of the second by more than chance explains."""
    if len(ranked) < 2:
        return ''
    first, second = ranked[:2]
    if pairs := _same_images(first, second, threshold):
        only_first, only_second, chance = pairs
        told = (
            f'{first.label} got {words.number(only_first, "image")} right that {second.label} did not, and '
            f'{second.label} {only_second:,} the other way round'
        )
        if chance > 1 - CONFIDENCE:
            return f'{told}; chance explains such a difference.'
        return f'{told}, more than chance explains (McNemar, p = {chance:.2g}).'
    one, two = (
        share_of(view.figures.recall.get(threshold.label, math.nan), view.figures.judged) for view in ranked[:2]
    )
    if one.low > two.high:
        return f'{first.label} is ahead by more than chance explains, if the images are as hard.'
    return f'So few images cannot tell whether {first.label} or {second.label} is better.'


def _same_images(first: RunView, second: RunView, threshold: metrics.Threshold) -> tuple[int, int, float] | None:
    """McNemar's test where both runs judged the same images, by name or stamp; None where they did not."""
    right = []
    for view in (first, second):
        met = threshold.met(view.error_N, view.angle_N, view.run.extent)
        keys = [(row.name, row.stamp_ns) for row in view.attempts]
        right.append({key: bool(ok) for key, ok, judged in zip(keys, met, view.judged_N, strict=True) if judged})
    if first.run.source != second.run.source or right[0].keys() != right[1].keys():
        return None
    order = list(right[0])
    return paired_chance(*(np.array([one[key] for key in order]) for one in right))


def checks(view: RunView) -> list[Check]:
    """What a team must look at, the worst first."""
    figures = view.figures
    found: list[Check] = []
    known = int((view.accepted_N & view.judged_N).sum())
    if not figures.accepted:
        found.append(Check(BAD, 'no pose at all', f'None of {words.number(figures.attempts, "image")} was localized.'))
    if not figures.judged:
        found.append(Check(LOOK, 'no ground truth', 'Errors, recall, false fixes and coverage are not known.'))
    elif figures.judged < figures.attempts:
        missing = figures.attempts - figures.judged
        found.append(
            Check(LOOK, 'gaps in the truth', f'{words.number(missing, "image")} without a true pose, not judged.')
        )
    if known:
        verdict = BAD if figures.false_fixes else GOOD
        title = words.number(figures.false_fixes, 'false fix', 'false fixes') if figures.false_fixes else 'no false fix'
        found.append(Check(verdict, title, _false_sentence(view)))
    if covariance := covariance_check(view):
        found.append(covariance)
    if 0 < figures.judged < FEW:
        one = share(round(figures.judged / 2), figures.judged)
        found.append(
            Check(
                LOOK,
                'few images',
                f'With {words.number(figures.judged, "image")} a share is uncertain by up to '
                f'{100 * (one.high - one.low) / 2:.0f} points.',
            )
        )
    if not view.run.metric:
        found.append(Check(LOOK, 'no metres', 'The map has an arbitrary scale; bounds are fractions of the extent.'))
    found += [Check(LOOK, 'note', note) for note in view.run.notes]
    order = (BAD, LOOK, GOOD)
    return sorted(found, key=lambda check: order.index(check.verdict))


def covariance_check(view: RunView) -> Check | None:
    """Whether the covariance of positions means what it says; None where there is none."""
    sigmas = view.sigmas_N[~np.isnan(view.sigmas_N)]
    if not len(sigmas):
        return None
    shares = [share(int((sigmas <= sigma).sum()), len(sigmas)) for sigma in metrics.SIGMAS]
    told = ' / '.join(words.percent(one.value).removesuffix(' %') for one in shares)
    ideal = ' / '.join(f'{100 * value:.1f}' for value in metrics.EXPECTED_COVERAGE)
    figures = f'{told} % lie within 1 / 2 / 3 sigma, {ideal} % would be honest.'
    if len(sigmas) < FEW:
        return Check(
            LOOK, 'covariance not judged', f'Too few poses to judge the covariance: of {len(sigmas)}, {figures}'
        )
    off = [coverage_off(one, value) for one, value in zip(shares, metrics.EXPECTED_COVERAGE, strict=True)]
    if min(off) < 0:
        return Check(BAD, 'covariance too small', f'The covariance promises too much: {figures}')
    if max(off) > 0:
        return Check(LOOK, 'covariance too large', f'The covariance is too cautious: {figures}')
    return Check(GOOD, 'covariance honest', f'The covariance is honest: {figures}')


def cautions(views: Sequence[RunView]) -> list[str]:
    """Why a comparison of these runs would mislead."""
    found = []
    if len({view.run.metric for view in views}) > 1:
        found.append('Some maps are in metres and others are not: lengths and recall cannot be compared.')
    names = {tuple(sorted(row.name for row in view.attempts)) for view in views}
    if len({view.run.source for view in views}) > 1:
        found.append('The runs answer images of different sources.')
    elif len(names) > 1 and len({view.run.kind for view in views}) == 1:
        found.append('The runs do not answer the same images.')
    if len({view.run.kind for view in views}) > 1:
        found.append('Single images, replays and live runs count differently: a replay leaves out what a robot skips.')
    return found


def _and(label: str) -> str:
    return label.replace(', ', ' and ')
