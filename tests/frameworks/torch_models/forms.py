# ruff: noqa: E501 (rows of a table)
"""The Python around the tensors: arguments, results, state, control flow, writing in place."""

from __future__ import annotations

from ._source import model, written

X = "torch.randn(4, 12)"
_ROWS = {
    "init_arguments": ("x", "self.l(x) * self.scale", X, "self.l = nn.Linear(inputs, outputs)\nself.scale = scale", {"takes": "inputs, outputs, scale=1.0", "given": "12, 5, 0.5"}),
    "number_inputs": ("x, dim, scale", "x.sum(dim) * scale", f"{X}, 1, 0.5"),
    "bool_input": ("x, flag", "x * 2 if flag else x", f"{X}, True"),
    "none_input": ("x, mask", "x if mask is None else x * mask", f"{X}, None"),
    "default_argument": ("x, y=None, scale=3.0", "x * scale if y is None else x + y", X),
    "keyword_only": ("x, *, scale=2.0", "x * scale", X),
    "variadic": ("*xs", "sum(xs) + torch.stack(xs).amax(0)", f"{X}, {X}, {X}"),
    "tuple_output": ("x", "x + 1, x.sum()", X),
    "one_tuple": ("x", "(x + 1,)", X),
    "list_output": ("x", "[x + 1, x * 2]", X),
    "dict_output": ("x", "{'loss': x.mean(), 'logits': x.softmax(1)}", X),
    "nested_output": ("x", "x + 1, (x.sum(), [x * 2, x.mean(0)])", X),
    "dict_of_tuples": ("x", "{'a': (x + 1, x - 1), 'b': {'c': x.sum(0)}}", X),
    "none_in_output": ("x", "x * 2, None", X),
    "number_in_output": ("x", "x * 2, 3, x.shape[1]", X),
    "named_tuple_output": ("x", "torch.max(x, 1)", X),
    "returns_input": ("x", "x", X),
    "returns_input_and_view": ("x", "x, x.t(), x[1]", X),
    "returns_constant": ("x", "torch.ones(3, 4) * 2", X),
    "returns_parameter": ("x", "self.w, x + self.w", X, "self.w = nn.Parameter(torch.randn(12))"),
    "same_output_twice": ("x", "y = x * 2\n(y, y)", X),
    "shape_control_flow": ("x", "if x.shape[0] > 3:\n    x = x[:3]\nfor i in range(x.dim()):\n    x = x * (i + 1)\nx", X),
    "isinstance_flow": ("x", "if isinstance(x, torch.Tensor) and x.dtype == torch.float32 and x.is_contiguous():\n    x = x + 1\nassert x.ndim == 2\nx", X),
    "shape_arithmetic": ("x", "b, n = x.shape\nx.view(b, n // 3, 3).mean(-1) * math.sqrt(n) / max(1, b)", X),
    "add_in_place_temp": ("x", "y = x * 2\ny.add_(1).mul_(3)\ny -= x\ny", X),
    "slice_assignment": ("x", "y = torch.zeros_like(x)\ny[:, ::2] = x[:, ::2]\ny[1] += 1\ny[:, 1:3] = 7\ny", X),
    "out_argument": ("x", "y = torch.empty_like(x)\ntorch.add(x, 1, out=y)\ny", X),
    "fill_loop": ("x", "y = torch.zeros(4)\nfor i in range(4):\n    y[i] = x[i].sum()\ny", X),
    "copy_into": ("x", "y = torch.empty(2, 4, 12)\ny[0].copy_(x)\ny[1] = x * 2\ny", X),
    "in_place_input": ("x", "x.add_(1)\nx * 2", X),
    "in_place_input_returned": ("x", "x.mul_(2)\nx", X),
    "in_place_input_slice": ("x, v", "x[:, 0] = v\nx.sum(1)", f"{X}, torch.randn(4)"),
    "in_place_relu_input": ("x", "self.a(x) + 1", X, "self.a = nn.ReLU(inplace=True)"),
    "cache_update": ("c, k", "c[:, 2:4] = k\nc.sum((1, 2))", "torch.zeros(2, 6, 4), torch.randn(2, 2, 4)"),
    "buffers": ("x", "x * self.a + self.b + self.c", X, "self.register_buffer('a', torch.randn(12))\nself.register_buffer('b', torch.randn(12), persistent=False)\nself.c = torch.arange(12.0)"),
    "none_buffer": ("x", "x if self.n is None else x + self.n", X, "self.register_buffer('n', None)\nself.register_parameter('p', None)"),
    "batch_norm_stats": ("x", "self.n(x).relu()", X, "self.n = nn.BatchNorm1d(12)"),
    "counter_buffer": ("x", "self.n += 1\nx * 2", X, "self.register_buffer('n', torch.zeros(1))"),
    "moving_average": ("x", "self.m.mul_(0.9).add_(x.mean(0), alpha=0.1)\nx - self.m", X, "self.register_buffer('m', torch.zeros(12))"),
    "parameter_list": ("x", "for p in self.p:\n    x = x * p\nx + self.d['b']", X, "self.p = nn.ParameterList([nn.Parameter(torch.randn(12)) for _ in range(3)])\nself.d = nn.ParameterDict({'b': nn.Parameter(torch.randn(12))})"),
    "module_dict": ("x", "self.m['b'](F.relu(self.m['a'](x)))", X, "self.m = nn.ModuleDict({'a': nn.Linear(12, 6), 'b': nn.Linear(6, 2)})"),
    "tied": ("x", "F.linear(F.relu(self.a(x)), self.b.weight)", X, "self.a = nn.Linear(12, 12, bias=False)\nself.b = nn.Linear(12, 12, bias=False)\nself.b.weight = self.a.weight"),
    "functional_call": ("x", "torch.func.functional_call(self.l, {'weight': self.w, 'bias': self.b}, (x,))", X, "self.l = nn.Linear(12, 5)\nself.w = nn.Parameter(torch.randn(5, 12))\nself.b = nn.Parameter(torch.randn(5))"),
    "lambda_layer": ("x", "self.f(self.l(x))", X, "self.l = nn.Linear(12, 5)\nself.f = lambda t: t * torch.sigmoid(t)"),
    "hooks": ("x", "self.l(x)", X, "self.l = nn.Linear(12, 5)\nself.l.register_forward_hook(lambda m, i, o: o * 2)"),
    "apply_init": ("x", "self.l(x)", X, "self.l = nn.Sequential(nn.Linear(12, 5), nn.ReLU())\nself.apply(lambda m: nn.init.ones_(m.weight) if isinstance(m, nn.Linear) else None)"),
    "requires_grad_false": ("x", "self.l(x).detach() + x.mean().detach()", X, "self.l = nn.Linear(12, 5).requires_grad_(False)"),
    "no_grad_autocast": ("x", "with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):\n    y = self.l(x)\ny.float() * 2", X, "self.l = nn.Linear(12, 5)"),
    "inference_mode": ("x", "with torch.inference_mode():\n    y = x * 2\ny + 1", X),
    "enable_grad": ("x", "with torch.enable_grad():\n    y = x * x\ny", X),
    "checkpoint": ("x", "checkpoint(self.l, x, use_reentrant=False)", X, "self.l = nn.Linear(12, 5)"),
    "to_device": ("x", "x.to(x.device).cpu().to(torch.device('cpu')) + torch.ones(12, device=x.device)", X),
    "type_as": ("x, i", "x * i.type_as(x) + i.to(x)", f"{X}, torch.randint(0, 5, (4, 12))"),
    "numpy_constant": ("x", "x * torch.from_numpy(np.arange(12.0, dtype=np.float32)) + float(np.pi)", X),
    "math_functions": ("x", "x * math.exp(-0.5) + math.log(x.shape[1])", X),
    "list_comprehension": ("x", "torch.stack([x[:, i] * i for i in range(5)], 1)", X),
    "any_all_builtin": ("x", "x * float(all(n > 1 for n in x.shape))", X),
    "tensor_iteration": ("x", "sum(row.sum() for row in x)", X),
    "len_of": ("x", "x / len(x) + x.numel() + x.size(0)", X),
    "torch_tensor": ("x", "x * torch.tensor(2.5) + torch.tensor([1.0] * 12) + torch.as_tensor(3)", X),
    "finfo": ("x", "x.masked_fill(x < 0, torch.finfo(x.dtype).min).softmax(-1)", X),
    "item_of_constant": ("x", "x * self.s", X, "self.s = torch.tensor(2.5).item()"),
    "attribute_tensor": ("x", "x @ self.w", X, "self.w = torch.randn(12, 3)"),
    "attribute_written": ("x", "self.last = x * 2\nself.last + 1", X),
    "half_state": ("x", "self.l(x.half()).float()", X, "self.l = nn.Linear(12, 5).half()"),
    "unused_state": ("x", "x * 2", X, "self.l = nn.Linear(12, 5)\nself.register_buffer('b', torch.ones(3))"),
    "empty_tensor": ("x", "torch.cat([x, x.new_empty(0, 12)]) + 1, x[:0]", X),
    "empty_input": ("x", "F.relu(x) * 2, x.sum(0)", "torch.randn(0, 12)"),
    "zero_dim": ("x", "x * 2 + x.exp(), x.reshape(1), x.item if False else x.sum()", "torch.tensor(1.5)"),
    "no_tensor_input": ("n", "torch.arange(5.0) * n", "3"),
    "no_inputs": ("", "self.w * 2", "", "self.w = nn.Parameter(torch.randn(12))"),
    "dropout_eval": ("x", "F.dropout(self.d(x), 0.5, self.training)", X, "self.d = nn.Dropout(0.5)\nself.eval()"),
    "dropout_zero": ("x", "F.dropout(x, p=0.0) + self.d(x)", X, "self.d = nn.Dropout(0.0)"),
    "dead_random": ("x", "noise = torch.randn_like(x)\nx + 1", X),
    "times_zero_random": ("x", "x + 1 if True else torch.rand(3)", X),
    "scripted": ("x", "fused(x) + 1", X),
    "where_index": ("x", "torch.where(x > 0, x, x.new_tensor(0.0)) + torch.where(x < 0)[0].numel() * 0 if False else x", X),
    "unsqueeze_chain": ("x", "x[:, None, :, None].squeeze(1).squeeze(-1).unsqueeze(0)[0]", X),
    "set_of_ops": ("x", "x.add(1).sub(2).mul(3).div(4).neg().abs().pow(2).sqrt().exp().log1p()", X),
    "chained_comparison": ("x", "((x > -1) & (x < 1) | (x == 0)).logical_not().to(x.dtype) * x", X),
    "floor_mod": ("x", "x // 0.3, x % 0.7, torch.div(x, 0.3, rounding_mode='trunc'), x.long() % 3", X),
    "size_as_tensor": ("x", "x / torch.tensor(x.shape[1], dtype=x.dtype).sqrt()", X),
}  # fmt: skip


