# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
import hashlib
import subprocess
import sys
import threading
import tracemalloc

from neumap_ros.maps.exchange import PROCESS_ID, offer, take


def some_bytes(seed: int, size: int = 1000) -> tuple[str, bytes]:
    data = bytes([seed]) * size
    return hashlib.sha256(data).hexdigest(), data


def test_what_is_offered_can_be_taken_without_a_copy():
    digest, data = some_bytes(1)
    assert take(digest) is None
    kept = offer(digest, data)
    assert take(digest) is data
    assert take(some_bytes(2)[0]) is None
    assert (kept.sha256, kept.data) == (digest, data)


def test_an_offer_ends_with_its_last_owner():
    digest, data = some_bytes(3)
    first, second = offer(digest, data), offer(digest, bytes(bytearray(data)))
    assert take(digest) is data
    del first
    gc.collect()
    assert take(digest) is data
    del second
    gc.collect()
    assert take(digest) is None


def test_nothing_leaks():
    for round_number in range(2):
        for seed in range(30):
            digest, data = some_bytes(seed, 1_000_000)
            kept = offer(digest, data)
            assert take(digest) is data
            del kept, data
        gc.collect()
        if round_number == 0:
            tracemalloc.start()
    used, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 100_000
    assert peak < 5_000_000


def test_many_threads_offer_and_take():
    pairs = [some_bytes(seed) for seed in range(20)]
    wrong = []

    def work(start: int) -> None:
        for step in range(2000):
            digest, data = pairs[(start + step) % len(pairs)]
            kept = offer(digest, data)
            if take(digest) != data:
                wrong.append(digest)
            del kept

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(take(digest) is None for digest, _ in pairs)


def test_another_process_has_another_name():
    script = 'from neumap_ros.maps.exchange import PROCESS_ID; print(PROCESS_ID)'
    names = {
        subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    }
    assert len(names | {PROCESS_ID}) == 3
