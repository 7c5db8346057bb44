# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The package as others see it: metadata that agree, layers that keep apart."""

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'neumap_ros'

# What may know ROS; everything else is core.
ROS_SIDE = ('neumap_ros.nodes', 'neumap_ros.cli', 'neumap_ros.demo')
ROS_MODULE = re.compile(
    r'(rclpy|rosless|tf2_\w+|cv_bridge|tf_transformations|diagnostic_updater|launch|launch_ros|\w+_msgs|\w+_srvs'
    r'|\w+_interfaces|neumap_ros\.(msg|srv|action))(\.|$)'
)
# Names under which distributions are imported, where the two differ.
IMPORT_NAMES = {'opencv-python-headless': 'cv2', 'pyyaml': 'yaml', 'faiss-cpu': 'faiss', 'rerun-sdk': 'rerun'}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imported_names(source, module, is_package=False):
    """Every module that a source file may import, as dotted names; ``from a import b`` counts as a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                above = module.split('.')[: len(module.split('.')) - node.level + is_package]
                base = '.'.join([*above, base]) if base else '.'.join(above)
            names |= {base} | {f'{base}.{alias.name}' for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')
            if called in ('import_module', '__import__', 'find_spec') and isinstance(node.args[0].value, str):
                names.add(node.args[0].value)
    return names


def imports_of(path):
    return imported_names(path.read_text(encoding='utf-8'), module_name(path), path.name == '__init__.py')


def within(name, package):
    return name == package or name.startswith(package + '.')


SOURCES = sorted(PACKAGE.rglob('*.py'))
CORE = [path for path in SOURCES if not any(within(module_name(path), side) for side in ROS_SIDE)]


def folder(name):
    return [path for path in SOURCES if within(module_name(path), f'neumap_ros.{name}')]


@pytest.fixture(scope='module')
def project():
    return tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']


@pytest.fixture(scope='module')
def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


@pytest.fixture(scope='module')
def cmake():
    return (ROOT / 'CMakeLists.txt').read_text()


def test_every_folder_of_modules_is_a_package():
    """One without __init__.py would be missing from the wheel, and nowhere else."""
    folders = {path.parent for path in SOURCES}
    assert [folder.name for folder in folders if not (folder / '__init__.py').exists()] == []


def test_no_two_files_of_tests_share_a_name():
    """Pytest imports them by name alone and refuses the second one."""
    names = [path.name for folder in ('test', 'rosless/test') for path in (ROOT / folder).rglob('test_*.py')]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_name_and_version_agree(project, manifest, cmake):
    name, version = re.search(r'^project\((\w+) VERSION ([\d.]+)\)', cmake, re.MULTILINE).groups()
    assert name == project['name'] == manifest.findtext('name') == PACKAGE.name
    assert version == project['version'] == manifest.findtext('version')


def test_licence_and_description_agree(project, manifest):
    assert project['license'] == manifest.findtext('license') == 'Apache-2.0'
    assert manifest.findtext('description').rstrip('.') == project['description']
    assert 'Apache License' in (ROOT / 'LICENSE').read_text()


def test_the_manifest_suits_a_package_with_messages(manifest, cmake):
    assert manifest.get('format') == '3'
    assert manifest.findtext('export/build_type') == 'ament_cmake'
    assert manifest.findtext('member_of_group') == 'rosidl_interface_packages'
    needed = set(re.search(r'\n  DEPENDENCIES ([^)]*)', cmake).group(1).split())
    assert needed <= {element.text for element in manifest.findall('depend')}
    assert needed <= set(re.findall(r'find_package\((\w+) REQUIRED\)', cmake))


def test_the_manifest_names_every_ros_package_that_is_used(manifest):
    """One that is missing is missing on a robot whose dependencies rosdep installed."""
    launch_files = sorted((ROOT / 'launch').glob('*.py'))
    used = {
        name.split('.')[0] for path in (*SOURCES, *launch_files) for name in imports_of(path) if ROS_MODULE.match(name)
    }
    used |= {'ament_index_python', 'ros2bag', 'ros2launch', 'rosbag2_storage_default_plugins'}  # of the launch files
    declared = {element.text for kind in ('depend', 'exec_depend') for element in manifest.findall(kind)}
    assert used - declared - {'neumap_ros', 'rosless'} == set()


def test_every_message_is_generated(cmake):
    files = {f'{path.parent.name}/{path.name}' for path in [*ROOT.glob('msg/*.msg'), *ROOT.glob('srv/*.srv')]}
    assert set(re.findall(r'"((?:msg|srv)/\w+\.\w+)"', cmake)) == files


def test_messages_are_well_formed(cmake):
    from rosbags.typesys import get_types_from_msg

    used = set()
    for path in ROOT.glob('msg/*.msg'):
        for _, fields in get_types_from_msg(path.read_text(), f'neumap_ros/msg/{path.stem}').values():
            used |= set(re.findall(r"'(\w+)/msg/\w+'", repr(fields)))
    assert 'std_msgs' in used
    assert used - {'neumap_ros'} <= set(re.search(r'\n  DEPENDENCIES ([^)]*)', cmake).group(1).split())


def test_reasons_are_unique():
    text = (ROOT / 'msg' / 'LocalizationStatus.msg').read_text()
    reasons = dict(re.findall(r'^string REASON_(\w+) = "(\w+)"', text, re.MULTILINE))
    assert len(reasons) == len(re.findall(r'^string REASON_', text, re.MULTILINE)) > 0
    assert len(set(reasons.values())) == len(reasons)
    assert all(value == name.lower() for name, value in reasons.items())


def test_constraints_pin_every_direct_dependency(project):
    lines = (ROOT / 'constraints.txt').read_text().splitlines()
    pinned = {line.split('==')[0].lower() for line in lines if line and not line.startswith('#')}
    wanted = [*project['dependencies'], *(d for extra in project['optional-dependencies'].values() for d in extra)]
    assert {re.match(r'[\w-]+', requirement).group().lower() for requirement in wanted} == pinned


def test_every_import_is_declared(project):
    wanted = [*project['dependencies'], *(d for extra in project['optional-dependencies'].values() for d in extra)]
    names = {re.match(r'[\w-]+', requirement).group().lower() for requirement in wanted}
    known = {IMPORT_NAMES.get(name, name) for name in names} | {'neumap_ros', 'rosless'} | set(sys.stdlib_module_names)
    foreign = {
        f'{module_name(path)}: {name}'
        for path in SOURCES
        for name in imports_of(path)
        if name.split('.')[0] not in known and not ROS_MODULE.match(name)
    }
    assert foreign == set()


@pytest.mark.parametrize('path', SOURCES, ids=module_name)
def test_the_package_does_not_import_evo(path):
    """Its licence is the GPL; tests compare with it, and that is all."""
    assert not {name for name in imports_of(path) if within(name, 'evo')}


@pytest.mark.parametrize('path', CORE, ids=module_name)
def test_the_core_does_not_know_ros(path):
    assert {name for name in imports_of(path) if ROS_MODULE.match(name)} == set()


@pytest.mark.parametrize('path', folder('models'), ids=module_name)
def test_models_know_nothing_of_ours_but_errors(path):
    allowed = ('neumap_ros.models', 'neumap_ros.errors')
    ours = {name for name in imports_of(path) if within(name, 'neumap_ros') and name != 'neumap_ros'}
    assert {name for name in ours if not any(within(name, package) for package in allowed)} == set()


@pytest.mark.parametrize('path', folder('localization'), ids=module_name)
def test_localization_does_not_need_mapping(path):
    assert {name for name in imports_of(path) if within(name, 'neumap_ros.mapping')} == set()


@pytest.mark.parametrize('path', folder('nodes'), ids=module_name)
def test_nodes_are_plain_rclpy(path):
    assert {name for name in imports_of(path) if within(name, 'rosless')} == set()


def test_the_walk_sees_all_kinds_of_imports():
    source = (
        'import rclpy.node\n'
        'def f():\n    from ..mapping import tracks\n    from . import gate\n'
        'import importlib\nimportlib.import_module("sensor_msgs.msg")\n'
    )
    names = imported_names(source, 'neumap_ros.localization.solver')
    assert {'rclpy.node', 'neumap_ros.mapping', 'neumap_ros.mapping.tracks', 'neumap_ros.localization.gate'} <= names
    assert {name for name in names if ROS_MODULE.match(name)} == {'rclpy.node', 'sensor_msgs.msg'}
    assert 'neumap_ros.errors' in imported_names('from .errors import X', 'neumap_ros', is_package=True)


def test_launch_arguments_are_few_and_described():
    """Launch files cannot run without ROS 2, but their arguments can be read."""
    files = sorted((ROOT / 'launch').glob('*.launch.py'))
    assert files
    for file in files:
        calls = [
            node
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'DeclareLaunchArgument'
        ]
        assert 0 < len(calls) <= 12, file.name
        for call in calls:
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            assert len(ast.literal_eval(words['description'])) > 10, (file.name, ast.literal_eval(call.args[0]))
