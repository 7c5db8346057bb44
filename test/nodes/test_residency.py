# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decisions about regions: what to hold, what to ask for and when, what will be needed soon, what to drop."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from map_helpers import make_map

from neumap_ros.maps import exchange
from neumap_ros.maps.repository import MapReference
from neumap_ros.maps.storage import StoredMap
from neumap_ros.nodes.localizer_book import LocalizerBook
from neumap_ros.nodes.prefetch import Prefetcher
from neumap_ros.nodes.residency import Offer, Wants, box_distances, choose, needed
from neumap_ros.nodes.shard_requests import GIVEN_UP, Requests
from neumap_ros.nodes.shard_store import ShardStore
from neumap_ros.nodes.staging import prepare

# Region i of the map is the box from 12 i - 5 to 12 i + 5 in x, -3 to 3 in y, 6 to 12 in z.
CENTRE = 9.0


@pytest.fixture(scope='module')
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredMap:
    return make_map(tmp_path_factory.mktemp('residency') / 'map', seeds=range(6))


@pytest.fixture(scope='module')
def offer(stored: StoredMap) -> Offer:
    return prepare(stored, MapReference()).offer


def room_for(offer: Offer, count: int) -> int:
    return offer.empty.resident_bytes + sum(sorted(offer.cost(region) for region in offer.regions)[-count:])


def test_distances(offer: Offer) -> None:
    distance_R = box_distances(offer.regions, np.array([12.0, 7.0, 9.0]))
    np.testing.assert_allclose(distance_R[1], 4.0)
    np.testing.assert_allclose(distance_R[2], np.hypot(4.0, 7.0))


def test_all_of_a_map_that_fits_the_nearest_first(offer: Offer) -> None:
    chosen = choose(offer, offer.bytes, Wants((36.0, 0.0, CENTRE), 1.0))
    assert set(chosen) == {region.id for region in offer.regions}
    assert chosen[0] == 'r3' and set(chosen[1:3]) == {'r2', 'r4'} and chosen[-1] == 'r0'
    assert not offer.fits(offer.bytes - 1)


def test_near_then_alike_then_held(offer: Offer) -> None:
    budget = room_for(offer, 4)
    wants = Wants((14.0, 0.0, CENTRE), 6.0, ('r5', 'r1', 'nowhere'))
    assert needed(offer, wants) >= {'r1', 'r2', 'r5'}
    assert choose(offer, budget, wants, held=('r0', 'r3', 'r4')) == ('r1', 'r2', 'r5', 'r0')
    assert choose(offer, budget, Wants(), held=('r4', 'r0')) == ('r4', 'r0')
    assert choose(offer, budget, Wants()) == ()


def test_the_most_urgent_region_is_held_however_small_the_budget(offer: Offer) -> None:
    assert choose(offer, 1, Wants((0.0, 0.0, CENTRE), 30.0)) == ('r0',)


def test_asks_for_a_window_and_waits_for_it(offer: Offer) -> None:
    size = max(file.bytes for file in offer.files.values())
    requests = Requests(window_bytes=2 * size, patience_s=2.0)
    missing = ['r0', 'r1', 'r2', 'r3']
    assert requests.next(missing, offer.files, 0.0) == ('r0', 'r1')
    assert requests.next(missing, offer.files, 1.9) == ()
    requests.arrived('r0', 1.9)
    assert requests.next(missing[1:], offer.files, 3.8) == (), 'it comes, slowly'
    assert requests.next(missing[1:], offer.files, 4.0) == ('r1', 'r2'), 'nothing came for two seconds'
    requests.arrived('r1', 4.1)
    requests.arrived('r2', 4.1)
    assert requests.next(missing[3:], offer.files, 4.1) == ('r3',)
    assert requests.next([], offer.files, 9.0) == ()
    assert Requests(window_bytes=1).next(missing, offer.files, 0.0) == ('r0',), 'one region at least'
    assert len(Requests(window_regions=3).next(missing, offer.files, 0.0)) == 3


