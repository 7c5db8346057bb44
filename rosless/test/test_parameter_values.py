# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Values of parameters, their types, and files of them."""

import array

import pytest
from rcl_interfaces.msg import ParameterValue
from rclpy.parameter import (
    Parameter,
    get_parameter_value,
    parameter_dict_from_yaml_file,
    parameter_value_to_python,
)

Type = Parameter.Type


@pytest.mark.parametrize(
    ('value', 'type_'),
    [
        (None, Type.NOT_SET),
        (True, Type.BOOL),
        (3, Type.INTEGER),
        (3.0, Type.DOUBLE),
        ('3', Type.STRING),
        ([b'a', b'b'], Type.BYTE_ARRAY),
        ([True, False], Type.BOOL_ARRAY),
        ([1, 2], Type.INTEGER_ARRAY),
        ((1.0, 2.0), Type.DOUBLE_ARRAY),
        (['a', 'b'], Type.STRING_ARRAY),
        (array.array('q', [1, 2]), Type.INTEGER_ARRAY),
        (array.array('d', [1, 2]), Type.DOUBLE_ARRAY),
    ],
)
def test_a_value_has_a_type_and_a_message(value, type_):
    parameter = Parameter('name', value=value)
    assert parameter.type_ is type_
    message = parameter.to_parameter_msg()
    assert message.name == 'name'
    assert message.value.type == type_.value
    back = Parameter.from_parameter_msg(message)
    assert back.type_ is type_
    python = parameter_value_to_python(message.value)
    assert python == (list(value) if isinstance(value, tuple | array.array) else value)


@pytest.mark.parametrize('value', [{'a': 1}, object(), [1, 'a'], [1, 2.0], [None], b'bytes', 1j])
def test_values_that_no_parameter_can_have(value):
    with pytest.raises(TypeError):
        Parameter('name', value=value)


@pytest.mark.parametrize(
    ('type_', 'value'),
    [(Type.INTEGER, 1.0), (Type.DOUBLE, 1), (Type.STRING, None), (Type.NOT_SET, 1), (Type.BYTE_ARRAY, [b'ab'])],
)
def test_type_and_value_must_agree(type_, value):
    with pytest.raises(ValueError, match='do not agree'):
        Parameter('name', type_, value)
    with pytest.raises(TypeError, match=r'Parameter\.Type'):
        Parameter('name', 2, value)


def test_an_unknown_type_in_a_message():
    with pytest.raises(RuntimeError, match='77'):
        parameter_value_to_python(ParameterValue(type=77))


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('yes', True),
        ('5', 5),
        ('5.5', 5.5),
        ('text', 'text'),
        ('[1, 2]', [1, 2]),
        ('[a, b]', ['a', 'b']),
        ('[]', []),
        ('null', 'null'),
        ('{a: 1}', '{a: 1}'),
        ('[1, a]', '[1, a]'),
        ('[1', '[1'),
    ],
)
def test_a_typed_value_is_guessed(text, value):
    assert parameter_value_to_python(get_parameter_value(text)) == value


def test_parameters_of_a_file(tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text("/**:\n  ros__parameters: {a: 1, b: x}\n/n:\n  ros__parameters: {b: {c: [1.5]}, d: '7'}\n")
    chosen = parameter_dict_from_yaml_file(path, use_wildcard=True, target_nodes=['/n'], namespace='p.')
    values = {name: parameter_value_to_python(message.value) for name, message in chosen.items()}
    assert values == {'p.a': 1, 'p.b.c': [1.5], 'p.d': '7'}
    assert list(parameter_dict_from_yaml_file(str(path))) == ['b.c', 'd']
    with pytest.raises(RuntimeError, match='/m'):
        parameter_dict_from_yaml_file(path, target_nodes=['/m'])
    path.write_text('/n: {a: 1}')
    with pytest.raises(RuntimeError, match='not a valid ROS parameter file'):
        parameter_dict_from_yaml_file(path)
    path.write_text('text')
    with pytest.raises(RuntimeError, match='names of nodes'):
        parameter_dict_from_yaml_file(path)
