# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Maps of which only some regions are in memory: what is searched, and what is asked for."""

from __future__ import annotations

import pytest

from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.localization.retrieval import retrieval_bytes
from neumap_ros.localization.search import RigPrior
from neumap_ros.localization.sight import Sight
from neumap_ros.maps.resident import ResidentMap, resident_map


@pytest.fixture(scope='module')
def whole(place, tmp_path_factory) -> ResidentMap:
    """The place with all its regions in memory."""
    stored = place.write(tmp_path_factory.mktemp('maps') / 'site')
    shards = {r.id: (stored.folder / 'shards' / f'{r.id}.safetensors').read_bytes() for r in stored.manifest.regions}
    return resident_map((stored.folder / 'manifest.json').read_bytes(), {}, shards, retrieval_bytes(stored))


def test_a_whole_map_wants_nothing(whole, place, other_place, forward):
    localizer = Localizer(whole)
    for seen in (place, other_place):
        fix = localizer.localize_features(seen.see(forward)[0], place.camera)
        assert fix.wanted_regions == ()


def test_regions_that_the_image_shows_are_wanted_first(whole, place, forward, backward):
    partly = Localizer(whole.without_regions(['r1', 'r3']))
    fix = partly.localize_features(place.see(forward)[0], place.camera)
    assert fix.reason is Reason.OK
    assert fix.regions == ('r0', 'r2')
    assert fix.wanted_regions[0] == 'r1'
    fix = partly.localize_features(place.see(backward)[0], place.camera)
    assert fix.wanted_regions[0] == 'r3'
    assert set(fix.wanted_regions) <= {'r1', 'r3'}


def test_only_what_a_search_would_have_tried_is_wanted(whole, place, forward):
    """With two groups of one region each, the two regions in view are all that a search looks at."""
    settings = LocalizerSettings(points_per_attempt=1, points_near_prior=250, max_attempts=1)
    absent = Localizer(whole.without_regions(['r0', 'r1', 'r2', 'r3']), settings)
    fix = absent.localize_features(place.see(forward)[0], place.camera)
    assert fix.reason is Reason.NO_REGIONS
    assert len(fix.wanted_regions) == 1
    assert fix.wanted_regions[0] in ('r0', 'r1')
    two = LocalizerSettings(points_per_attempt=1, points_near_prior=249, max_attempts=2)
    absent = Localizer(whole.without_regions(['r0', 'r1', 'r2', 'r3']), two)
    assert set(absent.localize_features(place.see(forward)[0], place.camera).wanted_regions) == {'r0', 'r1'}


def test_a_rig_wants_what_any_camera_sees(whole, place, forward, backward):
    """One camera looks ahead, one back: the regions of both are searched near a prior, and asked for."""
    back = forward.inverse() @ backward
    sights = [
        Sight(place.see(forward)[0], place.camera, Pose.identity(), 'ahead'),
        Sight(place.see(backward)[0], place.camera, back, 'back'),
    ]
    settings = LocalizerSettings(points_per_attempt=1, points_near_prior=500, max_attempts=2)
    fix = Localizer(whole, settings).search.localize(sights, RigPrior(forward, 0.2))
    assert fix.reason is Reason.OK
    assert fix.T_map_base.error_to(forward) == pytest.approx((0, 0), abs=0.1)
    assert set(fix.regions) == {'r0', 'r1', 'r2', 'r3'}
    assert min(map(len, fix.inliers)) > 50
    none = Localizer(whole.without_regions(['r0', 'r1', 'r2', 'r3'])).search.localize(sights)
    assert set(none.wanted_regions) == {'r0', 'r1', 'r2', 'r3'}
