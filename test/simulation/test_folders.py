# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders that are complete or not there, resumed, and kept."""

import multiprocessing
import time

import pytest

from neumap_ros.errors import ConfigError, NeumapError
from neumap_ros.simulation.folders import make_folder

ONE, OTHER = {'key': 'one'}, {'key': 'other'}


def writer(*names):
    def fill(folder):
        for name in names:
            (folder / name).write_text(name)

    return fill


def failing(folder):
    (folder / 'begun').write_text('begun')
    raise NeumapError('power cut')


def refuse(folder):
    raise AssertionError('nothing was to be made')


def contents(folder):
    return {path.name for path in folder.iterdir()}


def test_a_folder_appears_when_it_is_complete(tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(NeumapError, match='power cut'):
        make_folder(out, ONE, failing)
    assert not out.exists()
    seen = []
    assert make_folder(out, ONE, lambda folder: seen.append(contents(folder)))
    assert seen == [{'begun', 'world.json'}]  # the work went on where it was
    assert contents(tmp_path) == {'out'}


def test_work_that_never_began_leaves_nothing_behind(tmp_path):
    def hopeless(folder):
        raise ConfigError('no such world')

    with pytest.raises(ConfigError, match='no such world'):
        make_folder(tmp_path / 'out', ONE, hopeless)
    assert not list(tmp_path.iterdir())


def test_another_request_starts_anew(tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(NeumapError, match='power cut'):
        make_folder(out, ONE, failing)
    make_folder(out, OTHER, writer('b'))
    assert contents(out) == {'b', 'world.json'}


def test_a_folder_that_answers_the_request_is_left_and_others_are_not_touched(tmp_path):
    out = tmp_path / 'out'
    make_folder(out, ONE, writer('a'))
    assert not make_folder(out, ONE, refuse)
    with pytest.raises(ConfigError, match='something else'):
        make_folder(out, OTHER, refuse)
    assert contents(out) == {'a', 'world.json'}
    with pytest.raises(ConfigError, match='does not exist; create it first'):
        make_folder(tmp_path / 'no' / 'out', ONE, refuse)


def test_what_was_made_comes_from_the_cache(tmp_path):
    cache = tmp_path / 'cache'

    def nested(folder):
        (folder / 'images').mkdir()
        (folder / 'images' / 'a.jpg').write_bytes(b'picture')

    assert make_folder(tmp_path / 'first', ONE, nested, cache)
    assert not make_folder(tmp_path / 'second', ONE, refuse, cache)
    assert (tmp_path / 'second' / 'images' / 'a.jpg').read_bytes() == b'picture'
    # A copy: what happens to it does not reach the cache.
    (tmp_path / 'second' / 'images' / 'a.jpg').write_bytes(b'scribble')
    make_folder(tmp_path / 'third', ONE, refuse, cache)
    assert (tmp_path / 'third' / 'images' / 'a.jpg').read_bytes() == b'picture'
    assert make_folder(tmp_path / 'other', OTHER, writer('b'), cache)


def slow(out, names):
    def fill(folder):
        time.sleep(1.0)
        with (folder / 'calls').open('a') as file:
            file.write('x')

    make_folder(out, ONE, fill)


def test_two_that_want_the_same_wait_for_each_other(tmp_path):
    out = tmp_path / 'out'
    context = multiprocessing.get_context('spawn')
    both = [context.Process(target=slow, args=(out, ())) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert (out / 'calls').read_text() == 'x'
