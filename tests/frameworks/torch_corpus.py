# ruff: noqa: E501 (rows of a table)
"""Small torch Models over the op families: ``CORPUS`` is a tuple of (name, source) pairs.

``CALLS`` maps the names of those that keep opaque framework ops to these ops' names.
"""

from __future__ import annotations

import textwrap

X = "torch.randn(3, 5)"
XY = "torch.randn(3, 5), torch.randn(3, 5)"
POSITIVE = "torch.rand(3, 5) + 0.5"
UNIT = "torch.rand(3, 5) * 1.6 - 0.8"
HALF = "torch.randn(3, 5).half()"
BRAIN = "torch.randn(3, 5).bfloat16()"
INT = "torch.randint(-9, 9, (3, 5))"
BOOL = "torch.randn(3, 5) > 0"
IMAGE = "torch.randn(2, 6, 4, 4)"


def source(arguments: str, body: str, inputs: str, init: str = "") -> str:
    """A task file: ``body`` is forward's, its last line an expression; ``init`` the constructor's."""
    *lines, last = textwrap.dedent(body).strip().splitlines()
    forward = "\n".join(" " * 8 + line for line in [*lines, f"return {last}"])
    made = "\n".join(" " * 8 + line for line in textwrap.dedent(init).strip().splitlines())
    return (
        "import math\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
        "class Model(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        f"{made}\n\n    def forward(self, {arguments}):\n{forward}\n\n\n"
        f"def get_inputs():\n    return [{inputs}]\n"
    )


def _unary() -> dict[str, str]:
    plain = "exp exp2 expm1 sin cos tan sinh cosh tanh asinh atan erf erfc sigmoid floor ceil trunc"
    plain += " neg abs sign square relu frac round"
    positive = "log log2 log10 log1p sqrt rsqrt reciprocal"
    unit = "asin acos atanh"
    cases = dict.fromkeys(plain.split(), X)
    cases |= dict.fromkeys(positive.split(), POSITIVE) | dict.fromkeys(unit.split(), UNIT)
    found = {name: source("x", f"torch.{name}(x)", inputs) for name, inputs in cases.items()}
    found["acosh"] = source("x", "torch.acosh(x + 1)", POSITIVE)
    return {f"unary_{name}": text for name, text in found.items()}


def _activations() -> dict[str, str]:
    calls = """gelu(x) gelu(x,approximate='tanh') silu(x) mish(x) softplus(x) softplus(x,2,1) elu(x)
    elu(x,0.7) selu(x) celu(x,1.5) leaky_relu(x,0.2) relu6(x*5) hardtanh(x,-0.5,0.25) hardswish(x*3)
    hardsigmoid(x*3) hardshrink(x) softshrink(x,0.3) tanhshrink(x) softsign(x) threshold(x,0.1,-7.0)
    logsigmoid(x) glu(x[:,:4]) softmin(x,dim=1) normalize(x,dim=1) dropout(x,0.5,training=False)"""
    return {f"F_{call}": source("x", f"F.{call}", X) for call in "".join(calls).split()} | {
        "prelu": source("x", "self.p(x)", IMAGE, "self.p = nn.PReLU(6, init=0.3)")
    }


