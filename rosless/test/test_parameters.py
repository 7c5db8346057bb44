# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node, without the node."""

import pytest
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterType,
    SetParametersResult,
)
from rclpy._parameters import NodeParameters
from rclpy.clock import ROSClock
from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.parameter import (
    Parameter,
)

Type = Parameter.Type


class Owner(NodeParameters):
    def __init__(self, overrides=None, **options):
        self.events = []
        given = {name: Parameter(name, value=value) for name, value in (overrides or {}).items()}
        self._init_parameters('/ns/owner', ROSClock(), self.events.append, given, **options)

    def try_set(self, name, value):
        return self.set_parameters([Parameter(name, value=value)])[0]


# Declaration


def test_declared_values_come_from_the_override_or_the_default():
    owner = Owner({'a': 7, 'late': 1})
    assert owner.declare_parameter('a', 1).value == 7
    assert owner.declare_parameter('b', 1).value == 1
    assert owner.get_parameter('a').value == 7
    assert not owner.has_parameter('late')
    owner = Owner({'a': 7})
    assert owner.declare_parameter('a', 1, ignore_override=True).value == 1


def test_several_declarations():
    owner = Owner({'ns.a': 5})
    declared = owner.declare_parameters('ns', [('a', 1), ('b', 'x', ParameterDescriptor(description='what'))])
    assert [(parameter.name, parameter.value) for parameter in declared] == [('ns.a', 5), ('ns.b', 'x')]
    assert owner.describe_parameter('ns.b').description == 'what'
    assert owner.describe_parameter('ns.b').name == 'ns.b'
    assert owner.describe_parameters(['ns.a'])[0].type == ParameterType.PARAMETER_INTEGER
    prefixed = owner.get_parameters_by_prefix('ns')
    assert {name: parameter.value for name, parameter in prefixed.items()} == {'a': 5, 'b': 'x'}
    assert list(owner.get_parameters_by_prefix('')) == ['ns.a', 'ns.b']


def test_one_descriptor_for_two_parameters():
    owner = Owner()
    descriptor = ParameterDescriptor(description='shared')
    owner.declare_parameters('', [('a', 1, descriptor), ('b', 1.0, descriptor)])
    assert owner.try_set('a', 2).successful
    assert owner.describe_parameter('a').name == 'a'


def test_a_type_without_a_value():
    owner = Owner({'given': 3})
    owner.declare_parameter('a', Type.INTEGER)
    assert owner.has_parameter('a')
    with pytest.raises(ParameterUninitializedException, match='not initialized'):
        owner.get_parameter('a')
    assert owner.get_parameter_or('a', Parameter('a', value=5)).value == 5
    assert owner.get_parameter_or('a').type_ is Type.NOT_SET
    assert not owner.try_set('a', 'text').successful
    assert owner.try_set('a', 4).successful
    assert owner.get_parameter('a').value == 4
    assert owner.get_parameter_or('a').value == 4
    owner.declare_parameter('given', Type.INTEGER)
    assert owner.get_parameter('given').value == 3


def test_dynamic_typing():
    owner = Owner()
    dynamic = ParameterDescriptor(dynamic_typing=True)
    assert owner.declare_parameter('a', None, dynamic).type_ is Type.NOT_SET
    assert owner.get_parameter('a').value is None
    assert owner.try_set('a', 'text').successful
    assert owner.describe_parameter('a').type == ParameterType.PARAMETER_STRING
    assert owner.try_set('a', 3).successful
    assert owner.get_parameter_types(['a']) == [Type.INTEGER]
    # Setting it to nothing removes it.
    assert owner.set_parameters([Parameter('a')])[0].successful
    assert not owner.has_parameter('a')


def test_a_name_alone_is_deprecated():
    owner = Owner()
    with pytest.warns(UserWarning, match="'a'") as record:
        owner.declare_parameter('a')
    assert record[0].filename == __file__
    assert owner.describe_parameter('a').dynamic_typing


def test_bad_declarations():
    owner = Owner({'typed': 'text'})
    owner.declare_parameter('twice', 1)
    with pytest.raises(ParameterAlreadyDeclaredException, match='twice'):
        owner.declare_parameter('twice', 1)
    with pytest.raises(InvalidParameterException):
        owner.declare_parameter('', 1)
    with pytest.raises(InvalidParameterTypeException, match=r'STRING.*INTEGER'):
        owner.declare_parameter('typed', 1)
    with pytest.raises(ValueError, match='default value'):
        owner.declare_parameter('a', None, ParameterDescriptor())
    with pytest.raises(ValueError, match='NOT_SET'):
        owner.declare_parameter('a', Type.NOT_SET)
    with pytest.raises(ValueError, match='dynamic_typing'):
        owner.declare_parameter('a', Type.BOOL, ParameterDescriptor(dynamic_typing=True))
    for declarations in ([()], [('a', 1, ParameterDescriptor(), 1)], [(1, 2)], [('a', 1, 'description')]):
        with pytest.raises(TypeError, match='at index 0'):
            owner.declare_parameters('', declarations)
    with pytest.raises(TypeError):
        owner.declare_parameter('a', object())
    out_of_range = ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=5)])
    with pytest.raises(InvalidParameterValueException, match='out of range'):
        owner.declare_parameter('a', 6, out_of_range)
    assert not owner.has_parameter('a')


