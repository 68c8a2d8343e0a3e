# ruff: noqa: E501 (rows of a table)
"""Small Models over what people write, for the whole way from source to verdict.

``TORCH`` and ``NUMPY`` map a name to a task file's text. Sizes are odd on purpose.
"""

from __future__ import annotations

import textwrap

X = "torch.randn(7, 33)"
XY = "torch.randn(7, 33), torch.randn(7, 33)"
CUBE = "torch.randn(3, 5, 17)"
IMAGE = "torch.randn(2, 6, 9, 10)"
VOLUME = "torch.randn(2, 4, 5, 6, 7)"
SIGNAL = "torch.randn(2, 6, 21)"
TOKENS = "torch.randn(2, 9, 16)"
CLASSES = "torch.randn(7, 11), torch.randint(0, 11, (7,))"


def _indent(text: str) -> str:
    return "\n".join(" " * 8 + line for line in textwrap.dedent(text).strip().splitlines())


def torch_source(arguments: str, body: str, inputs: str, init: str = "") -> str:
    """A task file: ``body`` is forward's, its last line an expression; ``init`` the constructor's."""
    *lines, last = textwrap.dedent(body).strip().splitlines()
    forward = _indent("\n".join([*lines, f"return {last}"]))
    return (
        "import math\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
        "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"{_indent(init)}\n\n    def forward(self, {arguments}):\n{forward}\n\n\n"
        f"def get_inputs():\n    return [{inputs}]\n\n\ndef get_init_inputs():\n    return []\n"
    )


def numpy_source(arguments: str, body: str, inputs: str) -> str:
    """A task file with a NumPy Model; ``f(shape)`` in ``inputs`` draws normal float32 numbers."""
    *lines, last = textwrap.dedent(body).strip().splitlines()
    forward = _indent("\n".join([*lines, f"return {last}"]))
    return (
        "import numpy as np\n\n\nclass Model:\n"
        f"    def forward(self, {arguments}):\n{forward}\n\n\n"
        "def f(*shape):\n    return np.random.standard_normal(shape).astype(np.float32)\n\n\n"
        f"def get_inputs():\n    return [{inputs}]\n"
    )


_POINTWISE = {
    "gelu_bias": ("x", "F.gelu(x + self.b) * 0.5", X, "self.b = nn.Parameter(torch.randn(33))"),
    "swish_gate": ("x, y", "F.silu(x) * torch.sigmoid(y) - torch.tanh(x * y)", XY),
    "mish_hard": ("x", "F.mish(x) + F.hardswish(x * 3) + F.hardsigmoid(x) - F.hardtanh(x)", X),
    "half_gelu": ("x", "F.gelu(x, approximate='tanh')", "torch.randn(7, 33).half()"),
    "bfloat16_swiglu": ("x, y", "F.silu(x) * y", "torch.randn(5, 40).bfloat16(), torch.randn(5, 40).bfloat16()"),
    "double_erf": ("x", "torch.erf(x) * torch.exp(-x * x)", "torch.randn(6, 20, dtype=torch.float64)"),
    "int_mix": ("x, y", "(x * 3 - y) // 2 + x % 5, x ** 2 > y", "torch.randint(-50, 50, (4, 19)), torch.randint(-50, 50, (4, 19))"),
    "int32_clamp": ("x", "torch.clamp(x * 2, -10, 11), x.abs().float() / 3", "torch.randint(-50, 50, (4, 19), dtype=torch.int32)"),
    "uint8_wrap": ("x", "x + 200, x.float() / 255 - 0.5", "torch.randint(0, 256, (5, 21), dtype=torch.uint8)"),
    "bool_gate": ("x, m", "torch.where(m & (x > 0), x, -0.1 * x), ~m", "torch.randn(7, 33), torch.rand(7, 33) > 0.5"),
    "scalar_argument": ("x, s", "x * s + s", f"{X}, 0.37"),
    "tensor_scalar": ("x, s", "x * s, s + 1", f"{X}, torch.tensor(1.5)"),
    "zero_dim": ("a, b", "torch.sin(a) * b + 1", "torch.randn(()), torch.randn(())"),
    "one_element": ("x", "torch.sigmoid(x) + x.sum()", "torch.randn(1)"),
    "empty": ("x", "torch.relu(x) + 1", "torch.randn(0, 5)"),
    "broadcast_three": ("a, b, c", "a * b + torch.maximum(b, c)", "torch.randn(5, 1, 9), torch.randn(6, 1), torch.randn(5, 6, 9)"),
    "outer_sum": ("a, b", "a[:, None] - b[None, :], (a[:, None] > b).float()", "torch.randn(13), torch.randn(9)"),
    "strided_input": ("x", "torch.exp(x) + 1", "torch.randn(9, 14).t()"),
    "views_of_views": ("x", "x[1:, ::2].transpose(0, 1)[:-1].reshape(-1) * 2", X),
    "view_chain": ("x", "x.view(3, 5, 17).permute(2, 0, 1).flatten(1).unsqueeze(0) + 1", CUBE),
    "chunk_glu": ("x", "a, b = x.chunk(2, -1)\na * torch.sigmoid(b)", "torch.randn(7, 34)"),
    "split_stack": ("x", "p, q, r = x.split([4, 6, 7], dim=2)\nq.sum(2) * p[..., 0] + r.mean(-1)", CUBE),
    "cat_channels": ("x, y", "torch.cat([F.relu(x), y * 2, x - y], dim=1)", "torch.randn(3, 4, 8), torch.randn(3, 4, 8)"),
    "stack_last": ("x, y", "torch.stack([x + y, x * y], dim=-1)", XY),
    "roll_flip": ("x", "torch.roll(x, (1, -2), (0, 1)) + x.flip(1)", X),
    "reflect_pad": ("x", "F.pad(x, (1, 2, 2, 1), mode='reflect') * 2", IMAGE),
    "replicate_pad": ("x", "F.pad(x, (1, 1), mode='replicate')", SIGNAL),
    "tril_scale": ("x", "torch.tril(x) * 0.5 + torch.eye(12)", "torch.randn(12, 12)"),
    "one_hot": ("i", "F.one_hot(i, 7).float() * 2", "torch.randint(0, 7, (4, 5))"),
    "multi_output_dict_free": ("x", "(x + 1, x.sum(1), x.argmax(1), x > 0)", X),
    "identity": ("x", "x", X),
    "names_of_ours": ("x0, i, s1, first", "(x0 * i).tanh() + s1 + first.amax(1, keepdim=True)", "torch.randn(7, 33), torch.randn(7, 33), torch.randn(7, 33), torch.randn(7, 33)"),
    "input_twice": ("x", "x, x * 1", X),
    "constant_output": ("x", "x + 1, torch.arange(5), torch.ones(2, 2)", X),
    "quantize": ("x", "q = torch.clamp(torch.round(x / 0.1), -128, 127)\nq.to(torch.int8), q * 0.1", X),
    "rotary": ("x", "h = x.shape[-1] // 2\nrot = torch.cat([-x[..., h:], x[..., :h]], -1)\nx * self.c + rot * self.s", TOKENS,
               "t = torch.outer(torch.arange(9.0), 1.0 / 100 ** (torch.arange(16) % 8 / 8))\nself.register_buffer('c', t.cos())\nself.register_buffer('s', t.sin())"),
}  # fmt: skip