_BINARY = {
    "add_alpha": ("x, y", "torch.add(x, y, alpha=0.3)", XY),
    "sub_alpha": ("x, y", "torch.sub(x, y, alpha=2) - 1", XY),
    "rsub": ("x", "1.5 - x", X),
    "mul_scalar": ("x", "x * 0.1", X),
    "mul_half_scalar": ("x", "x * 0.1 + 2", HALF),
    "mul_bfloat16_scalar": ("x", "x * 0.1 + 2", BRAIN),
    "div_ints": ("x, y", "x / (y.abs() + 1)", f"{INT}, {INT}"),
    "div_floor": ("x, y", "torch.div(x, y, rounding_mode='floor')", XY),
    "div_trunc_ints": ("x", "torch.div(x, 4, rounding_mode='trunc')", INT),
    "floor_divide": ("x", "x // 3", INT),
    "remainder": ("x, y", "x % y, torch.fmod(x, y)", f"{X}, {POSITIVE}"),
    "pow_scalar": ("x", "x ** 2 + x ** 3 + x ** 4", X),
    "pow_root": ("x", "x ** 0.5 + x ** -0.5 + x ** -1 + x ** -2 + x ** 1.7", POSITIVE),
    "pow_tensor": ("x, y", "torch.pow(x, y) + torch.pow(2.0, y)", f"{POSITIVE}, {X}"),
    "pow_int": ("x", "x ** 2 + x ** 3", INT),
    "extremes": ("x, y", "torch.maximum(x, y) - torch.minimum(x, y) + torch.max(x, y)", XY),
    "fmax": ("x, y", "torch.fmax(torch.where(x > 1, math.nan, x), y)", XY),
    "atan2": ("x, y", "torch.atan2(x, y) + torch.copysign(x, y) + torch.hypot(x, y)", XY),
    "logaddexp": ("x, y", "torch.logaddexp(x, y)", XY),
    "compare": ("x, y", "(x < y, x <= 0, x > y, x >= 0.5, x == y, x != y)", XY),
    "compare_mixed": ("x", "(x < 0.5, x == 3, 2 > x)", INT),
    "logical": ("x, y", "torch.logical_and(x > 0, y) ^ torch.logical_or(x, ~(y > 0))", XY),
    "bitwise": ("x, y", "(x & y | 3) ^ ~x, x << 2, x >> 1", f"{INT}, {INT}"),
    "bool_arithmetic": ("x, y", "(x + y, x * y, x & y)", f"{BOOL}, {BOOL}"),
    "promotion": ("x, k", "x + k * 2, k + 0.5, k * x.half()", f"{X}, {INT}"),
    "promotion_0d": ("x, s", "x * s", f"{HALF}, torch.tensor(1.7)"),
    "broadcast": ("x, y", "x[:, None] * y + y", "torch.randn(4), torch.randn(2, 1, 3)"),
    "where_scalar": ("x", "torch.where(x > 0, x, -1.0) + torch.where(x > 1, 2.0, 0.5)", X),
    "masked_fill": ("x, m", "x.masked_fill(m, -math.inf).softmax(-1)", "torch.randn(3, 5), "
                    "torch.arange(15).view(3, 5) % 4 == 0"),
    "clamp": ("x, y", "x.clamp(-0.5, 0.5) + x.clamp(min=0) + x.clamp_max(0.3) + x.clamp(y)", XY),
    "clamp_int": ("x", "x.clamp(-3, 4)", INT),
    "lerp": ("x, y", "torch.lerp(x, y, 0.3) + torch.lerp(x, y, y.sigmoid())", XY),
    "addcmul": ("x, y", "torch.addcmul(x, x, y, value=0.5) + torch.addcdiv(x, y, x * x + 1)", XY),
    "special_values": ("x", "torch.isnan(x / x), torch.isinf(1 / x), torch.isfinite(x / 0), "
                       "torch.signbit(-x), torch.isposinf(1 / x), torch.nan_to_num(1 / x)",
                       "torch.tensor([0.0, -0.0, 1.0, -2.0])"),
    "logit": ("x", "torch.logit(x, eps=1e-3) + torch.deg2rad(x)", "torch.rand(7)"),
    "casts": ("x", "x.half().float(), x.to(torch.int32), x.double(), x > 0, (x > 0).float()", X),
    "bfloat16_chain": ("x", "torch.tanh(x.float()).to(x.dtype) * x", BRAIN),
    "swish": ("x", "x * torch.sigmoid(self.beta * x)", X, "self.beta = nn.Parameter(torch.ones(()))"),
    "scalar_input": ("x, s, flag, nothing", "x * s if flag else x", f"{X}, 2.5, True, None"),
}  # fmt: skip

