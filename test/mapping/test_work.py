# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.mapping.work import WorkFolder

TENSORS = {'a': np.arange(6, dtype=np.int64).reshape(2, 3), 'b': np.float32([0.5])}


def test_what_was_saved_is_loaded_by_the_next_run(tmp_path):
    assert WorkFolder(tmp_path / 'map', {'seed': 1}).load('features/000001') is None
    WorkFolder(tmp_path / 'map', {'seed': 1}).save('features/000001', TENSORS)
    loaded = WorkFolder(tmp_path / 'map', {'seed': 1}).load('features/000001')
    assert loaded.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (loaded[name] == tensor).all() and loaded[name].dtype == tensor.dtype
    assert WorkFolder(tmp_path / 'map', {'seed': 1}).load('features/000002') is None
    assert not list(tmp_path.rglob('*.partial'))


@pytest.mark.parametrize('damage', [b'', b'nonsense', None])
def test_a_damaged_file_counts_as_absent(tmp_path, damage):
    work = WorkFolder(tmp_path / 'map', 1)
    work.save('tracks', TENSORS)
    file = work.path / 'tracks.safetensors'
    file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)
    assert work.load('tracks') is None
    work.save('tracks', TENSORS)
    assert work.load('tracks') is not None


def test_a_build_of_something_else_starts_anew(tmp_path):
    first = WorkFolder(tmp_path / 'map', ['a'])
    first.save('tracks', TENSORS)
    WorkFolder(tmp_path / 'other', ['a']).save('tracks', TENSORS)
    second = WorkFolder(tmp_path / 'map', ['b'])
    assert not first.path.exists(), 'the old one would lie around for ever'
    assert second.load('tracks') is None
    assert WorkFolder(tmp_path / 'other', ['a']).load('tracks') is not None


def test_the_key_does_not_depend_on_the_order_of_a_dictionary(tmp_path):
    WorkFolder(tmp_path / 'map', {'a': 1, 'b': 2}).save('x', TENSORS)
    assert WorkFolder(tmp_path / 'map', {'b': 2, 'a': 1}).load('x') is not None


def test_nothing_is_left_in_the_end(tmp_path):
    work = WorkFolder(tmp_path / 'map', 1)
    work.remove()
    work.save('x', TENSORS)
    assert list(tmp_path.iterdir())
    work.remove()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / '.map.build').write_text('a file')
    with pytest.raises(MapError, match=r'cannot save intermediate results in .*choose another --out'):
        WorkFolder(tmp_path / 'map', 1).save('x', TENSORS)