_REDUCTIONS = {
    "softmax_0": ("x", "F.softmax(x, dim=0)", X),
    "softmax_middle": ("x", "F.softmax(x * 2, dim=1)", CUBE),
    "log_softmax_4d": ("x", "F.log_softmax(x, dim=1)", IMAGE),
    "softmax_temperature_mask": ("x, m", "F.softmax((x / 0.7).masked_fill(m, -1e9), -1)", "torch.randn(7, 33), torch.rand(7, 33) > 0.7"),
    "logsumexp_all": ("x", "torch.logsumexp(x, (0, 1)), torch.logsumexp(x, 1, keepdim=True)", X),
    "sum_axes": ("x", "x.sum(0), x.sum((0, 2)), x.sum(1, keepdim=True), x.sum()", CUBE),
    "mean_of_squares": ("x", "(x * x).mean((2, 3)).sqrt()", IMAGE),
    "prod_dim": ("x", "torch.prod(x, 1), torch.prod(x * 0.5 + 1, 0)", "torch.rand(4, 12) + 0.5"),
    "max_min": ("x", "x.max(1)[0] - x.min(1)[0], x.amax((0, 1))", X),
    "argmax_axis": ("x", "torch.argmax(x, 1), torch.argmin(x, 2), torch.argmax(x)", CUBE),
    "argmax_ties": ("x", "torch.argmax(x, 1), x.max(1)[1]", "torch.randint(0, 3, (9, 20))"),
    "var_std": ("x", "x.var(1), x.std(0), x.var((0, 1), unbiased=False)", X),
    "standardize": ("x", "(x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5)", X),
    "zscore_cols": ("x", "(x - x.mean(0)) / (x.std(0) + 1e-5)", X),
    "frobenius": ("x", "x / torch.norm(x, p='fro')", IMAGE),
    "l1_normalize": ("x", "x / torch.sum(torch.abs(x), dim=1, keepdim=True)", X),
    "l2_normalize": ("x", "x / torch.norm(x, p=2, dim=1, keepdim=True), F.normalize(x, dim=0)", X),
    "inf_norm": ("x", "torch.linalg.vector_norm(x, float('inf'), dim=1), torch.linalg.norm(x, dim=(0, 1))", X),
    "instance_norm": ("x", "self.n(x)", IMAGE, "self.n = nn.InstanceNorm2d(6)"),
    "instance_norm_1d": ("x", "self.n(x) + x", SIGNAL, "self.n = nn.InstanceNorm1d(6, affine=True)"),
    "group_norm_relu": ("x", "F.relu(self.n(x)) * 2", IMAGE, "self.n = nn.GroupNorm(2, 6)"),
    "layer_norm_3": ("x", "self.n(x)", IMAGE, "self.n = nn.LayerNorm((6, 9, 10))"),
    "layer_norm_last": ("x", "self.n(x) * 2 + x", TOKENS, "self.n = nn.LayerNorm(16)"),
    "rms_channels": ("x", "x / torch.sqrt(torch.mean(x ** 2, dim=1, keepdim=True) + 1e-5)", IMAGE),
    "batch_norm_train": ("x", "self.n(x)", IMAGE, "self.n = nn.BatchNorm2d(6)"),
    "batch_norm_1d": ("x", "F.relu(self.n(x))", X, "self.n = nn.BatchNorm1d(33)"),
    "batch_norm_eval": ("x", "self.n(x)", IMAGE, "self.n = nn.BatchNorm2d(6).eval()\nself.n.running_mean.normal_()\nself.eval()"),
    "sum_bool_int": ("x", "x.any(1), x.all(0), (x.long() * 2).sum(1)", "torch.rand(6, 13) > 0.3"),
    "int_sum_max": ("x", "x.sum(0), x.max(1)[0], x.float().mean()", "torch.randint(-9, 9, (6, 13), dtype=torch.int32)"),
    "half_sum": ("x", "x.sum(1), x.softmax(-1)", "torch.randn(6, 130).half()"),
    "bfloat16_layer_norm": ("x", "F.layer_norm(x, (24,))", "torch.randn(6, 24).bfloat16()"),
    "cumsum": ("x", "torch.cumsum(x, 1)", X),
    "cumprod": ("x", "torch.cumprod(x, 0)", X),
    "reverse_cumsum": ("x", "torch.cumsum(x.flip(1), 1).flip(1)", X),
    "exclusive_cumsum": ("x", "torch.cumsum(torch.cat((torch.zeros_like(x[:, :1]), x), 1), 1)[:, :-1]", X),
    "masked_cumsum": ("x, m", "torch.cumsum(x * m, dim=1)", "torch.randn(7, 33), torch.rand(7, 33) > 0.5"),
    "cummax": ("x", "torch.cummax(x, 1)[0] + torch.cummin(x, 0)[0]", X),
    "cummax_index": ("x", "(*torch.cummax(x, 1), *torch.cummin(x.round(), 0))", X),
    "cumsum_odd": ("x", "x.cumsum(0), x.cumsum(1), x.cumsum(2)", "torch.randn(3, 129, 67)"),
    "cumsum_half": ("x", "x.cumsum(1), x.flip(1).cumsum(1).flip(1)", "torch.randn(3, 517).half()"),
    "cumsum_int": ("x", "x.cumsum(1) * 2, x.bool().cumsum(0), torch.cummax(x, 1)[1]", "torch.randint(-9, 9, (5, 77), dtype=torch.int32)"),
    "cumprod_double": ("x", "torch.cumprod(x * 0.1 + 1, 1)", "torch.randn(4, 301, dtype=torch.float64)"),
    "logcumsumexp": ("x", "torch.logcumsumexp(x, 1), torch.logcumsumexp(x * 30, 0)", X),
    "cumsum_softmax": ("x", "F.softmax(x, 1).cumsum(1), x.cumsum(1).sum(1)", X),
    "long_cumsum": ("x", "torch.cumsum(torch.sigmoid(x), 1) * 0.5", "torch.randn(2, 70001)"),
    "long_reverse_cumsum": ("x", "x.exp().flip(1).cumsum(1).flip(1)", "torch.randn(2, 70001)"),
    "long_cummax": ("x", "(*torch.cummax(x, 0), torch.logcumsumexp(x, 0))", "torch.randn(20011, 5)"),
    "long_cumsum_sum": ("x", "c = x.cumsum(1)\nc - c.mean(1, keepdim=True)", "torch.randn(2, 70001)"),
    "topk": ("x", "torch.topk(x, 4, dim=1)[0] * 2, torch.sort(x, 1)[0]", X),
    "reduce_then_broadcast": ("x", "s = x.sum(1, keepdim=True)\nt = (x / (s.abs() + 1)).amax(0)\nx * t + s", X),
    "two_reductions_chain": ("x", "(x.softmax(1) * x).sum(1).softmax(0).sum()", X),
    "entropy": ("x", "p = F.softmax(x, 1)\n-(p * torch.log(p + 1e-9)).sum(1).mean()", X),
    "gram": ("x", "f = x.view(2, 6, 90)\ntorch.bmm(f, f.transpose(1, 2)) / 90", IMAGE),
    "global_pool": ("x", "x.mean((2, 3), keepdim=True) * x, x.amax((2, 3))", IMAGE),
    "empty_reduce": ("x", "x.sum(1), x.sum(), x.sum(0)", "torch.randn(4, 0)"),
    "long_rows": ("x", "x.sum(1), x.mean(), x.softmax(1)", "torch.randn(2, 70001)"),
    "long_logsumexp": ("x", "torch.logsumexp(x, 0)", "torch.randn(40001, 3)"),
    "long_columns": ("x", "x.sum(0), (x * x).mean(0), x.amax(0)", "torch.randn(40001, 3)"),
}  # fmt: skip