def test_what_comes_damaged_is_asked_for_less_and_less_often(offer: Offer) -> None:
    requests = Requests(backoff_s=1.0, longest_backoff_s=3.0)
    now_s = 0.0
    for count, delay_s in enumerate((1.0, 2.0, 3.0, 3.0), 1):
        assert requests.next(['r0'], offer.files, now_s) == ('r0',)
        requests.failed_to_arrive('r0', now_s)
        assert requests.failed == ({'r0'} if count >= GIVEN_UP else set())
        assert requests.next(['r0'], offer.files, now_s + delay_s - 0.01) == ()
        assert requests.next(['r0', 'r1'], offer.files, now_s + delay_s - 0.01) == ('r1',), 'others do not wait for it'
        requests.arrived('r1', now_s)
        now_s += delay_s
    requests.arrived('r0', now_s)
    assert requests.failed == set()
    requests.failed_to_arrive('r0', now_s)
    requests.forget()
    assert requests.next(['r0'], offer.files, now_s) == ('r0',)


def test_regions_ahead(offer: Offer) -> None:
    prefetcher = Prefetcher(radius_m=2.0, horizon_s=10.0)
    assert prefetcher.regions(offer.regions) == []
    prefetcher.observe(0, (0.0, 0.0, CENTRE))
    assert prefetcher.regions(offer.regions) == ['r0'], 'speed is not known yet'
    prefetcher.observe(1_000_000_000, (2.4, 0.0, CENTRE))
    np.testing.assert_allclose(prefetcher.velocity_3, (2.4, 0.0, 0.0))
    assert prefetcher.regions(offer.regions) == ['r0', 'r1', 'r2']
    prefetcher.observe(1_100_000_000, (float('nan'), 0.0, 0.0))
    assert prefetcher.regions(offer.regions) == ['r0', 'r1', 'r2'], 'what is no number is left out'
    prefetcher.observe(500_000_000, (48.0, 0.0, CENTRE))
    assert prefetcher.regions(offer.regions) == ['r4'], 'a recording that begins anew'
    for step in range(1, 200):
        prefetcher.observe(500_000_000 + step * 100_000_000, (48.0 - step * 0.1, 0.0, CENTRE))
    np.testing.assert_allclose(prefetcher.velocity_3, (-1.0, 0.0, 0.0), atol=1e-9)
    assert prefetcher.regions(offer.regions)[0] == 'r2'
    assert len(prefetcher._track) < 50


def test_least_recently_needed_file_leaves_first(stored: StoredMap) -> None:
    files = [file for file in stored.manifest.files if file.path.startswith('shards/')]
    store = ShardStore(sum(file.bytes for file in files[:3]))
    for file in files[:3]:
        assert store.get(stored, file) == stored.read_file(file.path)
    first = store.get(stored, files[0])
    assert store.get(stored, files[0]) is first, 'from memory'
    store.get(stored, files[3])
    assert store.evictions == 1 and store.regions == 3
    assert exchange.take(files[1].sha256) is None and exchange.take(files[0].sha256) is first
    store.budget_bytes = 1
    assert store.regions == 1 and store.evictions == 3
    assert exchange.take(files[3].sha256) is not None, 'the last one stays'
    store.clear()
    gc.collect()
    assert store.held_bytes == 0 and exchange.take(files[3].sha256) is None


def test_localizers_come_go_and_start_anew() -> None:
    book = LocalizerBook(patience_s=10.0)
    first = book.heard('/a', 'p1', '', 0.0)
    first.sent.add('x')
    assert book.heard('/a', 'p1', 'abc', 1.0).sent == {'x'}
    assert book.users_of('abc') == ['/a']
    assert book.heard('/a', 'p1', '', 2.0).sent == set(), 'it has lost its map'
    book.heard('/a', 'p1', 'abc', 3.0).sent.add('x')
    assert book.heard('/a', 'p2', 'abc', 4.0).sent == set(), 'another process'
    book.heard('/b', 'p3', '', 8.0)
    assert book.expire(14.1) == ['/a']
    assert [name for name, _ in book.items()] == ['/b']


def test_offer_of_a_folder_is_what_the_folder_holds(stored: StoredMap, offer: Offer) -> None:
    assert offer.sha256 == stored.manifest_sha256
    assert {r: f.path for r, f in offer.files.items()} == {f'r{i}': f'shards/r{i}.safetensors' for i in range(6)}
    assert offer.by_path['shards/r2.safetensors'] == 'r2'
    assert Path(stored.folder).is_dir() and offer.empty.retrieval
