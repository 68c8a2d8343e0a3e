"""ATen activations, normalisation layers and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    Number,
    recorder,
)
from kernelwright.graph.core import Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)

_PLAIN = {
    "silu": "silu",
    "mish": "mish",
    "hardsigmoid": "hardsigmoid",
    "hardswish": "hardswish",
    "selu": "selu",
    "log_sigmoid": "logsigmoid",
}


def _plain(op: str) -> Converter:
    return lambda c, x: c.make(op, x)


for _name, _op in _PLAIN.items():
    aten(_name)(_plain(_op))


@aten("gelu")
def gelu(c: Context, x: Node, approximate: str = "none") -> Node:
    return c.make("gelu", x, approximate=approximate)


@aten("softplus")
def softplus(c: Context, x: Node, beta: Number = 1, threshold: Number = 20) -> Node:
    return c.make("softplus", x, beta=float(beta), threshold=float(threshold))


@aten("elu")
def elu(c: Context, x: Node, alpha: Number = 1, scale: Number = 1, input_scale: Number = 1) -> Node:
    return c.make("elu", x, alpha=float(alpha), scale=float(scale), input_scale=float(input_scale))


@aten("celu")
def celu(c: Context, x: Node, alpha: Number = 1) -> Node:
    return c.make("celu", x, alpha=float(alpha))


@aten("leaky_relu")
def leaky_relu(c: Context, x: Node, negative_slope: Number = 0.01) -> Node:
    return c.make("leaky_relu", x, slope=float(negative_slope))


@aten("rrelu")
def rrelu(
    c: Context, x: Node, lower: Number = 1 / 8, upper: Number = 1 / 3, training: bool = False,
    generator: object = None,
) -> Node:  # fmt: skip
    """In evaluation the slope is the mean of what it is drawn from."""
    if training:
        raise NotConvertible("random")
    return leaky_relu(c, x, (lower + upper) / 2)


@aten("rrelu_with_noise", "rrelu_with_noise_functional")
def rrelu_with_noise(
    c: Context, x: Node, noise: Node, lower: Number = 1 / 8, upper: Number = 1 / 3,
    training: bool = False, generator: object = None,
) -> Node | tuple[Node, None]:  # fmt: skip
    value = rrelu(c, x, lower, upper, training)
    return value if len(c.outs) == 1 else (value, None)


@aten("hardtanh")
def hardtanh(c: Context, x: Node, min_val: Number = -1, max_val: Number = 1) -> Node:
    if is_float(x.dtype):
        return c.make("hardtanh", x, min=float(min_val), max=float(max_val))
    return c.elementwise("minimum", c.elementwise("maximum", x, min_val), max_val)


@aten("hardshrink")
def hardshrink(c: Context, x: Node, lambd: Number = 0.5) -> Node:
    return c.make("hardshrink", x, lambd=float(lambd))


@aten("softshrink")
def softshrink(c: Context, x: Node, lambd: Number = 0.5) -> Node:
    return c.make("softshrink", x, lambd=float(lambd))


@aten("threshold")
def threshold(c: Context, x: Node, threshold: Number, value: Number) -> Node:
    if not is_float(x.dtype):
        kept = c.make("gt", x, c.cast(threshold, x.dtype))
        return c.make("where", kept, x, c.cast(value, x.dtype))
    return c.make("threshold", x, threshold=float(threshold), value=float(value))


@aten("prelu", "_prelu_kernel")
def prelu(c: Context, x: Node, weight: Node) -> Node:
    """One slope, or one a channel (axis 1)."""
    if weight.type.size > 1 and len(weight.shape) == 1:
        weight = c.reshape(weight, (weight.type.size, *(1 for _ in x.shape[2:])))
    else:
        weight = c.reshape(weight, ()) if weight.type.size == 1 else weight
    zero = c.cast(0, x.dtype)
    return c.make("where", c.make("gt", x, zero), x, c.make("mul", x, weight))


@aten("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def dropout(c: Context, x: Node, p: float, train: bool) -> Node:
    """Only what is no dropout gets here: random ops are refused before."""
    if train and p:
        raise NotConvertible("random")
    return x


@aten("native_dropout")
def native_dropout(c: Context, x: Node, p: float, train: bool | None) -> tuple[Node, None]:
    return dropout(c, x, p, bool(train)), None


def _affine(c: Context, dtype: str, shape: Sequence[int], weight: Any, bias: Any) -> list[Node]:
    """Weight and bias as trailing inputs of a norm op; a bias alone gets a weight of ones."""
    if weight is None and bias is not None:
        weight = c.expand(c.builder.constant(1, dtype), shape)
    return [c.cast(v, dtype) for v in (weight, bias) if v is not None]


@aten("layer_norm")
def layer_norm(
    c: Context,
    x: Node,
    normalized_shape: Sequence[int],
    weight: Node | None = None,
    bias: Node | None = None,
    eps: float = 1e-5,
) -> Node:
    rank = len(x.shape)
    axes = tuple(range(rank - len(normalized_shape), rank))
    return c.make(
        "layer_norm", x, *_affine(c, x.dtype, normalized_shape, weight, bias), axes=axes, eps=eps
    )


@aten("native_layer_norm")
def native_layer_norm(
    c: Context, x: Node, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Any, ...]:
    return layer_norm(c, x, normalized_shape, weight, bias, eps), None, None


@aten("rms_norm", "_fused_rms_norm")
def rms_norm(
    c: Context,
    x: Node,
    normalized_shape: Sequence[int],
    weight: Node | None = None,
    eps: float | None = None,
) -> Any:
    rank = len(x.shape)
    axes = tuple(range(rank - len(normalized_shape), rank))
    if eps is None:
        # torch's default is the machine epsilon of the dtype that it computes in.
        eps = 2.0**-52 if x.dtype == "float64" else 2.0**-23
    value = c.make("rms_norm", x, *_affine(c, x.dtype, (), weight, None), axes=axes, eps=eps)
    return value if len(c.outs) == 1 else (value, None)


@aten("group_norm")
def group_norm(
    c: Context,
    x: Node,
    num_groups: int,
    weight: Node | None = None,
    bias: Node | None = None,
    eps: float = 1e-5,
) -> Node:
    vectors = _affine(c, x.dtype, x.shape[1:2], weight, bias)
    return c.make("group_norm", x, *vectors, groups=num_groups, eps=eps)


@aten("native_group_norm")
def native_group_norm(
    c: Context, x: Node, weight: Any, bias: Any, group: int, eps: float, **_: Any
) -> tuple[Any, ...]:
    return group_norm(c, x, group, weight, bias, eps), None, None


@aten("instance_norm")
def instance_norm(
    c: Context,
    x: Node,
    weight: Node | None,
    bias: Node | None,
    running_mean: Node | None,
    running_var: Node | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    **_: Any,
) -> Node:
    vectors = _affine(c, x.dtype, x.shape[1:2], weight, bias)
    if use_input_stats:
        return c.make("instance_norm", x, *vectors, eps=eps)
    if running_mean is None or running_var is None:
        raise NotConvertible("no statistics")
    statistics = [c.cast(v, x.dtype) for v in (running_mean, running_var)]
    return c.make("batch_norm", x, *statistics, *vectors, eps=eps)


def _normalised(
    c: Context, x: Node, weight: Any, bias: Any, mean: Any, var: Any, training: bool, eps: float
) -> Node:
    vectors = _affine(c, x.dtype, x.shape[1:2], weight, bias)
    if training or mean is None:
        axes = tuple(a for a in range(len(x.shape)) if a != 1)
        mean = c.make("mean", x, axes=axes, keepdims=False)
        var = c.make("var", x, axes=axes, correction=0.0, keepdims=False)
    return c.make("batch_norm", x, c.cast(mean, x.dtype), c.cast(var, x.dtype), *vectors, eps=eps)


@aten("batch_norm")
def batch_norm(
    c: Context,
    x: Node,
    weight: Node | None,
    bias: Node | None,
    running_mean: Node | None,
    running_var: Node | None,
    training: bool,
    momentum: float,
    eps: float,
    **_: Any,
) -> Node:
    return _normalised(c, x, weight, bias, running_mean, running_var, training, eps)


@aten("_native_batch_norm_legit_no_training")
def frozen_batch_norm(
    c: Context,
    x: Node,
    weight: Any,
    bias: Any,
    running_mean: Node,
    running_var: Node,
    momentum: float,
    eps: float,
) -> tuple[Any, ...]:
    value = _normalised(c, x, weight, bias, running_mean, running_var, False, eps)
    return value, None, None


@aten("_native_batch_norm_legit_functional", "native_batch_norm", "_native_batch_norm_legit")
def functional_batch_norm(
    c: Context,
    x: Node,
    weight: Any,
    bias: Any,
    training: bool,
    momentum: float,
    eps: float,
    running_mean: Any = None,
    running_var: Any = None,
) -> tuple[Any, ...]:
    """The new running statistics are the Model's state after the call, which no output shows."""
    value = _normalised(c, x, weight, bias, running_mean, running_var, training, eps)
    return (value, *(None for _ in c.outs[1:]))