_LOSSES = {
    "mse": ("x, y", "torch.mean((x - y) ** 2)", XY),
    "smooth_l1": ("x, y", "F.smooth_l1_loss(x, y), F.huber_loss(x, y, delta=0.7)", XY),
    "cross_entropy": ("x, t", "F.cross_entropy(x, t)", CLASSES),
    "cross_entropy_smooth": ("x, t", "F.cross_entropy(x, t, label_smoothing=0.1)", CLASSES),
    "cross_entropy_image": ("x, t", "F.cross_entropy(x, t)", "torch.randn(2, 5, 4, 4), torch.randint(0, 5, (2, 4, 4))"),
    "cross_entropy_weight": ("x, t", "F.cross_entropy(x, t, weight=self.w)", CLASSES, "self.register_buffer('w', torch.rand(11) + 0.5)"),
    "nll": ("x, t", "F.nll_loss(F.log_softmax(x, 1), t)", CLASSES),
    "hinge": ("x, t", "torch.mean(torch.clamp(1 - x * t, min=0))", "torch.randn(64, 1), torch.randint(0, 2, (64,)).float() * 2 - 1"),
    "triplet": ("a, p, n", "self.l(a, p, n)", "torch.randn(9, 40), torch.randn(9, 40), torch.randn(9, 40)", "self.l = nn.TripletMarginLoss(margin=1.0)"),
    "cosine_loss": ("x, y", "torch.mean(1 - F.cosine_similarity(x, y, dim=1))", XY),
    "cosine_embedding": ("x, y, t", "F.cosine_embedding_loss(x, y, t)", f"{XY}, torch.randint(0, 2, (7,)).float() * 2 - 1"),
    "kl": ("x, y", "F.kl_div(torch.log(x), y, reduction='batchmean')", "torch.randn(7, 33).softmax(1), torch.randn(7, 33).softmax(1)"),
    "bce": ("x, t", "F.binary_cross_entropy(torch.sigmoid(x), t), F.binary_cross_entropy_with_logits(x, t)", "torch.randn(7, 33), torch.rand(7, 33)"),
    "focal": ("x, t", "b = F.binary_cross_entropy_with_logits(x, t, reduction='none')\n((1 - torch.exp(-b)) ** 2 * b).mean()", "torch.randn(7, 33), torch.rand(7, 33)"),
    "dice": ("x, t", "p = torch.sigmoid(x).flatten(1)\ni = (p * t.flatten(1)).sum(1)\n1 - ((2 * i + 1) / (p.sum(1) + t.flatten(1).sum(1) + 1)).mean()", "torch.randn(2, 3, 8, 8), torch.rand(2, 3, 8, 8)"),
    "contrastive": ("x, y", "F.cross_entropy(F.normalize(x, dim=1) @ F.normalize(y, dim=1).t() / 0.1, torch.arange(7))", XY),
    "multi_margin": ("x, t", "F.multi_margin_loss(x, t)", CLASSES),
}  # fmt: skip