def test_automatic_declaration():
    owner = Owner({'a': 1, 'b': 'x'}, automatically_declare_parameters_from_overrides=True)
    assert [parameter.value for parameter in owner.get_parameters(['a', 'b'])] == [1, 'x']


def test_undeclaring():
    owner = Owner()
    owner.declare_parameter('a', 1)
    owner.undeclare_parameter('a')
    assert not owner.has_parameter('a')
    with pytest.raises(ParameterNotDeclaredException, match='a'):
        owner.undeclare_parameter('a')
    owner.declare_parameter('fixed', 1, ParameterDescriptor(read_only=True))
    with pytest.raises(ParameterImmutableException, match='fixed'):
        owner.undeclare_parameter('fixed')


# Access


def test_undeclared_parameters():
    owner = Owner()
    for access in (
        lambda: owner.get_parameter('a'),
        lambda: owner.get_parameters(['a']),
        lambda: owner.get_parameter_type('a'),
        lambda: owner.describe_parameter('a'),
        lambda: owner.set_parameters([Parameter('a', value=1)]),
        lambda: owner.set_descriptor('a', ParameterDescriptor()),
    ):
        with pytest.raises(ParameterNotDeclaredException, match='a'):
            access()
    assert owner.get_parameter_or('a').type_ is Type.NOT_SET
    with pytest.raises(TypeError):
        owner.get_parameters([1])
    with pytest.raises(TypeError):
        owner.set_parameters_atomically([('a', 1)])


def test_undeclared_parameters_where_they_are_allowed():
    owner = Owner(allow_undeclared_parameters=True)
    assert owner.get_parameter('a').type_ is Type.NOT_SET
    assert owner.get_parameter_type('a') is Type.NOT_SET
    assert owner.describe_parameter('a').name == ''
    assert owner.try_set('a', 1).successful
    assert owner.has_parameter('a')
    assert owner.try_set('a', 'now text').successful
    assert owner.describe_parameter('a').dynamic_typing


@pytest.mark.parametrize(
    ('prefixes', 'depth', 'names', 'found_prefixes'),
    [
        ([], 0, ['top', 'a.b', 'a.b.c', 'a.d.e'], ['a', 'a.b', 'a.d']),
        ([], 1, ['top'], []),
        ([], 2, ['top', 'a.b'], ['a']),
        (['a'], 0, ['a.b', 'a.b.c', 'a.d.e'], ['a', 'a.b', 'a.d']),
        (['a'], 1, ['a.b'], ['a']),
        (['a.b'], 1, ['a.b', 'a.b.c'], ['a', 'a.b']),
        (['top', 'a.d'], 0, ['top', 'a.d.e'], ['a.d']),
        (['to'], 0, [], []),
    ],
)
def test_lists(prefixes, depth, names, found_prefixes):
    owner = Owner()
    owner.declare_parameters('', [('top', 1), ('a.b', 1), ('a.b.c', 1), ('a.d.e', 1)])
    result = owner.list_parameters(prefixes, depth)
    assert (result.names, result.prefixes) == (names, found_prefixes)


def test_bad_lists():
    owner = Owner()
    for prefixes, depth in (('a', 0), ([1], 0), ([], 'deep')):
        with pytest.raises(TypeError):
            owner.list_parameters(prefixes, depth)
    with pytest.raises(ValueError, match='-1'):
        owner.list_parameters([], -1)


# Setting


def test_wrong_type():
    owner = Owner()
    owner.declare_parameter('a', 1)
    result = owner.try_set('a', 1.0)
    assert not result.successful
    assert 'Wrong parameter type' in result.reason
    assert not owner.set_parameters([Parameter('a')])[0].successful
    assert owner.get_parameter('a').value == 1


def test_read_only():
    owner = Owner({'a': 3})
    assert owner.declare_parameter('a', 1, ParameterDescriptor(read_only=True)).value == 3
    result = owner.try_set('a', 4)
    assert (result.successful, 'read-only' in result.reason) == (False, True)


@pytest.mark.parametrize(
    ('value', 'fits'), [(-10, True), (10, True), (-7, True), (-6, False), (11, False), (-11, False), (9, False)]
)
def test_integer_ranges(value, fits):
    owner = Owner()
    steps = ParameterDescriptor(integer_range=[IntegerRange(from_value=-10, to_value=10, step=3)])
    owner.declare_parameter('a', -10, steps)
    result = owner.try_set('a', value)
    assert result.successful is fits, result.reason
    assert owner.get_parameter('a').value == (value if fits else -10)


