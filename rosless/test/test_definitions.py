# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Definitions of one's own: what their text may say, and where it is found."""

import importlib
import sys

import pytest

from rosless import interfaces
from rosless.interfaces.definitions import Container, Field, FieldType
from rosless.interfaces.parser import parse_message, parse_service

TEXT = """
# A comment.
int32 LIMIT = 0x10   # Another one.
string NAME="a 'quoted' name"
string PLAIN=plain text
byte OK=1
bool YES = true
float32 HALF=.5
char letter 65
bool flag true
float64 speed -1.5e3
string text "it's"
string<=5 short
uint8[3] triple [1, 2, 3]
int16[] many [-1, 1]
int16[<=2] some
string[] words ["a, b", 'c']
Inner inner
geometry_msgs/Point[] points
std_msgs/msg/Header header
time stamp
"""


@pytest.fixture
def make_package(tmp_path, monkeypatch):
    """Writes definitions into the folder of a package and makes it importable."""

    def make(name, definitions, *, beside=False, manifest=None):
        root = tmp_path / name if not beside else tmp_path / 'checkout'
        for path, text in definitions.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        if beside:
            (root / name).mkdir()
            (root / name / '__init__.py').write_text('VALUE = 1\n')
        if manifest is not None:
            (root / 'package.xml').write_text(f'<package format="3">\n  <name>{manifest}</name>\n</package>\n')
        monkeypatch.syspath_prepend(str(root if beside else tmp_path))
        return root

    before = set(sys.modules)
    yield make
    for module in set(sys.modules) - before:
        del sys.modules[module]


def test_text():
    definition = parse_message(TEXT, 'a_pkg/msg/Thing', 'Thing.msg')
    assert {constant.name: constant.value for constant in definition.constants} == {
        'LIMIT': 16,
        'NAME': "a 'quoted' name",
        'PLAIN': 'plain text',
        'OK': b'\x01',
        'YES': True,
        'HALF': 0.5,
    }
    sequence, array = Container.SEQUENCE, Container.ARRAY
    assert list(definition.fields) == [
        Field('letter', FieldType('uint8'), 65),
        Field('flag', FieldType('bool'), True),
        Field('speed', FieldType('float64'), -1500.0),
        Field('text', FieldType('string'), "it's"),
        Field('short', FieldType('string', string_size=5)),
        Field('triple', FieldType('uint8', array, 3), [1, 2, 3]),
        Field('many', FieldType('int16', sequence), [-1, 1]),
        Field('some', FieldType('int16', sequence, 2)),
        Field('words', FieldType('string', sequence), ['a, b', 'c']),
        Field('inner', FieldType('a_pkg/msg/Inner')),
        Field('points', FieldType('geometry_msgs/msg/Point', sequence)),
        Field('header', FieldType('std_msgs/msg/Header')),
        Field('stamp', FieldType('builtin_interfaces/msg/Time')),
    ]


def test_service_text():
    request, response = parse_service('int32 a\n---\nint32 b\nint32 C=1\n', 'a_pkg/srv/Do', 'Do.srv')
    assert (request.name, response.name) == ('a_pkg/srv/Do_Request', 'a_pkg/srv/Do_Response')
    assert [field.name for field in (*request.fields, *response.fields)] == ['a', 'b']
    assert [constant.name for constant in response.constants] == ['C']
    with pytest.raises(interfaces.InterfaceError, match='expected one line --- between request and response, got 0'):
        parse_service('int32 a\n', 'a_pkg/srv/Do', 'Do.srv')
    with pytest.raises(interfaces.InterfaceError, match=r'Do\.srv, line 3'):
        parse_service('int32 a\n---\nint32\n', 'a_pkg/srv/Do', 'Do.srv')


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('float64', 'expected a type and a name'),
        ('flot64 x', '"flot64" is neither a message nor one of bool'),
        ('wstring x', 'is neither a message nor'),
        ('float64[ x', 'is no type'),
        ('int8<=5 x', 'only strings have a length'),
        ('int8[0] x', 'must be at least 1'),
        ('int8 X', 'the name of a field is like max_speed, got X'),
        ('int8 x_', 'the name of a field'),
        ('int8 lower=1', 'the name of a constant is like MAX_SPEED'),
        ('int8[] LIST=1', 'a constant is a number'),
        ('int8 x 128', '"128" is no int8'),
        ('int8 x 1.5', '"1.5" is no int8'),
        ('bool x maybe', '"maybe" is no bool'),
        ('float32 x fast', '"fast" is no float32'),
        ('string<=2 x abc', 'longer than 2 characters'),
        ('int8[2] x [1]', 'the default has 1 values, expected 2'),
        ('int8[<=1] x [1, 2]', 'expected at most 1'),
        ('int8[2] x 1', r'the default of an array is like \[1, 2\]'),
        ('std_msgs/Header x 1', 'cannot have a default'),
        ('a/b/c/D x', 'is neither a message nor'),
        ('int8 first', 'the name first is there twice'),
    ],
)
def test_wrong_text(line, message):
    with pytest.raises(interfaces.InterfaceError, match=rf'Thing\.msg, line 2: .*{message}'):
        parse_message(f'int8 first\n{line}\n', 'a_pkg/msg/Thing', 'Thing.msg')