_POOLS = {
    "max_pool_1d": ("x", "F.max_pool1d(x, 4, 2, 1)", SIGNAL),
    "avg_pool_1d": ("x", "F.avg_pool1d(x, 3, 2, 1)", SIGNAL),
    "max_pool_2d": ("x", "F.max_pool2d(x, 3, 2, 1) * 2", IMAGE),
    "max_pool_dilated": ("x", "self.p(x)", IMAGE, "self.p = nn.MaxPool2d(2, stride=1, padding=1, dilation=2)"),
    "avg_pool_2d": ("x", "F.avg_pool2d(F.relu(x), 2)", IMAGE),
    "pool_3d": ("x", "F.max_pool3d(x, 2) - F.avg_pool3d(x, 2)", VOLUME),
    "adaptive_pools": ("x", "F.adaptive_avg_pool2d(x, (1, 1)), F.adaptive_max_pool2d(x, (3, 2))", IMAGE),
    "lp_pool": ("x", "F.lp_pool2d(x.abs(), 2, 3)", IMAGE),
    "upsample": ("x", "F.interpolate(x, scale_factor=2, mode='nearest') + 1, F.interpolate(x, size=(5, 7), mode='bilinear')", IMAGE),
    "unfold": ("x", "F.unfold(x, 3).sum(1)", IMAGE),
}  # fmt: skip

