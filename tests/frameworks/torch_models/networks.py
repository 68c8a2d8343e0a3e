# ruff: noqa: E501 (rows of a table)
"""Attention, recurrent cells and small whole networks."""

from __future__ import annotations

from ._source import model, written

TOKENS = "torch.randn(2, 7, 16)"
IMAGE = "torch.randn(2, 3, 16, 16)"
HEADS = "torch.randn(2, 4, 7, 8)"
_ROWS = {
    "sdpa": ("q, k, v", "F.scaled_dot_product_attention(q, k, v, is_causal=True)", f"{HEADS}, {HEADS}, {HEADS}"),
    "sdpa_mask": ("q, k, v, m", "F.scaled_dot_product_attention(q, k, v, attn_mask=m, scale=0.2)", f"{HEADS}, {HEADS}, {HEADS}, torch.ones(7, 7).tril().bool()"),
    "sdpa_gqa": ("q, k, v", "F.scaled_dot_product_attention(q, k, v, enable_gqa=True)", f"{HEADS}, torch.randn(2, 2, 7, 8), torch.randn(2, 2, 7, 8)"),
    "mha": ("x", "self.a(x, x, x)[0]", TOKENS, "self.a = nn.MultiheadAttention(16, 4, batch_first=True)"),
    "mha_weights": ("q, k", "self.a(q, k, k, need_weights=True, average_attn_weights=False)", f"{TOKENS}, torch.randn(2, 5, 16)", "self.a = nn.MultiheadAttention(16, 4, batch_first=True)"),
    "mha_mask": ("x", "m = torch.triu(torch.ones(7, 7), 1).bool()\nself.a(x, x, x, attn_mask=m, need_weights=False)[0]", "torch.randn(7, 2, 16)", "self.a = nn.MultiheadAttention(16, 2)"),
    "encoder": ("x", "self.e(x)", TOKENS, "self.e = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True), 2)"),
    "encoder_eval": ("x", "self.e(x)", TOKENS, "self.e = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)\nself.eval()"),
    "decoder_layer": ("x, m", "self.d(x, m)", f"{TOKENS}, torch.randn(2, 5, 16)", "self.d = nn.TransformerDecoderLayer(16, 4, 32, dropout=0.0, batch_first=True, norm_first=True)"),
    "transformer": ("x, y", "self.t(x, y)", f"{TOKENS}, torch.randn(2, 5, 16)", "self.t = nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True)"),
    "linear_attention": ("q, k, v", "q, k = F.elu(q) + 1, F.elu(k) + 1\nkv = torch.einsum('bhnd,bhne->bhde', k, v)\nz = 1 / (torch.einsum('bhnd,bhd->bhn', q, k.sum(2)) + 1e-6)\ntorch.einsum('bhnd,bhde,bhn->bhne', q, kv, z)", f"{HEADS}, {HEADS}, {HEADS}"),
    "local_attention": ("q, k, v", "i = torch.arange(7)\nm = (i[:, None] - i[None]).abs() <= 2\ns = (q @ k.transpose(-2, -1) / 8 ** 0.5).masked_fill(~m, float('-inf'))\ntorch.softmax(s, -1) @ v", f"{HEADS}, {HEADS}, {HEADS}"),
    "alibi": ("q, k, v", "i = torch.arange(7)\ns = -(i[:, None] - i[None]).abs() * self.m.view(4, 1, 1)\n(q @ k.mT + s).softmax(-1) @ v", f"{HEADS}, {HEADS}, {HEADS}", "self.register_buffer('m', 2.0 ** -torch.arange(1.0, 5))"),
    "gqa_by_hand": ("x", "b, t, _ = x.shape\nq = self.q(x).view(b, t, 4, 4).transpose(1, 2)\nk, v = (z.view(b, t, 2, 4).transpose(1, 2).repeat_interleave(2, 1) for z in self.kv(x).chunk(2, -1))\n(F.softmax(q @ k.mT / 2, -1) @ v).transpose(1, 2).reshape(b, t, 16)", TOKENS, "self.q = nn.Linear(16, 16)\nself.kv = nn.Linear(16, 16)"),
    "rnn": ("x", "y, h = self.r(x)\nself.o(h[-1]), y", TOKENS, "self.r = nn.RNN(16, 8, 2, nonlinearity='relu', batch_first=True)\nself.o = nn.Linear(8, 3)"),
    "lstm_bidirectional": ("x, h, c", "y, (h, c) = self.r(x, (h, c))\ny, h, c", "torch.randn(5, 2, 6), torch.zeros(4, 2, 8), torch.zeros(4, 2, 8)", "self.r = nn.LSTM(6, 8, 2, bidirectional=True)"),
    "lstm_projection": ("x", "self.r(x)[0]", "torch.randn(5, 2, 6)", "self.r = nn.LSTM(6, 8, proj_size=4)"),
    "lstm_zero_state": ("x", "h = torch.zeros(2, x.size(0), 8).to(x.device)\ny, _ = self.r(x, (h, h.clone()))\nself.f(y[:, -1, :])", TOKENS, "self.r = nn.LSTM(16, 8, 2, batch_first=True, dropout=0.0)\nself.f = nn.Linear(8, 3)"),
    "gru": ("x, h", "self.r(x, h)", "torch.randn(5, 2, 6), torch.randn(2, 2, 8)", "self.r = nn.GRU(6, 8, 2, bias=False)"),
    "cells": ("x, h", "g = self.g(x, h)\nh, c = self.l(x, (g, g))\nself.r(x, h), c", "torch.randn(2, 6), torch.randn(2, 8)", "self.g = nn.GRUCell(6, 8)\nself.l = nn.LSTMCell(6, 8)\nself.r = nn.RNNCell(6, 8)"),
    "lstm_by_hand": ("x", "h = c = x.new_zeros(2, 8)\nfor t in range(x.shape[1]):\n    i, f, g, o = (self.w(x[:, t]) + self.u(h)).chunk(4, 1)\n    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)\n    h = torch.sigmoid(o) * torch.tanh(c)\nh", TOKENS, "self.w = nn.Linear(16, 32)\nself.u = nn.Linear(8, 32)"),
    "selective_scan": ("x, d, b, c", "h = torch.zeros(2, 6, 4)\nys = []\nfor t in range(5):\n    h = torch.exp(d[:, t, :, None] * self.a) * h + d[:, t, :, None] * b[:, t, None] * x[:, t, :, None]\n    ys.append((h * c[:, t, None]).sum(-1))\ntorch.stack(ys, 1) + x * self.d", "torch.randn(2, 5, 6), torch.rand(2, 5, 6), torch.randn(2, 5, 4), torch.randn(2, 5, 4)", "self.a = nn.Parameter(-torch.rand(6, 4))\nself.d = nn.Parameter(torch.ones(6))"),
    "mamba2_segsum": ("x", "t = x.size(-1)\nc = torch.cumsum(x, -1)\ns = c[..., :, None] - c[..., None, :]\ns.masked_fill(~torch.tril(torch.ones(t, t, dtype=torch.bool)), -torch.inf).exp()", "torch.randn(2, 3, 6)"),
    "rope_interleaved": ("x", "f = torch.outer(torch.arange(7.0), 1.0 / 10000 ** (torch.arange(0, 8, 2).float() / 8))\nc, s = f.cos(), f.sin()\na, b = x[..., ::2], x[..., 1::2]\ntorch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)", HEADS),
    "position_encoding": ("x", "x + self.pe[:, : x.size(1)]", TOKENS, "pe = torch.zeros(1, 32, 16)\np = torch.arange(0, 32).unsqueeze(1).float()\nd = torch.exp(torch.arange(0, 16, 2).float() * (-math.log(10000.0) / 16))\npe[0, :, 0::2] = torch.sin(p * d)\npe[0, :, 1::2] = torch.cos(p * d)\nself.register_buffer('pe', pe)"),
    "mlp": ("x", "self.n(x)", "torch.randn(4, 12)", "sizes = [inputs, *hidden, outputs]\nlayers = []\nfor a, b in zip(sizes, sizes[1:]):\n    layers += [nn.Linear(a, b), nn.ReLU()]\nself.n = nn.Sequential(*layers[:-1])", {"takes": "inputs, hidden, outputs", "given": "12, [8, 6], 3"}),
    "lenet": ("x", "x = F.max_pool2d(F.relu(self.a(x)), 2, 2)\nx = F.max_pool2d(F.relu(self.b(x)), kernel_size=2, stride=2)\nx = x.view(-1, 16 * 5 * 5)\nself.f(x)", "torch.randn(2, 1, 32, 32)", "self.a = nn.Conv2d(1, 6, 5)\nself.b = nn.Conv2d(6, 16, 5)\nself.f = nn.Sequential(nn.Linear(400, 12), nn.ReLU(), nn.Linear(12, 10))"),
    "alexnet_head": ("x", "torch.flatten(self.p(self.f(x)), 1)", IMAGE, "self.f = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2))\nself.p = nn.AdaptiveAvgPool2d((2, 2))"),
    "vgg_block": ("x", "self.f(x)", IMAGE, "self.f = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2))\nself.eval()"),
    "dense_block": ("x", "for l in self.l:\n    x = torch.cat([x, l(x)], 1)\nx", IMAGE, "self.l = nn.ModuleList([nn.Sequential(nn.BatchNorm2d(3 + 4 * i), nn.ReLU(inplace=True), nn.Conv2d(3 + 4 * i, 4, 3, padding=1, bias=False), nn.Dropout(0.0)) for i in range(3)])"),
    "inception": ("x", "torch.cat([self.a(x), self.b(x), self.c(x), self.d(x)], 1)", IMAGE, "self.a = nn.Conv2d(3, 2, 1)\nself.b = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 3, padding=1))\nself.c = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 5, padding=2))\nself.d = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(3, 2, 1))"),
    "fire": ("x", "x = F.relu(self.s(x), inplace=True)\ntorch.cat([F.relu(self.a(x)), F.relu(self.b(x))], 1)", IMAGE, "self.s = nn.Conv2d(3, 4, 1)\nself.a = nn.Conv2d(4, 6, 1)\nself.b = nn.Conv2d(4, 6, 3, padding=1)"),
    "inverted_residual": ("x", "x + self.c(x)", "torch.randn(2, 4, 8, 8)", "self.c = nn.Sequential(nn.Conv2d(4, 12, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU6(inplace=True), nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False), nn.BatchNorm2d(12), nn.ReLU6(inplace=True), nn.Conv2d(12, 4, 1, bias=False), nn.BatchNorm2d(4))"),
    "mbconv": ("x", "y = F.silu(self.n(self.d(x)))\ns = torch.sigmoid(self.b(F.silu(self.a(F.adaptive_avg_pool2d(y, 1)))))\nself.p(y * s) + x", "torch.randn(2, 4, 8, 8)", "self.d = nn.Conv2d(4, 4, 3, padding=1, groups=4)\nself.n = nn.BatchNorm2d(4)\nself.a = nn.Conv2d(4, 2, 1)\nself.b = nn.Conv2d(2, 4, 1)\nself.p = nn.Conv2d(4, 4, 1)"),
    "channel_shuffle": ("x", "b, c, h, w = x.size()\nx = x.view(b, 3, c // 3, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)\na, d = x.chunk(2, dim=1)\ntorch.cat((a, self.c(d)), 1)", "torch.randn(2, 6, 5, 5)", "self.c = nn.Conv2d(3, 3, 3, padding=1, groups=3)"),
    "convnext_block": ("x", "y = self.d(x).permute(0, 2, 3, 1)\ny = self.b(F.gelu(self.a(self.n(y))))\nx + (self.g * y).permute(0, 3, 1, 2)", "torch.randn(2, 8, 9, 9)", "self.d = nn.Conv2d(8, 8, 7, padding=3, groups=8)\nself.n = nn.LayerNorm(8, eps=1e-6)\nself.a = nn.Linear(8, 32)\nself.b = nn.Linear(32, 8)\nself.g = nn.Parameter(1e-6 * torch.ones(8))"),
    "mixer_block": ("x", "x = x + self.t(self.a(x).transpose(1, 2)).transpose(1, 2)\nx + self.c(self.b(x))", TOKENS, "self.a = nn.LayerNorm(16)\nself.b = nn.LayerNorm(16)\nself.t = nn.Sequential(nn.Linear(7, 12), nn.GELU(), nn.Linear(12, 7))\nself.c = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 16))"),
    "swin_windows": ("x", "b, h, w, c = x.shape\ns = torch.roll(x, shifts=(-2, -2), dims=(1, 2))\nv = s.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 16, c)\nv = v * 2\ny = v.view(b, h // 4, w // 4, 4, 4, -1).permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, -1)\ntorch.roll(y, (2, 2), (1, 2)) + x", "torch.randn(2, 8, 8, 4)"),
    "patch_merge": ("x", "y = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)\nself.r(self.n(y.view(2, -1, 16)))", "torch.randn(2, 8, 8, 4)", "self.n = nn.LayerNorm(16)\nself.r = nn.Linear(16, 8, bias=False)"),
    "relative_bias": ("q", "b = self.t[self.i.view(-1)].view(4, 4, 2).permute(2, 0, 1).contiguous()\n(q @ q.mT + b.unsqueeze(0)).softmax(-1)", "torch.randn(3, 2, 4, 8)", "self.t = nn.Parameter(torch.randn(9, 2))\nc = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(2), indexing='ij')).flatten(1)\nr = (c[:, :, None] - c[:, None, :]).permute(1, 2, 0) + 1\nself.register_buffer('i', r[..., 0] * 3 + r[..., 1])"),
    "netvlad": ("x", "a = F.softmax(self.b(x.view(-1, 8) @ self.c), dim=1).view(-1, 6, 5)\ns = torch.sum(a, dim=1, keepdim=True) * self.d\nv = torch.matmul(a.transpose(1, 2), x).transpose(1, 2) - s\nF.normalize(F.normalize(v).reshape(-1, 40))", "torch.randn(3, 6, 8)", "self.c = nn.Parameter(torch.randn(8, 5) / 3)\nself.b = nn.BatchNorm1d(5)\nself.d = nn.Parameter(torch.randn(1, 8, 5) / 3)"),
    "moe_dense": ("x", "w, i = self.g(x).softmax(-1).topk(2, -1)\nw = w / w.sum(-1, keepdim=True)\ny = torch.stack([e(x) for e in self.e], -2)\n(y.gather(-2, i[..., None].expand(*i.shape, 16)) * w[..., None]).sum(-2)", TOKENS, "self.g = nn.Linear(16, 4)\nself.e = nn.ModuleList([nn.Linear(16, 16) for _ in range(4)])"),
    "moe_masked_loop": ("x", "g = self.g(x).argmax(-1)\ny = torch.zeros_like(x)\nfor n, e in enumerate(self.e):\n    y += e(x) * (g == n).unsqueeze(-1).to(x.dtype)\ny", TOKENS, "self.g = nn.Linear(16, 3)\nself.e = nn.ModuleList([nn.Linear(16, 16) for _ in range(3)])"),
    "gcn": ("a, x", "a = a + torch.eye(6)\nd = a.sum(1).pow(-0.5)\nF.relu(self.l((d[:, None] * a * d[None]) @ x))", "(torch.rand(6, 6) > 0.5).float(), torch.randn(6, 5)", "self.l = nn.Linear(5, 4)"),
    "gat": ("a, x", "h = self.w(x)\ne = F.leaky_relu((h @ self.s) + (h @ self.t).T, 0.2)\ne = torch.where(a > 0, e, -9e15 * torch.ones_like(e))\nF.elu(F.softmax(e, 1) @ h)", "(torch.rand(6, 6) > 0.3).float(), torch.randn(6, 5)", "self.w = nn.Linear(5, 4, bias=False)\nself.s = nn.Parameter(torch.randn(4, 1))\nself.t = nn.Parameter(torch.randn(4, 1))"),
    "message_passing": ("x, e", "m = self.l(torch.cat([x[e[0]], x[e[1]]], -1))\ntorch.zeros(6, 4).index_add_(0, e[1], m)", "torch.randn(6, 5), torch.randint(0, 6, (2, 9))", "self.l = nn.Linear(10, 4)"),
    "deepfm": ("i, v", "e = self.e(i) * v.unsqueeze(-1)\ns = 0.5 * (e.sum(1) ** 2 - (e ** 2).sum(1)).sum(1, keepdim=True)\ntorch.sigmoid(s + self.m(e.flatten(1)))", "torch.randint(0, 20, (4, 3)), torch.rand(4, 3)", "self.e = nn.Embedding(20, 5)\nself.m = nn.Sequential(nn.Linear(15, 8), nn.ReLU(), nn.Linear(8, 1))"),
    "autoencoder": ("x", "self.d(self.e(x))", "torch.randn(2, 1, 8, 8)", "self.e = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU())\nself.d = nn.Sequential(nn.ConvTranspose2d(4, 1, 2, 2), nn.Sigmoid())"),
    "neural_ode_step": ("x", "k1 = self.f(x)\nk2 = self.f(x + 0.05 * k1)\nk3 = self.f(x + 0.05 * k2)\nk4 = self.f(x + 0.1 * k3)\nx + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)", "torch.randn(4, 12)", "self.f = nn.Sequential(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 12))"),
    "kan_layer": ("x", "g = self.g\nb = ((x[..., None] >= g[:-1]) & (x[..., None] < g[1:])).to(x.dtype)\nfor k in range(1, 3):\n    b = (x[..., None] - g[: -(k + 1)]) / (g[k:-1] - g[: -(k + 1)]) * b[..., :-1] + (g[k + 1:] - x[..., None]) / (g[k + 1:] - g[1:-k]) * b[..., 1:]\ntorch.einsum('bik,oik->bo', b, self.w)", "torch.rand(4, 3)", "self.register_buffer('g', torch.linspace(-1, 2, 9))\nself.w = nn.Parameter(torch.randn(5, 3, 6))"),
    "highway": ("x", "t = torch.sigmoid(self.t(x))\nt * F.relu(self.h(x)) + (1 - t) * x", "torch.randn(4, 12)", "self.t = nn.Linear(12, 12)\nself.h = nn.Linear(12, 12)"),
    "text_cnn": ("i", "x = self.e(i).unsqueeze(1)\nx = [F.relu(c(x)).squeeze(3) for c in self.c]\nself.f(torch.cat([F.max_pool1d(z, z.size(2)).squeeze(2) for z in x], 1))", "torch.randint(0, 20, (3, 9))", "self.e = nn.Embedding(20, 6)\nself.c = nn.ModuleList([nn.Conv2d(1, 4, (k, 6)) for k in (2, 3)])\nself.f = nn.Linear(8, 2)"),
    "wavenet_block": ("x", "f = torch.tanh(self.f(F.pad(x, (2, 0))))\ng = torch.sigmoid(self.g(F.pad(x, (2, 0))))\nz = f * g\nx + self.r(z), self.s(z)", "torch.randn(2, 4, 12)", "self.f = nn.Conv1d(4, 4, 2, dilation=2)\nself.g = nn.Conv1d(4, 4, 2, dilation=2)\nself.r = nn.Conv1d(4, 4, 1)\nself.s = nn.Conv1d(4, 4, 1)"),
    "yolo_decode": ("x", "b = x.view(2, 2, 7, 4, 4).permute(0, 1, 3, 4, 2)\ng = torch.arange(4.0)\nxy = torch.sigmoid(b[..., :2]) + torch.stack(torch.meshgrid(g, g, indexing='xy'), -1)\nwh = torch.exp(b[..., 2:4]) * self.a.view(1, 2, 1, 1, 2)\ntorch.cat([xy, wh, b[..., 4:].sigmoid()], -1).view(2, -1, 7)", "torch.randn(2, 14, 4, 4)", "self.register_buffer('a', torch.rand(2, 2))"),
    "box_iou": ("a, b", "lt = torch.max(a[:, None, :2], b[None, :, :2])\nrb = torch.min(a[:, None, 2:], b[None, :, 2:])\nwh = (rb - lt).clamp(min=0)\ni = wh[..., 0] * wh[..., 1]\nu = ((a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]))[:, None] + ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]))[None] - i\ni / u", "torch.cat([torch.rand(4, 2), torch.rand(4, 2) + 1], 1), torch.cat([torch.rand(5, 2), torch.rand(5, 2) + 1], 1)"),
}  # fmt: skip