def _row(arguments: str, body: str, inputs: str, init: str = "pass", more: dict[str, str] | None = None) -> str:  # fmt: skip
    text = model(arguments, body, inputs, init, **(more or {}))
    if "np." in body:
        text = "import numpy as np\n" + text
    if "checkpoint" in body:
        text = "from torch.utils.checkpoint import checkpoint\n" + text
    if "fused(" in body:
        text = text.replace(
            "class Model",
            "@torch.jit.script\ndef fused(x):\n    return x * torch.sigmoid(x)\n\n\nclass Model",
        )
    return text


MODELS = {name: _row(*row) for name, row in _ROWS.items()}
MODELS["numpy_inside"] = model("x", "torch.from_numpy(np.tanh(x.numpy()))", X).replace(
    "import math", "import math\nimport numpy as np"
)
MODELS["autograd_function"] = written(
    """
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x * x * scale

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * x * grad * ctx.scale, None


    class Model(nn.Module):
        def forward(self, x):
            return Square.apply(x, 0.5) + 1
    """,
    X,
)
MODELS["straight_through"] = written(
    """
    class Model(nn.Module):
        def forward(self, x):
            hard = (x > 0).float()
            soft = torch.sigmoid(x)
            return hard + soft - soft.detach()
    """,
    X,
)
MODELS["plain_dataclass_config"] = written(
    """
    from dataclasses import dataclass

    @dataclass
    class Config:
        width: int = 12
        depth: int = 2

    class Block(nn.Module):
        def __init__(self, config):
            super().__init__()
            self.l = nn.Linear(config.width, config.width)

        def forward(self, x):
            return x + F.gelu(self.l(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            config = Config()
            self.blocks = nn.Sequential(*[Block(config) for _ in range(config.depth)])

        def forward(self, x):
            return self.blocks(x)
    """,
    X,
)
MODELS["named_tuple_class"] = written(
    """
    class Out(typing.NamedTuple):
        loss: torch.Tensor
        logits: torch.Tensor

    class Model(nn.Module):
        def forward(self, x):
            return Out(x.mean(), x * 2)
    """,
    X,
)
MODELS["print_and_try"] = written(
    """
    import logging

    class Model(nn.Module):
        def forward(self, x):
            try:
                y = x.view(5, 5)
            except RuntimeError:
                y = x.view(3, 16)
            logging.getLogger("m").debug("shape %s", tuple(y.shape))
            return y * 2
    """,
    X,
)
MODELS["generator_and_closure"] = written(
    """
    def layers(width):
        for size in (width, width // 2, width // 4):
            yield size

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.sizes = list(layers(12))

        def forward(self, x):
            def scaled(value, by):
                nonlocal total
                total = total + value.sum()
                return value * by
            total = 0.0
            for size in self.sizes:
                x = scaled(x[:, :size], 1.0 / size)
            return x, total
    """,
    X,
)