_PRODUCTS = {
    "matmul_gelu": ("x, y", "F.gelu(x @ y)", "torch.randn(17, 33), torch.randn(33, 21)"),
    "matmul_transposed": ("x, y", "x.t() @ y.t()", "torch.randn(33, 17), torch.randn(21, 33)"),
    "matmul_tall": ("x, y", "x @ y", "torch.randn(129, 3), torch.randn(3, 65)"),
    "matmul_vector": ("x, v", "(x @ v).relu(), v @ v", "torch.randn(17, 33), torch.randn(33)"),
    "matmul_3d_2d": ("x, y", "torch.matmul(x, y) + 1", "torch.randn(3, 5, 17), torch.randn(17, 4)"),
    "matmul_4d": ("x, y", "torch.einsum('bijl,lk->bijk', x, y)", "torch.randn(2, 3, 4, 5), torch.randn(5, 6)"),
    "batched": ("x, y", "torch.bmm(x, y).softmax(-1)", "torch.randn(3, 5, 17), torch.randn(3, 17, 4)"),
    "broadcast_batched": ("x, y", "x @ y", "torch.randn(2, 1, 5, 7), torch.randn(3, 7, 4)"),
    "triangular": ("x, y", "torch.tril(torch.tril(x) @ torch.tril(y))", "torch.randn(16, 16), torch.randn(16, 16)"),
    "symmetric_power": ("x", "s = (x + x.t()) / 2\ns @ s @ s", "torch.randn(12, 12)"),
    "diagonal": ("d, x", "torch.diag(d) @ x, d[:, None] * x", "torch.randn(9), torch.randn(9, 14)"),
    "linear_chain": ("x", "torch.sigmoid(self.l(x)).sum(1, keepdim=True) * 0.5", X, "self.l = nn.Linear(33, 20)"),
    "linear_group_norm": ("x", "self.n(self.l(x)).clamp(-1, 1)", X, "self.l = nn.Linear(33, 24)\nself.n = nn.GroupNorm(4, 24)"),
    "linear_max_min": ("x", "y = self.l(x)\ny = torch.max(y, 1, keepdim=True)[0]\nF.gelu(y - y.mean(0))", X, "self.l = nn.Linear(33, 20)"),
    "linear_logsumexp": ("x", "torch.logsumexp(F.mish(self.l(x) * 2 + self.l(x)), 1, keepdim=True)", X, "self.l = nn.Linear(33, 20)"),
    "linear_subtract": ("x", "y = self.l(x) - self.s\ny.mean(1, keepdim=True) + x", X, "self.l = nn.Linear(33, 20)\nself.s = nn.Parameter(torch.randn(20))"),
    "half_matmul": ("x, y", "(x @ y).relu()", "torch.randn(16, 24).half(), torch.randn(24, 8).half()"),
    "bfloat16_linear": ("x", "self.l(x) * 2", "torch.randn(6, 16).bfloat16()", "self.l = nn.Linear(16, 8).bfloat16()"),
    "double_matmul": ("x, y", "x @ y + 1", "torch.randn(9, 12).double(), torch.randn(12, 5).double()"),
    "bilinear": ("x, y", "self.b(x, y)", "torch.randn(4, 6), torch.randn(4, 5)", "self.b = nn.Bilinear(6, 5, 3)"),
    "cdist": ("x, y", "torch.cdist(x, y)", "torch.randn(5, 8), torch.randn(6, 8)"),
    "low_rank": ("x", "x @ self.a @ self.b * 0.5 + self.l(x)", X, "self.a = nn.Parameter(torch.randn(33, 4))\nself.b = nn.Parameter(torch.randn(4, 20))\nself.l = nn.Linear(33, 20)"),
}  # fmt: skip