def _row(arguments: str, body: str, inputs: str, init: str = "pass", more: dict[str, str] | None = None) -> str:  # fmt: skip
    return model(arguments, body, inputs, init, **(more or {}))


MODELS = {name: _row(*row) for name, row in _ROWS.items()}
MODELS["resnet_block"] = written(
    """
    class Model(nn.Module):
        expansion = 1

        def __init__(self, inputs, outputs, stride=1):
            super(Model, self).__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, stride=1, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

        def forward(self, x):
            identity = x
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            if self.downsample is not None:
                identity = self.downsample(x)
            out += identity
            return self.relu(out)
    """,
    "torch.randn(2, 3, 12, 12)",
    "3, 6, 2",
)
MODELS["vit"] = written(
    """
    class Model(nn.Module):
        def __init__(self, size=16, patch=4, classes=5, dim=16, depth=1, heads=2, mlp=32):
            super().__init__()
            self.patch = patch
            self.pos = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, dim))
            self.embed = nn.Linear(3 * patch ** 2, dim)
            self.cls = nn.Parameter(torch.randn(1, 1, dim))
            layer = nn.TransformerEncoderLayer(d_model=dim, nhead=heads, dim_feedforward=mlp, dropout=0.0)
            self.transformer = nn.TransformerEncoder(layer, num_layers=depth)
            self.head = nn.Sequential(nn.Linear(dim, mlp), nn.GELU(), nn.Dropout(0.0), nn.Linear(mlp, classes))

        def forward(self, img):
            p = self.patch
            x = img.unfold(2, p, p).unfold(3, p, p).reshape(img.shape[0], -1, p * p * 3)
            x = self.embed(x)
            x = torch.cat((self.cls.expand(img.shape[0], -1, -1), x), dim=1) + self.pos
            return self.head(self.transformer(x)[:, 0])
    """,
    IMAGE,
)
MODELS["gpt_block"] = written(
    """
    class Attention(nn.Module):
        def __init__(self, width, heads, length):
            super().__init__()
            self.c_attn = nn.Linear(width, 3 * width)
            self.c_proj = nn.Linear(width, width)
            self.drop = nn.Dropout(0.0)
            self.register_buffer("bias", torch.tril(torch.ones(length, length)).view(1, 1, length, length))
            self.heads, self.width = heads, width

        def forward(self, x):
            B, T, C = x.size()
            q, k, v = self.c_attn(x).split(self.width, dim=2)
            k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
            y = self.drop(F.softmax(att, dim=-1)) @ v
            return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


    class Model(nn.Module):
        def __init__(self, width, heads, length):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attn = Attention(width, heads, length)
            self.mlp = nn.ModuleDict(dict(c_fc=nn.Linear(width, 4 * width), c_proj=nn.Linear(4 * width, width), act=nn.GELU()))
            m = self.mlp
            self.mlpf = lambda x: m.c_proj(m.act(m.c_fc(x)))

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlpf(self.ln_2(x))
    """,
    TOKENS,
    "16, 4, 12",
)
MODELS["llama_block"] = written(
    """
    class RMSNorm(nn.Module):
        def __init__(self, dim, eps=1e-6):
            super().__init__()
            self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))

        def forward(self, x):
            y = x.float()
            return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)).type_as(x) * self.weight


    def rotate_half(x):
        a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
        return torch.cat((-b, a), dim=-1)


    class Model(nn.Module):
        def __init__(self, dim=16, heads=4, kv=2):
            super().__init__()
            self.h, self.kv, self.d = heads, kv, dim // heads
            self.q, self.o = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
            self.k, self.v = nn.Linear(dim, kv * self.d, bias=False), nn.Linear(dim, kv * self.d, bias=False)
            self.gate, self.up = nn.Linear(dim, 24, bias=False), nn.Linear(dim, 24, bias=False)
            self.down = nn.Linear(24, dim, bias=False)
            self.n1, self.n2 = RMSNorm(dim), RMSNorm(dim)

        def forward(self, x):
            b, t, c = x.shape
            y = self.n1(x)
            q = self.q(y).view(b, t, self.h, self.d).transpose(1, 2)
            k = self.k(y).view(b, t, self.kv, self.d).transpose(1, 2)
            v = self.v(y).view(b, t, self.kv, self.d).transpose(1, 2)
            f = torch.outer(torch.arange(t, device=x.device).float(), 1.0 / (1e4 ** (torch.arange(0, self.d, 2).float() / self.d)))
            e = torch.cat((f, f), -1)
            cos, sin = e.cos()[None, None], e.sin()[None, None]
            q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
            k, v = (z[:, :, None].expand(b, self.kv, self.h // self.kv, t, self.d).reshape(b, self.h, t, self.d) for z in (k, v))
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.o(a.transpose(1, 2).reshape(b, t, c))
            y = self.n2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))
    """,
    TOKENS,
)
MODELS["unet"] = written(
    """
    class Double(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.net = nn.Sequential(
                nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.Softmax(dim=-1),
                nn.Conv2d(b, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
            )

        def forward(self, x):
            return self.net(x)


    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = Double(3, 4), Double(4, 8), Double(12, 4)
            self.pool = nn.MaxPool2d(2)
            self.up = nn.ConvTranspose2d(8, 8, kernel_size=2, stride=2)
            self.out = nn.Conv2d(4, 2, 1)

        def forward(self, x):
            a = self.a(x)
            b = self.up(self.b(self.pool(a)))
            return self.out(self.c(torch.cat([b, a], dim=1)))
    """,
    IMAGE,
)
MODELS["mamba_block"] = written(
    """
    class Model(nn.Module):
        def __init__(self, width=8, state=4, kernel=3):
            super().__init__()
            self.inner = 2 * width
            self.in_proj = nn.Linear(width, 2 * self.inner, bias=False)
            self.conv = nn.Conv1d(self.inner, self.inner, kernel, groups=self.inner, padding=kernel - 1)
            self.x_proj = nn.Linear(self.inner, 1 + 2 * state, bias=False)
            self.dt = nn.Linear(1, self.inner)
            self.a_log = nn.Parameter(torch.log(torch.arange(1, state + 1).float().repeat(self.inner, 1)))
            self.d = nn.Parameter(torch.ones(self.inner))
            self.out = nn.Linear(self.inner, width, bias=False)
            self.state = state

        def forward(self, u):
            b, l, _ = u.shape
            x, z = self.in_proj(u).chunk(2, -1)
            x = F.silu(self.conv(x.transpose(1, 2))[..., :l].transpose(1, 2))
            dt, B, C = torch.split(self.x_proj(x), [1, self.state, self.state], -1)
            dt = F.softplus(self.dt(dt))
            A = -torch.exp(self.a_log)
            h = torch.zeros(b, self.inner, self.state, device=u.device, dtype=u.dtype)
            out = []
            for t in range(l):
                h = torch.exp(dt[:, t, :, None] * A) * h + (dt[:, t] * x[:, t])[..., None] * B[:, t, None, :]
                out.append(torch.einsum("bdn,bn->bd", h, C[:, t]))
            return self.out((torch.stack(out, 1) + x * self.d) * F.silu(z))
    """,
    "torch.randn(2, 4, 8)",
)
MODELS["hugging_face_style"] = written(
    """
    from collections import OrderedDict

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.e, self.l = nn.Embedding(20, 8), nn.Linear(8, 20)

        def forward(self, input_ids, attention_mask=None, labels=None, return_dict=True):
            h = self.e(input_ids)
            if attention_mask is not None:
                h = h * attention_mask.unsqueeze(-1).to(h.dtype)
            logits = self.l(h)
            loss = None
            if labels is not None:
                loss = F.cross_entropy(logits[..., :-1, :].contiguous().view(-1, 20), labels[..., 1:].contiguous().view(-1))
            return OrderedDict(loss=loss, logits=logits, hidden_states=(h,))
    """,
    "torch.randint(0, 20, (2, 6)), torch.ones(2, 6, dtype=torch.long), torch.randint(0, 20, (2, 6))",
)
