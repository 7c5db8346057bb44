# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.maps.repository import check_reference, folder_of, list_revisions, open_revision, publish
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.verify import verify_map

OTHER_PLACE = '11111111-9b1f-4a57-9a32-0a77a4b7f001'


@pytest.fixture
def repository(tmp_path, new_content):
    """Revisions 1, 2 and 5, in folders of any name, and things that are no maps."""
    folder = tmp_path / 'repository'
    folder.mkdir()
    for number, name in ((1, 'first'), (5, 'a new one'), (2, 'second')):
        write_map(folder / name, *new_content(revision=number))
    (folder / 'README.txt').write_text('ours')
    (folder / 'empty').mkdir()
    (folder / '.a.partial').mkdir()
    (folder / '.a.partial' / 'manifest.json').write_text('half')
    return folder


def why(*reference) -> str:
    with pytest.raises(MapError) as caught:
        check_reference(*reference)
    with pytest.raises(MapError) as again:
        open_revision(*reference)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


def test_the_newest_one_of_a_number_and_one_of_a_digest(repository):
    uri = str(repository)
    assert check_reference(uri).number == 5
    assert check_reference(uri).folder == repository / 'a new one'
    second = check_reference(uri, 2)
    assert second.folder.name == 'second'
    assert check_reference(uri, 0, second.sha256) == check_reference(uri, 2, second.sha256) == second
    assert open_revision(uri, 2).manifest_sha256 == second.sha256
    assert [r.number for r in list_revisions(uri)] == [5, 2, 1]


def test_a_map_folder_is_a_repository_of_one(map_folder):
    assert check_reference(str(map_folder)).number == 1
    assert open_revision(str(map_folder), 1).folder == map_folder
    assert 'has no revision 2; it has revision 1 (sha256' in why(str(map_folder), 2)


@pytest.mark.parametrize('form', ['file://{}', 'file://localhost{}', '{}/', '{}/../repository'])
def test_forms_of_an_address(repository, form):
    assert check_reference(form.format(repository)).number == 5


def test_an_address_with_percent_signs_and_one_at_home(tmp_path, map_folder, monkeypatch):
    map_folder.rename(tmp_path / 'a site')
    assert check_reference(f'file://{tmp_path}/a%20site').number == 1
    monkeypatch.setenv('HOME', str(tmp_path))
    assert folder_of('~/a site') == tmp_path / 'a site'


@pytest.mark.parametrize(
    ('uri', 'message'),
    [
        ('', 'is empty'),
        ('a\0b', 'is no path'),
        ('file:///a%00b', 'is no path'),
        ('https://example.org/maps', 'is not supported, expected a path or file:///path'),
        ('file://server/maps', 'is not supported'),
        ('/does/not/exist', 'it does not exist; check the path'),
        ('/dev/null', 'it cannot be read (Not a directory)'),
        ('/' + 'x' * 300, 'File name too long'),
    ],
)
def test_addresses_that_lead_nowhere(uri, message):
    assert message in why(uri)


def test_a_folder_without_maps(tmp_path):
    assert 'neither it nor a folder in it has a manifest.json' in why(str(tmp_path))


def test_wishes_that_cannot_be_met_are_told_what_there_is(repository):
    uri = str(repository)
    first, fifth = check_reference(uri, 1), check_reference(uri, 5)
    all_three = f'it has revision 5 (sha256 {fifth.sha256[:16]}...), revision 2 (sha256'
    assert f'{uri} has no revision 3; {all_three}' in why(uri, 3)
    assert f'has no revision with sha256 0000000000000000...; {all_three}' in why(uri, 0, '0' * 64)
    told = why(uri, 5, first.sha256)
    assert 'has no revision 5 with sha256' in told
    assert 'revision 2' not in told
    for revision in (-1, True, 1.0):
        assert 'is no number from 1' in why(uri, revision)
    for digest in ('abc', 'A' * 64, 'x' * 64, '0' * 65):
        assert 'is not 64 digits of 0-9 a-f' in why(uri, 0, digest)


def test_a_damaged_revision_blocks_only_what_depends_on_it(repository):
    manifest = repository / 'second' / 'manifest.json'
    manifest.write_bytes(manifest.read_bytes()[:-40])
    assert 'the newest revision in' in why(str(repository))
    assert 'was truncated or edited by hand' in why(str(repository))
    assert check_reference(str(repository), 5).number == 5
    assert '1 that cannot be read' in why(str(repository), 2)
    shutil.rmtree(repository / 'second')
    assert check_reference(str(repository)).number == 5