_CONVS = {
    "conv_relu_bias": ("x", "F.relu(self.c(x)) + self.b", IMAGE, "self.c = nn.Conv2d(6, 8, 3)\nself.b = nn.Parameter(torch.randn(8, 1, 1))"),
    "conv_mish_twice": ("x", "F.mish(F.mish(self.c(x) - 0.5))", IMAGE, "self.c = nn.Conv2d(6, 8, 3, padding=1)"),
    "conv_min_tanh": ("x", "torch.tanh(torch.tanh(torch.min(self.c(x), dim=1, keepdim=True)[0]))", IMAGE, "self.c = nn.Conv2d(6, 8, 3)"),
    "conv_pool_hardswish": ("x", "F.mish(F.max_pool2d(F.hardswish(self.c(x) - 0.5), 2))", IMAGE, "self.c = nn.Conv2d(6, 8, 3)"),
    "conv_group_norm_chain": ("x", "torch.clamp(F.max_pool2d(self.n(self.c(x)) * self.s, 2), 0, 1)", IMAGE, "self.c = nn.Conv2d(6, 8, 3)\nself.n = nn.GroupNorm(4, 8)\nself.s = nn.Parameter(torch.ones(8, 1, 1))"),
    "conv_norm_residual": ("x", "y = self.n(self.c(x))\ntorch.logsumexp(y + F.hardswish(torch.tanh(y)), 1, keepdim=True)", IMAGE, "self.c = nn.Conv2d(6, 8, 3)\nself.n = nn.GroupNorm(2, 8)"),
    "conv_instance_div": ("x", "self.n(self.c(x)) / 2.0", IMAGE, "self.c = nn.Conv2d(6, 8, 3)\nself.n = nn.InstanceNorm2d(8)"),
    "conv_global_sum": ("x", "y = F.gelu(self.c(x))\ny.mean((2, 3)).sum(1, keepdim=True) * 10", IMAGE, "self.c = nn.Conv2d(6, 8, 3)"),
    "conv_batch_norm": ("x", "self.n(torch.tanh(F.softplus(self.c(x))) * 2)", IMAGE, "self.c = nn.Conv2d(6, 8, 3)\nself.n = nn.BatchNorm2d(8)"),
    "depthwise": ("x", "self.p(F.relu6(self.d(x)))", IMAGE, "self.d = nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False)\nself.p = nn.Conv2d(6, 4, 1)"),
    "dilated_asymmetric": ("x", "self.c(x)", IMAGE, "self.c = nn.Conv2d(6, 4, (3, 5), stride=(2, 1), padding=(1, 2), dilation=(1, 2))"),
    "conv_transpose": ("x", "F.hardtanh(F.max_pool2d(self.c(x), 2)).mean((2, 3), keepdim=True).tanh()", IMAGE, "self.c = nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1, output_padding=1)"),
    "conv_transpose_softmax": ("x", "torch.sigmoid((F.softmax(self.c(x), 1) + self.b) * 2)", IMAGE, "self.c = nn.ConvTranspose2d(6, 4, 3)\nself.b = nn.Parameter(torch.randn(4, 1, 1))"),
    "conv_1d": ("x", "self.c(x).relu()", SIGNAL, "self.c = nn.Conv1d(6, 5, 4, stride=2, dilation=2)"),
    "conv_transpose_1d": ("x", "self.c(x)", SIGNAL, "self.c = nn.ConvTranspose1d(6, 3, 3, stride=2)"),
    "conv_3d": ("x", "y = F.leaky_relu(F.relu(self.c(x)))\ntorch.sigmoid(F.gelu(y)) + self.b", VOLUME, "self.c = nn.Conv3d(4, 6, 3)\nself.b = nn.Parameter(torch.randn(6, 1, 1, 1))"),
    "conv_3d_softmax_pool": ("x", "F.max_pool3d(F.softmax(self.c(x), dim=1), 2)", VOLUME, "self.c = nn.Conv3d(4, 6, 2)"),
    "conv_transpose_3d": ("x", "y = self.c(x)\n((y + self.b) + y) * y + y", VOLUME, "self.c = nn.ConvTranspose3d(4, 3, 3, stride=2)\nself.b = nn.Parameter(torch.randn(3, 1, 1, 1))"),
    "conv_3d_min_softmax": ("x", "F.softmax(torch.min(self.c(x), dim=2)[0], dim=1)", VOLUME, "self.c = nn.Conv3d(4, 6, 3)"),
    "conv_layer_norm_4d": ("x", "F.gelu(F.avg_pool3d(self.n(self.c(x) + self.w), 2))", "torch.randn(2, 4, 4, 6, 6)", "self.c = nn.Conv3d(4, 6, 3, padding=1)\nself.w = nn.Parameter(torch.tensor(1.0))\nself.n = nn.LayerNorm(6)"),
    "conv_scale_minmax": ("x", "y = self.c(x) * self.s\ny = torch.min(y, dim=1, keepdim=True)[0]\ntorch.clamp(torch.sum(y, 2, keepdim=True), -1, 1)", IMAGE, "self.c = nn.Conv2d(6, 8, 3)\nself.s = nn.Parameter(torch.randn(8, 1, 1))"),
    "residual_block": ("x", "y = F.relu(self.a(self.c(x)))\nF.relu(self.b(self.d(y)) + x)", IMAGE, "self.c = nn.Conv2d(6, 6, 3, padding=1)\nself.d = nn.Conv2d(6, 6, 3, padding=1)\nself.a = nn.BatchNorm2d(6)\nself.b = nn.BatchNorm2d(6)"),
    "squeeze_excite": ("x", "s = x.mean((2, 3))\ns = torch.sigmoid(self.b(F.relu(self.a(s))))\nx * s[:, :, None, None]", IMAGE, "self.a = nn.Linear(6, 3)\nself.b = nn.Linear(3, 6)"),
    "patch_embed": ("x", "self.n(self.c(x).flatten(2).transpose(1, 2))", IMAGE, "self.c = nn.Conv2d(6, 16, 3, 3)\nself.n = nn.LayerNorm(16)"),
}  # fmt: skip

