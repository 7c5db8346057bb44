# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The README names only commands and options that exist, and its Python runs."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from neumap_ros.cli import app

README = (Path(__file__).resolve().parents[2] / 'README.md').read_text()


def options_of(command):
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_commands_and_options_exist():
    root = get_command(app)
    commands = 'map|bag|localize|evaluate|replay|train|export|run|world|report'
    lines = re.findall(rf'\bneumap ((?:{commands})\b[^\n`]*)', README)
    assert len(lines) >= 6
    for line in lines:
        words = line.split()
        command = root.commands[words[0]]
        if hasattr(command, 'commands'):
            command = command.commands[words[1].rstrip('`')]
        used = {word.rstrip('`.;,)') for word in words if word.startswith('--')}
        assert used <= {*options_of(command), '--help'}, line


def test_options_of_the_format_table_exist():
    root = get_command(app)
    known = options_of(root.commands['map'].commands['build'])
    rows = [line.split('|')[1] for line in README.splitlines() if line.startswith('| `--')]
    assert len(rows) == 6
    assert {option for row in rows for option in re.findall(r'--[a-z-]+', row)} <= known


def test_files_exist():
    root = Path(__file__).resolve().parents[2]
    for target in re.findall(r'\]\(([^)#]+)\)', README):
        assert (root / target).exists(), target
    for name in re.findall(r'`((?:[a-z_]+/)+|[a-z_]+\.py)`', README):
        assert any((folder / name).exists() for folder in (root, root / 'neumap_ros')) or name in (
            'images/', 'sparse/', 'shared/', 'shards/', 'report/', 'pictures/',
        ), name  # fmt: skip


def test_the_python_example_runs(demo_map, demo_folder, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path('office_map').symlink_to(demo_map)
    Path('new.jpg').symlink_to(demo_folder / 'images' / 'map_0003.jpg')
    matrix = '[256, 0, 159.5, 0, 256, 119.5, 0, 0, 1]'
    Path('camera.yaml').write_text(f'{{image_width: 320, image_height: 240, camera_matrix: {{data: {matrix}}}}}')
    exec(code, {})
    assert capsys.readouterr().out.startswith('ok ')


@pytest.mark.parametrize('target', re.findall(r'make ([a-z]+)', README))
def test_make_targets_exist(target):
    makefile = (Path(__file__).resolve().parents[2] / 'Makefile').read_text()
    assert re.search(rf'^{target}:', makefile, re.MULTILINE)