_VIEWS = {
    "reshape": ("x", "x.view(5, 3).reshape(-1).unflatten(0, (3, 5)).flatten()[None].squeeze(0)", X),
    "permute": ("x", "x.permute(2, 0, 1) + 0, x.transpose(0, -1) * 1, x.mT, x.movedim(0, -1)",
                "torch.randn(2, 3, 4)"),
    "matrix_t": ("x", "x.t() + x.T, x.unsqueeze(-1).squeeze((2,))", "torch.randn(4, 4)"),
    "expand": ("x", "x.expand(4, 3, 5), x[:, :1].expand(-1, 7), x.broadcast_to(2, 3, 5)", X),
    "slices": ("x", "x[1:, ::2], x[..., -2:], x[0], x[:, -1], x.narrow(1, 1, 3)", X),
    "split": ("x", "[a * 2 for a in x.split([1, 4], 1)] + list(x.chunk(2, 1)) + list(x.unbind(0))", X),
    "tensor_split": ("x", "x.tensor_split(2, dim=1)[1] + 1, torch.hsplit(x, 5)[0]", X),
    "cat": ("x, y", "torch.cat([x, y, x[:1]], 0), torch.stack([x, y], 1), torch.cat([x, y], -1)", XY),
    "cat_mixed": ("x, k", "torch.cat([x, k], 1)", f"{X}, {INT}"),
    "flip_roll": ("x", "x.flip(0, 1), x.roll(2, 1), torch.roll(x, 4), x.fliplr()", X),
    "repeat": ("x", "x.repeat(2, 3), x.repeat(2, 1, 1), x.tile(2), x.repeat_interleave(3, 1)", X),
    "repeat_ones": ("x", "x[:, :1].repeat(1, 4)", X),
    "pad": ("x", "F.pad(x, (1, 2, 0, 1), value=0.5), F.pad(x, (-1, 2))", X),
    "assign_slice": ("x", "y = x * 1\ny[:, 1:3] = 0.0\ny[0] += 1\ny", X),
    "assign_mask": ("x", "y = x.clone()\ny[y < 0] = 0.25\ny", X),
    "in_place": ("x", "y = torch.exp(x)\ny.add_(1).mul_(x)\ny.relu_()", X),
    "pixel_shuffle": ("x", "F.pixel_shuffle(x[:, :4], 2)", IMAGE),
    "meshgrid": ("x, y", "a, b = torch.meshgrid(x, y, indexing='ij')\na * b", "torch.randn(3), "
                 "torch.randn(4)"),
}  # fmt: skip

_REDUCTIONS = {
    "sum": ("x", "x.sum(), x.sum(1), x.sum((0, 1), keepdim=True), x.sum(-1, dtype=torch.float64)", X),
    "sum_int": ("x, m", "x.sum(0), m.sum(), x.prod(), x.sum(dtype=torch.int32)", f"{INT}, {BOOL}"),
    "sum_half": ("x", "x.sum(1), x.mean(0)", HALF),
    "mean": ("x", "x.mean(), x.mean(0, keepdim=True), x.mean((1,))", X),
    "amax": ("x", "x.amax(0), x.amin((0, 1)), x.max(), x.min(), x.aminmax(dim=1)[0]", X),
    "max_dim": ("x", "x.max(1)", X),
    "min_dim": ("x", "values, indices = x.min(dim=0, keepdim=True)\n[values * 2, indices + 1]", X),
    "arg": ("x", "x.argmax(), x.argmin(1), x.argmax(0, keepdim=True)", X),
    "any_all": ("x", "(x > 1).any(), (x > 0).all(1), x.any(0, keepdim=True), x.count_nonzero(1)", X),
    "var": ("x", "x.var(), x.var(1), x.std(0, unbiased=False), x.var(1, correction=0, keepdim=True)", X),
    "var_mean": ("x", "v, m = torch.var_mean(x, 1)\ns, n = torch.std_mean(x)\n(v + m, s * n)", X),
    "norms": ("x", "x.norm(), x.norm(1, dim=1), torch.linalg.vector_norm(x, 3, dim=0), "
              "torch.linalg.norm(x), x.norm(float('inf')), F.normalize(x, p=1, dim=0)", X),
    "softmax": ("x", "x.softmax(0), F.log_softmax(x, -1), x.logsumexp(1), x.logsumexp((0, 1))", X),
    "softmax_half": ("x", "x.softmax(-1), F.softmax(x, -1, dtype=torch.float32)", HALF),
    "cosine": ("x, y", "F.cosine_similarity(x, y), F.pairwise_distance(x, y), torch.dist(x, y)", XY),
    "scalars": ("x", "x.sum(), x.amax(), x.softmax(0), x.mean(-1), x.argmax()", "torch.tensor(2.0)"),
}  # fmt: skip