_NETWORKS = {
    "mlp": ("x", "self.m(x)", X, "self.m = nn.Sequential(nn.Linear(33, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))"),
    "shared_module": ("x", "F.relu(self.l(F.relu(self.l(x)))) + x", X, "self.l = nn.Linear(33, 33)"),
    "tied_weights": ("i", "F.linear(self.e(i), self.e.weight)", "torch.randint(0, 12, (3, 5))", "self.e = nn.Embedding(12, 8)"),
    "module_list": ("x", "for l in self.m:\n    x = x + F.silu(l(x))\nx", X, "self.m = nn.ModuleList([nn.Linear(33, 33) for _ in range(3)])"),
    "dropout_eval": ("x", "self.d(self.l(x))", X, "self.l = nn.Linear(33, 8)\nself.d = nn.Dropout(0.3)\nself.eval()"),
    "dropout_zero": ("x", "self.d(self.l(x)).softmax(1)", X, "self.l = nn.Linear(33, 8)\nself.d = nn.Dropout(0.0)"),
    "causal_attention": ("x", "b, t, c = x.shape\nq, k, v = self.a(x).split(c, 2)\nq, k, v = (z.view(b, t, 2, c // 2).transpose(1, 2) for z in (q, k, v))\nw = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))\nw = F.softmax(w.masked_fill(self.m[:t, :t] == 0, float('-inf')), -1)\nself.p((w @ v).transpose(1, 2).contiguous().view(b, t, c))", TOKENS,
        "self.a = nn.Linear(16, 48)\nself.p = nn.Linear(16, 16)\nself.register_buffer('m', torch.tril(torch.ones(9, 9)))"),
    "relu_attention": ("q, k, v", "F.relu(q @ k.mT / 4) @ v", f"{TOKENS}, {TOKENS}, {TOKENS}"),
    "sdpa": ("q, k, v", "F.scaled_dot_product_attention(q, k, v) + v", f"{TOKENS}, {TOKENS}, {TOKENS}"),
    "multihead": ("x", "self.n(self.a(x, x, x)[0] + x)", TOKENS, "self.a = nn.MultiheadAttention(16, 4, batch_first=True)\nself.n = nn.LayerNorm(16)"),
    "transformer_layer": ("x", "self.t(x)", TOKENS, "self.t = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)"),
    "block": ("x", "y = x + self.p(self.a(self.n(x)).tanh())\ny + self.d(F.gelu(self.u(self.m(y))))", TOKENS, "self.n = nn.LayerNorm(16)\nself.m = nn.LayerNorm(16)\nself.a = nn.Linear(16, 16)\nself.p = nn.Linear(16, 16)\nself.u = nn.Linear(16, 64)\nself.d = nn.Linear(64, 16)"),
    "rnn_cell": ("x, h", "h = torch.tanh(self.i(torch.cat((x, h), 1)))\nself.o(h), h", "torch.randn(4, 6), torch.randn(4, 8)", "self.i = nn.Linear(14, 8)\nself.o = nn.Linear(8, 3)"),
    "rnn_loop": ("x", "h = torch.zeros(2, 16)\nfor t in range(4):\n    h = torch.tanh(self.a(x[:, t]) + self.b(h))\nh", TOKENS, "self.a = nn.Linear(16, 16)\nself.b = nn.Linear(16, 16)"),
    "lstm": ("x", "y, (h, c) = self.r(x)\nself.o(y[:, -1])", TOKENS, "self.r = nn.LSTM(16, 12, 2, batch_first=True)\nself.o = nn.Linear(12, 3)"),
    "lstm_state": ("x, h, c", "y, s = self.r(x, (h, c))\ny, s[1]", "torch.randn(2, 5, 16), torch.randn(1, 2, 12), torch.randn(1, 2, 12)", "self.r = nn.LSTM(16, 12, batch_first=True)"),
    "gru": ("x", "self.r(x)[0]", TOKENS, "self.r = nn.GRU(16, 12, batch_first=True, bidirectional=True)"),
    "gru_hand": ("x, h", "z = torch.sigmoid(self.z(x) + self.y(h))\n(1 - z) * torch.tanh(self.n(x)) + z * h", "torch.randn(4, 6), torch.randn(4, 8)", "self.z = nn.Linear(6, 8)\nself.y = nn.Linear(8, 8)\nself.n = nn.Linear(6, 8)"),
    "embedding_bag": ("i", "self.e(i).mean(1)", "torch.randint(0, 12, (3, 5))", "self.e = nn.Embedding(12, 8, padding_idx=0)"),
    "position_embedding": ("i", "self.e(i) * 4 + self.p(torch.arange(5))", "torch.randint(0, 12, (3, 5))", "self.e = nn.Embedding(12, 8)\nself.p = nn.Embedding(9, 8)"),
    "mixture": ("x", "g = F.softmax(self.g(x), 1)\ny = torch.stack([e(x) for e in self.e], 1)\n(g[:, :, None] * y).sum(1)", X, "self.g = nn.Linear(33, 3)\nself.e = nn.ModuleList([nn.Linear(33, 8) for _ in range(3)])"),
    "vae": ("x", "h = F.relu(self.a(x))\nm, v = self.b(h).chunk(2, 1)\nm, v, -0.5 * torch.sum(1 + v - m.pow(2) - v.exp())", X, "self.a = nn.Linear(33, 16)\nself.b = nn.Linear(16, 8)"),
    "lenet": ("x", "x = F.max_pool2d(F.relu(self.a(x)), 2)\nself.l(x.flatten(1))", "torch.randn(2, 1, 12, 12)", "self.a = nn.Conv2d(1, 4, 3)\nself.l = nn.Linear(100, 5)"),
    "list_output": ("x", "[x.relu(), x.sum()]", X),
    "state_space": ("x", "h = x[:, 0] * 0\ny = []\nfor t in range(5):\n    h = self.a * h + x[:, t]\n    y.append(h)\ntorch.stack(y, 1)", "torch.randn(2, 5, 8)", "self.a = nn.Parameter(torch.rand(8))"),
    "gather_scatter": ("x, i", "x.gather(1, i) * 2, torch.zeros(7, 5).scatter_add(1, i % 5, x[:, :4])", "torch.randn(7, 33), torch.randint(0, 33, (7, 4))"),
    "index_rows": ("x, i", "x[i].sum(1), x.index_select(0, i) + 1", "torch.randn(7, 33), torch.randint(0, 7, (4,))"),
    "where_scalar_sum": ("x", "torch.where(x > x.mean(), x, torch.zeros_like(x)).sum(0)", X),
}  # fmt: skip