def test_two_places_or_two_revisions_of_one_number(repository, tmp_path, content):
    manifest, shared, shards = content
    write_map(repository / 'twin', dataclasses.replace(manifest, notes='another'), shared, shards)
    assert 'has two revisions 1, first and twin' in why(str(repository), 1)
    twin = open_map(repository / 'twin').manifest_sha256
    assert check_reference(str(repository), 1, twin).folder.name == 'twin'
    assert check_reference(str(repository)).number == 5
    shutil.copytree(repository / 'a new one', repository / 'copy')
    assert check_reference(str(repository), 5).number == 5
    write_map(repository / 'elsewhere', dataclasses.replace(manifest, map_id=OTHER_PLACE), shared, shards)
    assert 'holds maps of 2 places: ' in why(str(repository), 5)


def test_a_changed_repository_is_seen_at_once(repository, tmp_path, new_content):
    assert check_reference(str(repository)).number == 5
    write_map(repository / 'a new one', *new_content(revision=7), overwrite=True)
    assert check_reference(str(repository)).number == 7
    shutil.rmtree(repository / 'a new one')
    assert check_reference(str(repository)).number == 2


def test_a_missing_shard_is_found_when_the_revision_is_opened(repository):
    (repository / 'second' / 'shards' / 'r0-1.safetensors').unlink()
    assert check_reference(str(repository), 2).number == 2
    with pytest.raises(MapError, match='is missing'):
        open_revision(str(repository), 2)


def changed(content, **fields):
    manifest, shared, shards = content
    region, tensors = shards[0]
    tensors = {**tensors, 'codes': np.asarray(tensors['codes'] ^ 1)}
    return dataclasses.replace(manifest, map_id=OTHER_PLACE, **fields), shared, [(region, tensors), shards[1]]


def test_publishing_gives_the_next_revision_of_the_same_place(tmp_path, content):
    repository = tmp_path / 'new'
    write_map(tmp_path / 'a', *content)
    write_map(tmp_path / 'b', *changed(content))
    first, second = publish(tmp_path / 'a', repository), publish(tmp_path / 'b', repository)
    assert (first.manifest_sha256, first.folder.name) == (open_map(tmp_path / 'a').manifest_sha256, '000001')
    assert (second.manifest.revision, second.manifest.map_id) == (2, first.manifest.map_id)
    assert verify_map(second.folder) == []
    digests = [{f.path: f.sha256 for f in stored.manifest.files} for stored in (first, second)]
    assert {path for path in digests[0] if digests[0][path] != digests[1][path]} == {'shards/r0-1.safetensors'}
    assert open_revision(str(repository)) == second
    # The way back: the old content as a new revision.
    third = publish(tmp_path / 'a', repository)
    assert third.manifest.revision == 3
    assert third.manifest.files == first.manifest.files


def test_what_cannot_be_published(tmp_path, content, repository):
    write_map(tmp_path / 'a', *content)
    write_map(tmp_path / 'b', *changed(content, frame_id='elsewhere'))
    publish(tmp_path / 'a', tmp_path / 'new')
    before = sorted((tmp_path / 'new').rglob('*'))
    for source, target, message in (
        ('a', 'new', 'is revision 1 of .* already'),
        ('b', 'new', "its frame is 'elsewhere', expected 'map'"),
        ('a', 'a', 'is a map folder'),
        ('a', 'missing/folder', 'No such file'),
        ('missing', 'new', 'there is no map'),
    ):
        with pytest.raises(MapError, match=message):
            publish(tmp_path / source, tmp_path / target)
    victim = tmp_path / 'a' / 'shards' / 'r0-2.safetensors'
    victim.write_bytes(victim.read_bytes()[:-1] + b'x')
    with pytest.raises(MapError, match='was damaged'):
        publish(tmp_path / 'a', repository)
    (tmp_path / 'new' / '000001' / 'manifest.json').write_bytes(b'{}')
    with pytest.raises(MapError, match='cannot publish to'):
        publish(tmp_path / 'b', tmp_path / 'new')
    assert sorted((tmp_path / 'new').rglob('*')) == before
    assert [r.number for r in list_revisions(str(repository))] == [5, 2, 1]
