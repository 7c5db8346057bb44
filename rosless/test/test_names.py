# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from rclpy.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidParameterException,
    InvalidServiceNameException,
    InvalidTopicNameException,
)
from rclpy.expand_topic_name import expand_topic_name
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.validate_parameter_name import validate_parameter_name
from rclpy.validate_topic_name import validate_topic_name


@pytest.mark.parametrize('name', ['chatter', '/a/b', '~/private', '~', '{node}/x', 'a_1/b2', '_hidden', 'a__b'])
def test_good_topic_names(name):
    assert validate_topic_name(name) is True


@pytest.mark.parametrize(
    ('name', 'index', 'words'),
    [
        ('', 0, 'empty'),
        ('7up', 0, 'start with a number'),
        ('a/7up', 2, 'start with a number'),
        ('a/', 1, 'end with a forward slash'),
        ('a-b', 1, 'alphanumerics'),
        ('naïve', 2, 'alphanumerics'),
        ('a/~', 2, 'unless it is the first character'),
        ('~a', 1, 'followed by a forward slash'),
        ('{a', 0, 'unbalanced'),
        ('a}', 1, 'unbalanced'),
        ('{{a}}', 1, 'substitution name must not contain'),
        ('{a/b}', 2, 'substitution name must not contain'),
        ('{1a}', 1, 'substitution name must not start'),
    ],
)
def test_bad_topic_names_are_pointed_at(name, index, words):
    with pytest.raises(InvalidTopicNameException, match=words) as error:
        validate_topic_name(name)
    # The caret stands below the wrong character of the name, which is quoted in the line above.
    quoted, caret = str(error.value).splitlines()[-2:]
    assert quoted == f"  '{name}'"
    assert caret.index('^') == 3 + index


def test_a_bad_service_name_is_told_as_such():
    with pytest.raises(InvalidServiceNameException):
        validate_topic_name('a b', is_service=True)
    with pytest.raises(InvalidServiceNameException):
        validate_full_topic_name('relative', is_service=True)


@pytest.mark.parametrize('name', ['', 'relative', '/', '/a/', '/a//b', '/a/1', '/~', '/{a}', '/' + 'x' * 247])
def test_bad_full_names(name):
    with pytest.raises(InvalidTopicNameException):
        validate_full_topic_name(name)


def test_the_longest_full_name():
    assert validate_full_topic_name('/' + 'x' * 246) is True


def test_namespaces():
    assert validate_namespace('/') is True
    assert validate_namespace('/robot/arm') is True
    for name in ('', 'robot', '/robot/', '//robot', '/7', '/a-b'):
        with pytest.raises(InvalidNamespaceException):
            validate_namespace(name)


def test_node_names():
    assert validate_node_name('a_1') is True
    for name in ('', '1a', 'a/b', 'a.b', 'a b', 'x' * 256):
        with pytest.raises(InvalidNodeNameException):
            validate_node_name(name)


def test_parameter_names():
    assert validate_parameter_name('a.b') is True
    with pytest.raises(InvalidParameterException):
        validate_parameter_name('')


@pytest.mark.parametrize(
    ('name', 'namespace', 'expected'),
    [
        ('chatter', '/', '/chatter'),
        ('chatter', '/ns', '/ns/chatter'),
        ('/chatter', '/ns', '/chatter'),
        ('~/chatter', '/', '/me/chatter'),
        ('~/chatter', '/ns/sub', '/ns/sub/me/chatter'),
        ('~', '/ns', '/ns/me'),
        ('a/{node}/b', '/ns', '/ns/a/me/b'),
        ('{ns}/b', '/ns', '/ns/b'),
        ('/x{namespace}/b', '/ns', '/x/ns/b'),
    ],
)
def test_expansion(name, namespace, expected):
    assert expand_topic_name(name, 'me', namespace) == expected


@pytest.mark.parametrize(
    ('name', 'node', 'namespace'), [('a b', 'me', '/'), ('a', 'm e', '/'), ('a', 'me', 'ns'), ('{what}', 'me', '/')]
)
def test_expansion_of_what_is_invalid(name, node, namespace):
    with pytest.raises(ValueError, match='topic name'):
        expand_topic_name(name, node, namespace)