_LAYERS = {
    "layer_norm": ("x", "self.n(x) + F.layer_norm(x, (3, 5))", X, "self.n = nn.LayerNorm(5, eps=1e-3)"),
    "layer_norm_bias": ("x, b", "F.layer_norm(x, (5,), None, b)", f"{X}, torch.randn(5)"),
    "rms_norm": ("x", "self.n(x)", X, "self.n = nn.RMSNorm(5)"),
    "rms_norm_hand": ("x", "x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)", X),
    "batch_norm_train": ("x", "self.n(x)", IMAGE, "self.n = nn.BatchNorm2d(6)"),
    "batch_norm_eval": ("x", "self.n(x)", IMAGE, "self.n = nn.BatchNorm2d(6)\n"
                        "nn.init.uniform_(self.n.running_var)\nself.n.eval()"),
    "group_norm": ("x", "self.n(x)", IMAGE, "self.n = nn.GroupNorm(3, 6)"),
    "instance_norm": ("x", "self.n(x)", IMAGE, "self.n = nn.InstanceNorm2d(6, affine=True)"),
    "linear": ("x", "self.l(x) + F.linear(x, self.l.weight)", X, "self.l = nn.Linear(5, 4)"),
    "mlp": ("x", "self.l(x)", X, "self.l = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 2))"),
    "dropout_eval": ("x", "self.d(x) + 1", X, "self.d = nn.Dropout(0.5)\nself.eval()"),
    "tied": ("x", "self.a(x) @ self.b.weight", X, "self.a = nn.Linear(5, 5)\nself.b = nn.Linear(5, 5)\n"
             "self.b.weight = self.a.weight"),
    "buffers": ("x", "x * self.b + self.c + self.t", X, "self.register_buffer('b', torch.randn(5))\n"
                "self.register_buffer('c', torch.ones(5), persistent=False)\nself.t = torch.arange(5)"),
    "lazy": ("x", "self.l(x)", X, "self.l = nn.LazyLinear(4)"),
    "autocast": ("x, y", "with torch.autocast('cpu', dtype=torch.bfloat16):\n    z = x @ y.t()\nz + 1", XY),
    "no_grad": ("x", "with torch.no_grad():\n    y = x * 2\ny + x", X),
    "mse_loss": ("x, y", "F.mse_loss(x, y), F.l1_loss(x, y, reduction='sum'), F.huber_loss(x, y), "
                 "F.smooth_l1_loss(x, y, beta=0.5), F.mse_loss(x, y, reduction='none')", XY),
    "bce": ("x, t", "F.binary_cross_entropy_with_logits(x, t, pos_weight=t + 1), "
            "F.binary_cross_entropy(x.sigmoid(), t, reduction='sum')", "torch.randn(3, 5), torch.rand(3, 5)"),
    "kl_div": ("x, y", "F.kl_div(x.log_softmax(1), y.softmax(1), reduction='batchmean'), "
               "F.soft_margin_loss(x, y.sign()), F.kl_div(x, y, log_target=True)", XY),
    "cross_entropy": ("x, t", "F.cross_entropy(x, t), F.cross_entropy(x, t, reduction='none'), "
                      "F.nll_loss(x, t, ignore_index=2), F.cross_entropy(x, x.softmax(1))",
                      "torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 2, 1])"),
    "margin_losses": ("x, y", "F.margin_ranking_loss(x, y, torch.sign(y)), F.hinge_embedding_loss(x, y.sign()), "
                      "F.triplet_margin_loss(x, y, x * y), F.poisson_nll_loss(x, y.abs())", XY),
}  # fmt: skip

