"""Honest candidates for PyTorch references: the same mathematics by other roads."""

from __future__ import annotations

from tests.verify.corpora.judged_tables import Table
from tests.verify.corpora.wrong_models import FRESH, HALF, LAYERS, fresh, half, layers

_FINITE = ""

HEAD = '''
def erf(x):
    """Cody's rational approximations (1969), in float64; errs by less than float32 can show."""
    x = x.double()
    z, a = x * x, x.abs()
    p = (3.20937758913846947e3, 3.77485237685302021e2, 1.13864154151050156e2,
         3.16112374387056560, 1.85777706184603153e-1)
    q = (2.84423683343917062e3, 1.28261652607737228e3, 2.44024637934444173e2,
         2.36012909523441209e1, 1.0)
    near = x * poly(p, z) / poly(q, z)
    p = (1.23033935479799725e3, 2.05107837782607147e3, 1.71204761263407058e3,
         8.81952221241769090e2, 2.98635138197400131e2, 6.61191906371416295e1,
         8.88314979438837594, 5.64188496988670089e-1, 2.15311535474403846e-8)
    q = (1.23033935480374942e3, 3.43936767414372164e3, 4.36261909014324716e3,
         3.29079923573345963e3, 1.62138957456669019e3, 5.37181101862009858e2,
         1.17693950891312499e2, 1.57449261107098347e1, 1.0)
    b = a.clamp(max=6)
    far = torch.sign(x) * (1 - torch.exp(-b * b) * poly(p, b) / poly(q, b))
    return torch.where(a < 0.46875, near, far)


def poly(coefficients, x):
    value = torch.zeros_like(x)
    for c in reversed(coefficients):
        value = value * x + c
    return value


def flash(q, k, v, scale, block=7):
    """Attention over blocks of keys with a running maximum and sum."""
    shape = (*q.shape[:-1], 1)
    m, s, out = torch.full(shape, -torch.inf), torch.zeros(shape), torch.zeros_like(q)
    for j in range(0, k.shape[-2], block):
        scores = q @ k[..., j : j + block, :].transpose(-1, -2) * scale
        new = torch.maximum(m, scores.amax(-1, True))
        p, fix = torch.exp(scores - new), torch.exp(m - new)
        s, out = s * fix + p.sum(-1, True), out * fix + p @ v[..., j : j + block, :]
        m = new
    return out / s
'''


def _line(name: str, new: str) -> str:
    """The candidate that computes one output in another way."""
    start = LAYERS.index(f"        {name} = ")
    found = LAYERS[start : LAYERS.index("\n", start)]
    source = layers((found, f"        {name} = {new}"))
    return source.replace("class ModelNew", f"{HEAD}\n\nclass ModelNew")


