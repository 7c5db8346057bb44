# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Full disks, read-only disks, Ctrl-C and kill -9."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from disks import mounted

from neumap_ros.errors import MapError
from neumap_ros.maps import storage
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.types import Region
from neumap_ros.maps.verify import verify_map

ROOT = Path(__file__).parents[2]


def test_full_disk(tmp_path, new_content):
    with mounted(tmp_path / 'disk', 'size=64k') as disk:
        write_map(disk / 'site', *new_content())
        for overwrite, name in ((False, 'new'), (True, 'site')):
            with pytest.raises(MapError) as caught:
                write_map(disk / name, *new_content(points=5000, revision=2), overwrite=overwrite)
            assert 'disk is full or a limit is reached (No space left on device)' in str(caught.value)
            assert 'the map needs at least 1' in str(caught.value)
            assert [path.name for path in disk.iterdir()] == ['site']
        assert open_map(disk / 'site').manifest.revision == 1
        assert verify_map(disk / 'site') == []


def test_full_device(tmp_path, content, monkeypatch):
    """The same where mounting is not allowed: the kernel's always full device stands for a shard."""
    if not Path('/dev/full').exists():
        pytest.skip('no /dev/full')
    write = storage.write_file

    def write_to_full_device(path: Path, data: bytes) -> None:
        if path.name.startswith('r0-2'):
            with Path('/dev/full').open('wb') as file:
                file.write(data)
        write(path, data)

    monkeypatch.setattr(storage, 'write_file', write_to_full_device)
    with pytest.raises(MapError, match='No space left on device'):
        write_map(tmp_path / 'site', *content)
    assert not list(tmp_path.iterdir())


SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from neumap_ros.errors import MapError
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.types import Region
folder = Path(sys.argv[1])
manifest = open_map(folder).manifest

def region(i):
    return Region(f'new{i}', (0, 0, 0), (1, 1, 1), 5, '')
"""


def run(folder: Path, script: str) -> subprocess.Popen:
    command = [sys.executable, '-c', SCRIPT + script, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def test_file_size_limit(map_folder):
    process = run(
        map_folder,
        """
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_map(folder, manifest, {}, [(region(0), {'codes': np.zeros((9999, 8))})], overwrite=True)
except MapError as error:
    print(error)
""",
    )
    output, _ = process.communicate(timeout=60)
    assert 'limit is reached (File too large), the map needs at least 6' in output
    assert_untouched(map_folder)


# Writes one shard, says so, and waits for the signal in the middle of the second.
HALFWAY = """
import signal
# A shell ignores SIGINT for what it starts in the background, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

def shards():
    yield region(0), {'codes': np.zeros((5, 8))}
    print('halfway', flush=True)
    sys.stdin.read()
    yield region(1), {'codes': np.zeros((5, 8))}

write_map(folder, manifest, {}, shards(), overwrite=True)
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_signal_in_the_middle(map_folder, content, number):
    process = run(map_folder, HALFWAY)
    assert process.stdout.readline() == 'halfway\n'
    with pytest.raises(MapError, match='another process is writing'):
        write_map(map_folder, *content, overwrite=True)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    if number == signal.SIGKILL:
        assert verify_map(map_folder) == []
        assert (map_folder.parent / '.site.partial' / 'shards' / 'new0.safetensors').exists()
        write_map(map_folder, *content, overwrite=True)
    assert_untouched(map_folder)


def assert_untouched(folder: Path) -> None:
    assert verify_map(folder) == []
    assert open_map(folder).manifest.revision == 1
    assert [region.id for region in open_map(folder).manifest.regions] == ['r0-1', 'r0-2']
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize('error', [KeyboardInterrupt(), OSError(errno.EIO, 'Input/output error')])
def test_failure_of_every_rename(map_folder, content, monkeypatch, error):
    """Whatever rename fails while a map is replaced, one whole map stays under its name."""
    rename = Path.rename
    for failing in (1, 2):
        calls = []

        def fail(path, target, calls=calls, failing=failing):
            calls.append(path)
            if len(calls) == failing:
                raise error
            return rename(path, target)

        monkeypatch.setattr(Path, 'rename', fail)
        with pytest.raises((KeyboardInterrupt, MapError)):
            write_map(map_folder, *content, overwrite=True)
        monkeypatch.undo()
        assert_untouched(map_folder)


def test_replacement_cut_off_between_its_renames(map_folder, new_content):
    map_folder.rename(map_folder.with_name('.site.old'))
    with pytest.raises(MapError, match=r'replacing it was cut off; rename .*\.site\.old to site'):
        open_map(map_folder)
    with pytest.raises(MapError, match='exists already'):
        write_map(map_folder, *new_content(revision=2))
    assert_untouched(map_folder)


def test_errors_of_the_callers_generator_pass_through(tmp_path, content):
    def shards():
        yield Region('a', (0, 0, 0), (1, 1, 1), 5, ''), {'codes': np.zeros((5, 8))}
        raise FileNotFoundError('an image')

    with pytest.raises(FileNotFoundError, match='an image'):
        write_map(tmp_path / 'site', content[0], {}, shards())
    assert not list(tmp_path.iterdir())


def test_read_only_modes(map_folder):
    for path in (*map_folder.rglob('*'), map_folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        check_reading(map_folder)
    finally:
        for path in (map_folder, *map_folder.rglob('*')):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_read_only_disk(tmp_path, content):
    with mounted(tmp_path / 'disk', 'size=1m') as disk:
        write_map(disk / 'site', *content)
        subprocess.run(['mount', '-o', 'remount,ro', str(disk)], check=True)
        check_reading(disk / 'site')
        with pytest.raises(MapError, match='Read-only file system'):
            write_map(disk / 'other', *content)


def check_reading(folder: Path) -> None:
    stored = open_map(folder)
    stored.load_shared('codebooks')
    stored.load_shard('r0-2')
    assert verify_map(folder) == []