_ALGEBRA = {
    "matmul": ("x, y", "x @ y.t(), torch.mm(x.t(), y)", XY),
    "matmul_batched": ("x, y", "x @ y, torch.bmm(x, x.mT), torch.matmul(x, y[0])",
                       "torch.randn(2, 3, 4), torch.randn(2, 4, 5)"),
    "vectors": ("x, v", "x @ v, torch.mv(x, v), torch.dot(v, v), torch.outer(v, v), torch.inner(x, v)",
                "torch.randn(3, 5), torch.randn(5)"),
    "addmm": ("x, y", "torch.addmm(y[0, :3], x, y.t(), beta=0.5, alpha=2), "
              "torch.baddbmm(x[None], x[None], torch.ones(1, 5, 5), beta=0, alpha=2)", XY),
    "einsum": ("x, y", "torch.einsum('bij,bjk->bik', x, y), torch.einsum('bij,bjk->k', x, y), "
               "torch.einsum('bij->jb', x), torch.einsum('bij,cjk->bcik', x, y)",
               "torch.randn(2, 3, 4), torch.randn(2, 4, 5)"),
    "einsum_three": ("x, y", "torch.einsum('ij,kj,kl->il', x, y, x), torch.einsum('...j->...', x)", XY),
    "diag_matmul": ("a, b", "torch.diag(a) @ b + b", "torch.randn(4), torch.randn(4, 3)"),
    "diagonals": ("x", "x.diag(1), torch.diagonal(x), x.trace(), torch.diag_embed(x[0], 1), x.diagonal(-1)",
                  "torch.randn(4, 4)"),
    "triangles": ("x", "x.tril(), x.triu(1), x.tril(-1)", "torch.randn(4, 6)"),
    "causal_mask": ("x", "m = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)\n"
                    "(x @ x.t()).masked_fill(m, float('-inf')).softmax(-1) @ x", "torch.randn(4, 4)"),
    "factories": ("x", "x + torch.arange(5) + torch.ones(5) * torch.full((3, 1), 0.1) - "
                  "torch.zeros_like(x) + torch.eye(3, 5) + x.new_full((5,), 2.0)", X),
    "arange_float": ("x", "x * torch.arange(0, 1, 0.2) + torch.arange(2.0, 7.0)", X),
    "constants": ("x", "x * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]) + torch.tensor(0.5)", X),
    "rope": ("x", "t = torch.arange(4.0)[:, None] * (10000.0 ** (-torch.arange(0, 4, 2.0) / 4))\n"
             "a, b = x.chunk(2, -1)\n"
             "torch.cat([a * t.cos() - b * t.sin(), a * t.sin() + b * t.cos()], -1)", "torch.randn(4, 4)"),
    "attention_hand": ("q, k, v", "w = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])\nw.softmax(-1) @ v",
                       "torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.randn(2, 3, 4)"),
}  # fmt: skip