def test_a_folder_of_messages_alone(make_package):
    make_package(
        'plain_msgs',
        {'msg/Thing.msg': TEXT, 'msg/Inner.msg': 'float32 x\n', 'srv/Do.srv': 'Inner given\n---\nbool done true\n'},
        manifest='plain_msgs',
    )
    from plain_msgs.msg import Inner, Thing
    from plain_msgs.srv import Do

    thing = Thing(inner=Inner(x=2.0))
    assert interfaces.deserialize(interfaces.serialize(thing), Thing) == thing
    assert (thing.letter, list(thing.triple), thing.words, Thing.OK) == (65, [1, 2, 3], ['a, b', 'c'], b'\x01')
    assert Thing(short='12345').short == '12345'
    with pytest.raises(AssertionError, match='at most 5 characters'):
        Thing(short='123456')
    with pytest.raises(AssertionError, match='at most 2 values'):
        Thing(some=[1, 2, 3])
    assert Do.Request(given=Inner()).given == Inner()
    assert Do.Response().done is True
    assert sorted(importlib.import_module('plain_msgs.msg').__all__) == ['Inner', 'Thing']
    assert interfaces.type_hash('plain_msgs/srv/Do').startswith('RIHS01_')


def test_messages_beside_a_python_package(make_package):
    """A checkout of a ROS package, as it is before colcon builds it."""
    make_package('both_pkg', {'msg/Thing.msg': 'int8 x 3\n'}, beside=True, manifest='both_pkg')
    import both_pkg
    from both_pkg.msg import Thing

    assert both_pkg.VALUE == 1
    assert Thing().x == 3
    assert interfaces.load('both_pkg/msg/Thing') is Thing


def test_messages_without_importing_the_package(make_package):
    make_package('lazy_pkg', {'msg/Thing.msg': 'int8 x 4\n'}, beside=True, manifest='lazy_pkg')
    assert interfaces.load('lazy_pkg/msg/Thing')().x == 4
    assert 'lazy_pkg' not in sys.modules


def test_a_folder_of_another_package_is_not_taken(make_package):
    make_package('other_pkg', {'msg/Thing.msg': 'int8 x\n'}, beside=True, manifest='not_other_pkg')
    with pytest.raises(ModuleNotFoundError):
        import other_pkg.msg  # noqa: F401


def test_a_module_called_msg_is_left_alone(make_package):
    root = make_package('own_pkg', {'msg/Thing.msg': 'int8 x\n'}, beside=True, manifest='own_pkg')
    (root / 'own_pkg' / 'msg.py').write_text('Thing = "of its own"\n')
    from own_pkg.msg import Thing

    assert Thing == 'of its own'


def test_installed_definitions(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    (tmp_path / 'share' / 'installed_msgs' / 'srv').mkdir(parents=True)
    (tmp_path / 'share' / 'installed_msgs' / 'srv' / 'Do.srv').write_text('---\nint8 x 6\n')
    assert interfaces.load('installed_msgs/srv/Do').Response().x == 6
    with pytest.raises(interfaces.InterfaceError, match='installed_msgs has no msg folder'):
        interfaces.load('installed_msgs/msg/Do')


def test_added_folder(tmp_path):
    with pytest.raises(interfaces.InterfaceError, match=r'expected msg/\*\.msg or srv/\*\.srv'):
        interfaces.add_folder('added_msgs', tmp_path)
    (tmp_path / 'msg').mkdir()
    (tmp_path / 'msg' / 'Thing.msg').write_text('int8 x 5\n')
    interfaces.add_folder('added_msgs', tmp_path)
    assert interfaces.load('added_msgs/msg/Thing')().x == 5


def test_errors_name_file_and_line(make_package):
    root = make_package('wrong_msgs', {'msg/Thing.msg': 'int8 x\nint8 y maybe\n', 'msg/Outer.msg': 'Missing x\n'})
    with pytest.raises(interfaces.InterfaceError, match=rf'{root}/msg/Thing\.msg, line 2: "maybe" is no int8'):
        interfaces.load('wrong_msgs/msg/Thing')
    with pytest.raises(interfaces.InterfaceError, match='no message wrong_msgs/msg/Missing'):
        interfaces.load('wrong_msgs/msg/Outer')