@pytest.mark.parametrize(
    ('value', 'fits'),
    [(0.0, True), (1.0, True), (0.3, True), (0.1 + 0.2, True), (0.35, False), (1.001, False), (-0.001, False)],
)
def test_floating_point_ranges(value, fits):
    owner = Owner()
    steps = ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=1.0, to_value=0.0, step=0.1)])
    owner.declare_parameter('a', 0.0, steps)
    result = owner.try_set('a', value)
    assert result.successful is fits, result.reason


def test_a_range_without_steps():
    owner = Owner()
    owner.declare_parameter(
        'a', 0.5, ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=0.0, to_value=1.0)])
    )
    assert owner.try_set('a', 0.123).successful
    assert not owner.try_set('a', float('nan')).successful


def test_all_or_nothing():
    owner = Owner()
    owner.declare_parameters('', [('a', 1), ('b', 1)])
    both = [Parameter('a', value=2), Parameter('b', value='text')]
    assert not owner.set_parameters_atomically(both).successful
    assert owner.get_parameter('a').value == 1
    assert [result.successful for result in owner.set_parameters(both)] == [True, False]
    assert owner.get_parameter('a').value == 2


def test_on_set_callbacks():
    owner = Owner()
    seen = []

    def accept(parameters):
        seen.append([parameter.value for parameter in parameters])
        return SetParametersResult(successful=True)

    def reject_negative(parameters):
        return SetParametersResult(successful=all(one.value >= 0 for one in parameters), reason='negative')

    owner.add_on_set_parameters_callback(accept)
    owner.add_on_set_parameters_callback(reject_negative)
    owner.declare_parameter('a', 1)
    result = owner.try_set('a', -1)
    assert (result.successful, result.reason) == (False, 'negative')
    with pytest.raises(InvalidParameterValueException, match='negative'):
        owner.declare_parameter('b', -1)
    # The callback that was added last is asked first, so a rejected value does not reach the other.
    assert seen == [[1]]
    owner.remove_on_set_parameters_callback(reject_negative)
    assert owner.try_set('a', -1).successful
    with pytest.raises(ValueError, match='not in list'):
        owner.remove_on_set_parameters_callback(reject_negative)


def test_pre_and_post_set_callbacks():
    owner = Owner()
    owner.declare_parameters('', [('a', 1), ('half', 0.5)])
    done = []

    def add_half(parameters):
        return [*parameters, Parameter('half', value=parameters[0].value / 2)]

    owner.add_pre_set_parameters_callback(add_half)
    owner.add_post_set_parameters_callback(lambda parameters: done.extend(one.name for one in parameters))
    assert owner.try_set('a', 5).successful
    assert owner.get_parameter('half').value == 2.5
    assert done == ['a', 'half']
    assert not owner.try_set('a', 'text' * 0 or True).successful
    assert done == ['a', 'half']
    owner.remove_pre_set_parameters_callback(add_half)
    owner.add_pre_set_parameters_callback(lambda parameters: [])
    result = owner.try_set('a', 7)
    assert (result.successful, 'cannot be empty' in result.reason) == (False, True)


def test_a_callback_that_raises_changes_nothing():
    owner = Owner()
    owner.declare_parameter('a', 1)
    owner.add_on_set_parameters_callback(lambda parameters: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        owner.try_set('a', 2)
    assert owner.get_parameter('a').value == 1


def test_events():
    owner = Owner()
    owner.declare_parameter('a', 1)
    owner.declare_parameter('gone', 1, ParameterDescriptor(dynamic_typing=True))
    owner.events.clear()
    owner.set_parameters_atomically([Parameter('a', value=2), Parameter('gone')])
    owner.try_set('a', 'rejected')
    (event,) = owner.events
    assert event.node == '/ns/owner'
    assert event.stamp.sec > 0
    assert [(one.name, one.value.integer_value) for one in event.changed_parameters] == [('a', 2)]
    assert [one.name for one in event.deleted_parameters] == ['gone']
    assert event.new_parameters == []
    owner.declare_parameter('new', 1)
    assert [one.name for one in owner.events[-1].new_parameters] == ['new']


def test_a_new_descriptor():
    owner = Owner()
    owner.declare_parameter('a', 10)
    limited = ParameterDescriptor(
        type=ParameterType.PARAMETER_INTEGER, integer_range=[IntegerRange(from_value=0, to_value=5)]
    )
    with pytest.raises(InvalidParameterValueException, match='out of range'):
        owner.set_descriptor('a', limited)
    assert owner.describe_parameter('a').integer_range == []
    value = owner.set_descriptor('a', limited, Parameter('', value=4).get_parameter_value())
    assert value.integer_value == owner.get_parameter('a').value == 4
    assert not owner.try_set('a', 6).successful
    owner.declare_parameter('fixed', 1, ParameterDescriptor(read_only=True))
    with pytest.raises(ParameterImmutableException):
        owner.set_descriptor('fixed', ParameterDescriptor())