_SCANS = {
    "cumsum": ("x", "x.cumsum(1), torch.cumprod(x, 0)", X),
    "cumsum_kinds": ("x, i, b", "x.cumsum(0), i.cumsum(1), i.cumprod(1, dtype=torch.int32), b.cumsum(1)",
                     "torch.randn(3, 5).half(), torch.randint(-3, 4, (3, 5), dtype=torch.int32), torch.randn(3, 5) > 0"),
    "cumsum_dtype": ("x", "x.cumsum(1, dtype=torch.float64), x.int().cumsum(0, dtype=torch.float32)", X),
    "cummax": ("x", "(*torch.cummax(x, 1), torch.cummin(x, 0)[1], *torch.cummin(x.round(), 1))", X),
    "cummax_kinds": ("i, b", "(*torch.cummax(i, 1), *torch.cummin(b, 1), torch.cummax(i.bfloat16(), 0)[0])", f"{INT}, {BOOL}"),
    "logcumsumexp": ("x", "torch.logcumsumexp(x * 9, 1), torch.logcumsumexp(x.double(), 0)", X),
    "scan_from_the_end": ("x", "x.flip(1).cumsum(1).flip(1) * x, torch.cummax(x.flip(0), 0)[1].flip(0)", X),
    "scan_zero_dim": ("x", "x.sum().cumsum(0), torch.cummax(x.sum(), 0)[1], x[:, :1].cumprod(1)", X),
    "scan_of_view": ("x", "x.t().cumsum(0), x.reshape(-1).cumsum(0).reshape(5, 3), x[:, 1:4].cumsum(1)[:, :2]", X),
    "scan_between": ("x, y", "s = torch.cumsum(x * y, 1)\n(s / (s.abs().amax(1, keepdim=True) + 1), s.sum(0), s.mean(1))", XY),
    "scan_of_softmax": ("x", "x.softmax(1).cumsum(1), x.cumsum(1).softmax(0)", X),
    "scan_middle": ("x", "x.cumsum(1) + x.cumsum(2), x.cumsum(3).relu()", IMAGE),
    "exclusive_scan": ("x", "x.cumsum(1) - x, torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1].cumsum(1)], 1)", X),
}  # fmt: skip

_OPAQUE = {
    "conv2d": ("x", "self.c(x).relu()", IMAGE, "self.c = nn.Conv2d(6, 4, 3, padding=1)"),
    "conv1d_half": ("x", "self.c(x) * 2", "torch.randn(2, 6, 9)", "self.c = nn.Conv1d(6, 4, 3)"),
    "attention": ("q, k", "F.scaled_dot_product_attention(q, k, k, is_causal=True)",
                  "torch.randn(2, 3, 4), torch.randn(2, 3, 4)"),
    "pooling": ("x", "F.max_pool2d(x, 2) + F.avg_pool2d(x, 2) + F.adaptive_avg_pool2d(x, 2)", IMAGE),
    "sort": ("x", "v, i = x.sort(1)\n(v + 1, i, x.topk(2)[0])", X),
    "embedding": ("i", "self.e(i) * 2", "torch.randint(0, 7, (3, 4))", "self.e = nn.Embedding(7, 5)"),
    "indexing": ("x, i", "x[i], x.gather(0, i[:, None]), x.index_select(1, i)", f"{X}, torch.tensor([0, 2])"),
    "scatter": ("x, i", "torch.zeros(3, 5).scatter_add(0, i, x)", f"{X}, torch.randint(0, 3, (3, 5))"),
    "lgamma": ("x", "torch.lgamma(x)", POSITIVE),
    "round_decimals": ("x", "torch.round(x, decimals=1)", X),
}  # fmt: skip


def _built() -> dict[str, str]:
    found = {**_unary(), **_activations()}
    for family in (_BINARY, _VIEWS, _REDUCTIONS, _SCANS, _LAYERS, _ALGEBRA, _OPAQUE):
        found |= {name: source(*case) for name, case in family.items()}
    return found


CORPUS: tuple[tuple[str, str], ...] = tuple(_built().items())
CALLS: dict[str, tuple[str, ...]] = {
    "conv2d": ("conv2d",),
    "conv1d_half": ("conv1d",),
    "attention": ("scaled_dot_product_attention",),
    "sort": ("sort", "topk"),
    "lgamma": ("lgamma",),
    "round_decimals": ("round",),
}