LAYERS_HONEST = {
    "the same": layers(),
    "gelu by erf": _line("gelu", "0.5 * x * (1 + torch.erf(x * 0.5**0.5))") + _FINITE,
    "gelu by erfc": _line("gelu", "0.5 * x * torch.erfc(-x * 0.5**0.5)") + _FINITE,
    "gelu by rational functions": _line("gelu", "(0.5 * x * (1 + erf(x * 0.5**0.5))).float()")
    + _FINITE,
    "gelu in float64": _line("gelu", "F.gelu(x.double()).float()"),
    "leaky by where": _line("leaky", "torch.where(x > 0, x, x * 0.02)"),
    "leaky by a maximum": _line("leaky", "torch.maximum(x, x * 0.02)"),
    "clamp by minimum and maximum": _line(
        "clamped", "torch.minimum(torch.maximum(x, x.new_tensor(-0.7)), x.new_tensor(1.3))"
    ),
    "linear by einsum": _line(
        "linear", "torch.einsum('ik,jk->ij', x, self.linear.weight) + self.linear.bias"
    ),
    "linear in float64": _line(
        "linear",
        "(x.double() @ self.linear.weight.double().t() + self.linear.bias.double()).float()",
    ),
    "linear split along k": _line(
        "linear",
        "sum(x[:, k : k + 15] @ self.linear.weight[:, k : k + 15].t() for k in range(0, 60, 15))"
        " + self.linear.bias",
    ),
    "linear transposed": _line(
        "linear", "(self.linear.weight @ x.t().contiguous() + self.linear.bias[:, None]).t()"
    ),
    "linear, bias first": _line(
        "linear", "torch.addmm(self.linear.bias, x, self.linear.weight.t())"
    ),
    "layer norm in float64": _line(
        "norm",
        "F.layer_norm(x.double(), (60,), *(p.double() for p in self.norm.parameters())).float()",
    ),
    "layer norm by rsqrt": _line(
        "norm",
        "(x - x.mean(1, True)) * torch.rsqrt((x - x.mean(1, True)).square().mean(1, True) + 1e-5)"
        " * self.norm.weight + self.norm.bias",
    ),
    "layer norm, E[x^2] - E[x]^2 in float64": _line(
        "norm",
        "((x.double() - x.double().mean(1, True)) / torch.sqrt((x.double() ** 2).mean(1, True)"
        " - x.double().mean(1, True) ** 2 + 1e-5) * self.norm.weight + self.norm.bias).float()",
    )
    + _FINITE,
    "batch norm folded": _line(
        "batch",
        "(lambda s: x * s + (self.batch.bias - self.batch.running_mean * s))"
        "(self.batch.weight / torch.sqrt(self.batch.running_var + self.batch.eps))",
    ),
    "batch norm in float64": _line(
        "batch",
        "((x.double() - self.batch.running_mean) / torch.sqrt(self.batch.running_var.double()"
        " + self.batch.eps) * self.batch.weight + self.batch.bias).float()",
    ),
    "convolution by im2col": _line(
        "conv",
        "(self.conv.weight.reshape(5, 18) @ F.pad(z, (1, 1)).unfold(2, 3, 1).permute(0, 1, 3, 2)"
        ".reshape(4, 18, 50)) + self.conv.bias[:, None]",
    ),
    "convolution by shifted products": _line(
        "conv",
        "sum(self.conv.weight[:, :, k] @ F.pad(z, (1, 1))[:, :, k : k + 50] for k in range(3))"
        " + self.conv.bias[:, None]",
    ),
    "convolution by FFT in float64": _line(
        "conv",
        "(torch.fft.irfft((torch.fft.rfft(F.pad(z.double(), (1, 1)), 52)[:, None]"
        " * torch.fft.rfft(self.conv.weight.double(), 52).conj()[None]).sum(2), 52)[..., :50]"
        " + self.conv.bias.double()[:, None]).float()",
    )
    + _FINITE,
    "convolution channels last": _line(
        "conv", "self.conv(z.transpose(1, 2).contiguous().transpose(1, 2)).contiguous()"
    ),
    "maximum of windows": _line(
        "pooled", "F.pad(z, (1, 1), value=-torch.inf).unfold(2, 3, 2).amax(-1)"
    ),
    "maximum of shifted copies": _line(
        "pooled",
        "(lambda p: torch.maximum(torch.maximum(p[..., 0:49:2], p[..., 1:50:2]), p[..., 2:51:2]))"
        "(F.pad(z, (1, 1), value=-torch.inf))",
    ),
    "attention in blocks": _line("attention", "flash(q, q, q, 60**-0.5)"),
    "attention in blocks of 24": _line("attention", "flash(q, q, q, 60**-0.5, 24)"),
    "attention scaled before": _line(
        "attention", "torch.softmax((q * 60**-0.5) @ q.transpose(1, 2), -1) @ q"
    ),
    "attention by the library": _line("attention", "F.scaled_dot_product_attention(q, q, q)"),
    "attention, divided at the end": _line(
        "attention",
        "(lambda e: e @ q / e.sum(-1, True))((lambda s: torch.exp(s - s.amax(-1, True)))"
        "(q @ q.transpose(1, 2) / 60**0.5))",
    ),
    "attention in float64": _line(
        "attention", "F.scaled_dot_product_attention(*[q.double()] * 3).float()"
    ),
    "argmax by maximum": _line("best", "torch.max(x, dim=1).indices"),
    "argmax, the last one": _line("best", "59 - torch.argmax(x.flip(1), dim=1)") + _FINITE,
    "argmax by top one": _line("best", "torch.topk(x, 1, dim=1).indices[:, 0]") + _FINITE,
    "top four by a sort": layers(
        ("torch.topk(x, 4, dim=1)", "(t[:, :4] for t in torch.sort(x, dim=1, descending=True))")
    )
    + _FINITE,
    "top four by a stable sort from the end": layers(
        (
            "top, places = torch.topk(x, 4, dim=1)",
            "s, i = torch.sort(x.flip(1), dim=1, descending=True, stable=True); "
            "top, places = s[:, :4], 59 - i[:, :4]",
        )  # fmt: skip
    )
    + _FINITE,
    "top four one after the other": layers(
        (
            "top, places = torch.topk(x, 4, dim=1)",
            "y, found = x.clone(), []\n"
            "        for _ in range(4):\n"
            "            v, i = y.max(1)\n"
            "            found.append((v, i)); y[torch.arange(len(y)), i] = -torch.inf\n"
            "        top, places = (torch.stack(p, 1) for p in zip(*found))",
        )  # fmt: skip
    )
    + _FINITE,
}