REFUSED = {
    "dropout_train": (model("x", "self.d(x) + 1", X, "self.d = nn.Dropout(0.5)"), "random"),
    "dropout_functional": (model("x", "F.dropout(x, 0.3)", X), "random"),
    "rand_like": (model("x", "x + torch.rand_like(x)", X), "random"),
    "normal": (model("x", "x * torch.normal(0.0, 1.0, size=(12,))", X), "random"),
    "bernoulli": (model("x", "torch.bernoulli(x.sigmoid())", X), "random"),
    "multinomial": (model("x", "torch.multinomial(x.softmax(1), 3)", X), "random"),
    "attention_dropout": (model("q", "F.scaled_dot_product_attention(q, q, q, dropout_p=0.2)", "torch.randn(2, 3, 8)"), "random"),
    "gumbel_softmax": (model("x", "F.gumbel_softmax(x)", X), "random"),
    "nonzero": (model("x", "torch.nonzero(x > 0)", X), "depends"),
    "mask_select": (model("x", "x[x > 0].sum()", X), "depends"),
    "unique": (model("x", "torch.unique(x.round())", X), "depends"),
    "value_branch": (model("x", "x * 2 if x.sum() > 0 else x", X), "values of tensors"),
    "value_loop": (model("x", "while x.abs().max() > 0.5:\n    x = x / 2\nx", X), "values of tensors"),
    "item_size": (model("x, n", "x[: int(n)]", f"{X}, torch.tensor(3)"), "depend"),
    "rrelu_train": (model("x", "F.rrelu(x, training=True)", X), "random"),
    "bincount": (model("i", "torch.bincount(i)", "torch.tensor([0, 1, 1, 5])"), "depends"),
    "local_response": (model("x", "self.n(x)", "torch.randn(2, 6, 4, 4)", "self.n = nn.CrossMapLRN2d(3)"), "functional"),
    "tolist": (model("x", "torch.tensor(x.tolist()) * 2", X), "values of tensors"),
}  # fmt: skip