TORCH: dict[str, str] = {
    name: torch_source(*row)
    for family in (_POINTWISE, _REDUCTIONS, _LOSSES, _POOLS, _PRODUCTS, _CONVS, _NETWORKS)
    for name, row in family.items()
}

_NUMPY = {
    "np_gelu": ("x", "0.5 * x * (1 + np.tanh(0.7978846 * (x + 0.044715 * x ** 3)))", "f(7, 33)"),
    "np_softmax": ("x", "e = np.exp(x - x.max(axis=-1, keepdims=True))\ne / e.sum(axis=-1, keepdims=True)", "f(7, 33)"),
    "np_softmax_0": ("x", "e = np.exp(x - np.max(x, 0))\ne / np.sum(e, 0)", "f(9, 5, 4)"),
    "np_layer_norm": ("x, w, b", "m = x.mean(-1, keepdims=True)\n(x - m) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * w + b", "f(7, 33), f(33), f(33)"),
    "np_rms": ("x", "x / np.sqrt(np.mean(np.square(x), axis=1, keepdims=True) + np.float32(1e-6))", "f(7, 33)"),
    "np_sum_axes": ("x", "x.sum(axis=(0, 2)), np.mean(x), np.prod(x, axis=1), x.std(0)", "f(3, 5, 4)"),
    "np_minmax": ("x", "np.max(x, 1) - np.min(x, 1), np.argmax(x, 0), np.argmin(x)", "f(7, 33)"),
    "np_where": ("x, y", "np.where(x > y, x * 2, np.minimum(y, 0.5)), np.clip(x, -1, 1)", "f(7, 33), f(7, 33)"),
    "np_matmul": ("x, y", "np.maximum(x @ y, 0), np.dot(x, y).sum(1)", "f(7, 33), f(33, 5)"),
    "np_einsum": ("x, y", "np.einsum('bij,bjk->bik', x, y)", "f(2, 3, 4), f(2, 4, 5)"),
    "np_views": ("x", "x.reshape(3, 4, 5).transpose(2, 0, 1)[::2, :, 1:] * 2, x.T + 0, x[:, ::-1] - 1", "f(12, 5)"),
    "np_concat": ("x, y", "np.concatenate([x, y * 2], axis=1), np.stack([x, y])", "f(4, 5), f(4, 5)"),
    "np_int": ("x", "x // 3 + x % 7, x << 1, (x > 2).sum(), x * 0.5", "np.random.randint(-20, 20, (5, 9))"),
    "np_double": ("x", "np.log1p(np.exp(x)) - np.sin(x)", "np.random.standard_normal((5, 9))"),
    "np_half": ("x", "x * np.float16(2) + np.sqrt(np.abs(x))", "f(5, 9).astype(np.float16)"),
    "np_bool": ("x, m", "np.logical_and(m, x > 0), np.any(m, 0), np.all(m), np.logical_not(m)", "f(5, 9), np.random.rand(5, 9) > 0.5"),
    "np_scalar": ("x, s", "x * s + 1", "f(5, 9), 2.5"),
    "np_zero_dim": ("x", "np.tanh(x) + 1", "np.float32(0.3) * np.ones((), np.float32)"),
    "np_mse": ("x, y", "np.mean((x - y) ** 2)", "f(7, 33), f(7, 33)"),
    "np_cosine": ("x, y", "(x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))", "f(7, 33), f(7, 33)"),
    "np_cumsum": ("x", "np.cumsum(x, axis=1)", "f(7, 33)"),
    "np_norm": ("x", "x / np.linalg.norm(x)", "f(7, 33)"),
    "np_outer": ("a, b", "np.outer(a, b) + a[:, None]", "f(7), f(9)"),
    "np_broadcast": ("a, b", "np.broadcast_to(a, (4, 7)) * b[:, np.newaxis]", "f(7), f(4)"),
    "np_pad_roll": ("x", "np.pad(x, ((1, 2), (0, 1))), np.roll(x, 2, axis=1), np.tile(x, (2, 1))", "f(5, 6)"),
    "np_strided": ("x", "np.exp(x)", "f(6, 8)[::2].T"),
    "np_empty": ("x", "x * 2, x.sum()", "f(0, 3)"),
}  # fmt: skip

NUMPY: dict[str, str] = {name: numpy_source(*row) for name, row in _NUMPY.items()}