HALF_HONEST = {
    "the same": half("pass"),
    "float32 inside": half(
        "a, b = (torch.relu(x.float()) * 1.5).to(x.dtype), (x.float() @ w.float()).to(x.dtype)"
    ),
    "float64 inside": half(
        "b, c = (x.double() @ w.double()).to(x.dtype), x.double().mean(1).to(x.dtype)"
    ),
    "float32, split along k": half(
        "b = sum(x[:, k : k + 32].float() @ w[k : k + 32].float() for k in range(0, 96, 32))"
        "\n    b = b.to(x.dtype)"
    ),
    "float32, one by one": half(
        "b = torch.zeros(b.shape)\n"
        "    for k in range(96): b = b + x[:, k : k + 1].float() * w[k].float()\n"
        "    b = b.to(x.dtype)"
    ),
    "transposed": half("b = (w.t().contiguous() @ x.t().contiguous()).t().contiguous()"),
    "sums from the end": half("c = (x.float().flip(1).sum(1) / 96).to(x.dtype)"),
    "sums in blocks": half("c = (x.float().view(64, 8, 12).sum(2).sum(1) * (1 / 96)).to(x.dtype)"),
    "a product with ones": half("c = (x.float() @ torch.full((96, 1), 1 / 96))[:, 0].to(x.dtype)"),
    "clamped, then scaled": half("a = torch.clamp(x, min=0) * 1.5"),
    "rounded truth": half("a = (torch.relu(x.double()) * 1.5).to(x.dtype)"),
}

FRESH_HONEST = {
    "the same": fresh(),
    "its own statistics": fresh(
        (
            "self.norm(x)",
            "((x - x.mean(1, True)) * torch.rsqrt(x.var(1, correction=0, keepdim=True)"
            " + 1e-5)) * self.norm.weight + self.norm.bias",
        )  # fmt: skip
    ),
    "folded when prepared": fresh(
        (
            "    def forward",
            "    def prepare(self):\n"
            "        b = self.batch\n"
            "        self.factor = b.weight / torch.sqrt(b.running_var + b.eps)\n"
            "        self.shift = b.bias - b.running_mean * self.factor\n\n    def forward",
        ),
        ("self.batch(x)", "x * self.factor + self.shift"),
    ),  # fmt: skip
    "rows in blocks of 16": fresh(
        ("self.norm(x)", "torch.cat([self.norm(part) for part in x.split(16)])")
    ),
}

HONEST_MODELS = {
    "layers": Table(LAYERS, LAYERS_HONEST, "torch"),
    "fresh": Table(FRESH, FRESH_HONEST, "torch"),
    "float16": Table(HALF.replace("DTYPE", "torch.float16"), HALF_HONEST, "torch"),
    "bfloat16": Table(HALF.replace("DTYPE", "torch.bfloat16"), HALF_HONEST, "torch"),
}
