"""Wrong candidates for PyTorch references: formulas that are nearly the right ones."""

from __future__ import annotations

from tests.verify.corpora.judged_tables import Table
from tests.verify.corpora.wrong_outputs import ANY_VALUE, ELEMENT, EXACT, Wrong

LAYERS = """
import torch
import torch.nn.functional as F

class Model(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(width, 40)
        self.norm = torch.nn.LayerNorm(width)
        self.batch = torch.nn.BatchNorm1d(width).eval()
        self.conv = torch.nn.Conv1d(6, 5, 3, padding=1)
        with torch.no_grad():
            for tensor in (self.norm.weight, self.norm.bias, self.batch.weight, self.batch.bias):
                tensor.uniform_(0.5, 1.5)
            self.batch.running_mean.uniform_(-1, 1)
            self.batch.running_var.uniform_(0.5, 2)

    def forward(self, x, z):
        gelu = F.gelu(x)
        leaky = F.leaky_relu(x, 0.02)
        clamped = torch.clamp(x, -0.7, 1.3)
        linear = self.linear(x)
        norm = self.norm(x)
        batch = self.batch(x)
        conv = self.conv(z)
        pooled = F.max_pool1d(z, 3, stride=2, padding=1)
        q = x.view(2, 24, 60)
        scores = torch.softmax(q @ q.transpose(1, 2) / 60**0.5, -1)
        attention = scores @ q
        best = torch.argmax(x, dim=1)
        top, places = torch.topk(x, 4, dim=1)
        floats = gelu, leaky, clamped, linear, norm, batch, conv, pooled, attention
        return *floats, best, top, places

def get_inputs():
    return [torch.randn(48, 60), torch.randn(4, 6, 50)]

def get_init_inputs():
    return [60]
"""


def layers(*edits: tuple[str, str]) -> str:
    source = LAYERS[: LAYERS.index("def get_inputs")].replace("class Model(", "class ModelNew(")
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    return source


def _line(name: str, new: str) -> tuple[str, str]:
    """The edit that computes one output in another way."""
    start = LAYERS.index(f"        {name} = ")
    return LAYERS[start : LAYERS.index("\n", start)], f"        {name} = {new}"


ATTENTION = "scores = torch.softmax("
LAYERS_WRONG = {
    "gelu by tanh": Wrong(layers(_line("gelu", "F.gelu(x, approximate='tanh')")), ELEMENT),
    "gelu by a sigmoid": Wrong(layers(_line("gelu", "x * torch.sigmoid(1.702 * x)")), ELEMENT),
    "gelu in bfloat16": Wrong(layers(_line("gelu", "F.gelu(x.bfloat16()).float()")), ELEMENT),
    "another slope": Wrong(layers(_line("leaky", "F.leaky_relu(x, 0.01)")), ELEMENT),
    "clamp bounds swapped": Wrong(layers(_line("clamped", "torch.clamp(x, 1.3, -0.7)")), ELEMENT),
    "clamped at whole numbers": Wrong(layers(_line("clamped", "torch.clamp(x, -1, 1)")), ELEMENT),
    "no bias": Wrong(layers(_line("linear", "x @ self.linear.weight.t()")), ELEMENT),
    "weights in bfloat16": Wrong(
        layers(
            _line("linear", "F.linear(x, self.linear.weight.bfloat16().float(), self.linear.bias)")
        ),
        ("element_error", "norm_error"),
    ),
    "inputs in bfloat16": Wrong(
        layers(
            _line("linear", "F.linear(x.bfloat16().float(), self.linear.weight, self.linear.bias)")
        ),
        ("element_error", "norm_error"),
    ),
    "a relu too many": Wrong(layers(_line("linear", "torch.relu(self.linear(x))")), ELEMENT),
    "layer norm without its weight": Wrong(
        layers(_line("norm", "F.layer_norm(x, (60,)) + self.norm.bias")), ELEMENT
    ),
    "layer norm with another epsilon": Wrong(
        layers(_line("norm", "F.layer_norm(x, (60,), self.norm.weight, self.norm.bias, 1e-6)")),
        ELEMENT,
    ),
    "layer norm over n - 1": Wrong(
        layers(
            _line(
                "norm",
                "(x - x.mean(1, True)) / torch.sqrt(x.var(1, keepdim=True) + 1e-5)"
                " * self.norm.weight + self.norm.bias",
            )
        ),  # fmt: skip
        ELEMENT,
    ),
    "layer norm by E[x^2] - E[x]^2": Wrong(
        layers(
            _line(
                "norm",
                "(x - x.mean(1, True)) / torch.sqrt(torch.relu((x * x).mean(1, True)"
                " - x.mean(1, True) ** 2) + 1e-5) * self.norm.weight + self.norm.bias",
            )
        ),  # fmt: skip
        ANY_VALUE,
    ),
    "rms norm for layer norm": Wrong(
        layers(_line("norm", "F.rms_norm(x, (60,), self.norm.weight) + self.norm.bias")), ELEMENT
    ),
    "batch norm by the batch": Wrong(
        layers(
            _line("batch", "F.batch_norm(x, None, None, self.batch.weight, self.batch.bias, True)")
        ),
        ELEMENT,
    ),
    "batch norm without its variance": Wrong(
        layers(
            _line("batch", "(x - self.batch.running_mean) * self.batch.weight + self.batch.bias")
        ),
        ELEMENT,
    ),
    "convolution turned over": Wrong(
        layers(_line("conv", "F.conv1d(z, self.conv.weight.flip(2), self.conv.bias, padding=1)")),
        ELEMENT,
    ),
    "convolution padded by copies": Wrong(
        layers(
            _line(
                "conv",
                "F.conv1d(F.pad(z, (1, 1), mode='replicate'), self.conv.weight, self.conv.bias)",
            )
        ),
        ELEMENT,
    ),
    "convolution without padding": Wrong(
        layers(_line("conv", "F.conv1d(z, self.conv.weight, self.conv.bias)")), ("shape",)
    ),
    "maximum of zeros in the padding": Wrong(
        layers(_line("pooled", "F.max_pool1d(F.pad(z, (1, 1)), 3, stride=2)")), ELEMENT
    ),
    "mean for maximum": Wrong(
        layers(_line("pooled", "F.avg_pool1d(z, 3, stride=2, padding=1)")), ELEMENT
    ),
    "attention without its scale": Wrong(layers((" / 60**0.5, -1", ", -1")), ELEMENT),
    "attention along queries": Wrong(layers((" / 60**0.5, -1", " / 60**0.5, 1")), ELEMENT),
    "attention that does not see the last key": Wrong(
        layers(_line("attention", "scores[..., :-1] @ q[:, :-1]")), ELEMENT
    ),
    "causal attention": Wrong(
        layers((ATTENTION, "scores = torch.softmax(torch.full((24, 24), -1e9).triu(1) + ")), ELEMENT
    ),
    "softmax without the maximum": Wrong(
        layers(
            (ATTENTION, "scores = (lambda s, d: s.exp() / s.exp().sum(d, True))("),
        ),
        ANY_VALUE,
    ),
    "argmin": Wrong(layers(_line("best", "torch.argmin(x, dim=1)")), EXACT),
    "argmax along the other axis": Wrong(
        layers(_line("best", "torch.argmax(x, dim=0)")), ("shape",)
    ),
    "argmax of magnitudes": Wrong(layers(_line("best", "torch.argmax(abs(x), dim=1)")), EXACT),
    "argmax of the first half": Wrong(
        layers(_line("best", "torch.argmax(x[:, :30], dim=1)")), EXACT
    ),
    "argmax after rounding to bfloat16": Wrong(
        layers(_line("best", "torch.argmax((x * 4).bfloat16().round(), dim=1)")), EXACT
    ),
    "top four from below": Wrong(
        layers(("torch.topk(x, 4, dim=1)", "torch.topk(x, 4, dim=1, largest=False)")),
        ("element_error", "exact"),
    ),
    "top four, not in order": Wrong(
        layers(("torch.topk(x, 4, dim=1)", "[t.flip(1) for t in torch.topk(x, 4, dim=1)]")),
        ("element_error", "exact"),
    ),
    "a channel-last result": Wrong(
        layers(("conv = self.conv(z)", "conv = self.conv(z).transpose(1, 2)")), ("shape",)
    ),
    "weights of its own": Wrong(
        layers(
            (
                "    def forward",
                "    def prepare(self):\n        self.linear.reset_parameters()\n\n    def forward",
            )
        ),  # fmt: skip
        ELEMENT,
    ),
    "state under another name": Wrong(layers(("self.linear", "self.dense")), ("state",)),
    "double results": Wrong(layers(_line("gelu", "F.gelu(x.double())")), ("dtype",)),
    "indices as int32": Wrong(layers(_line("best", "torch.argmax(x, dim=1).int()")), ("dtype",)),
}

# Weights that hide what is left out, and sizes that are declared.
FRESH = """
import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.LayerNorm(32)
        self.batch = torch.nn.BatchNorm1d(32).eval()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.norm(x), self.batch(x), torch.softmax(x * self.scale, 1)

def get_inputs():
    return [torch.randn(64, 32)]

def get_inputs_dyn_list():
    return [[torch.randn(n, 32)] for n in (64, 17, 128)]
"""


def fresh(*edits: tuple[str, str]) -> str:
    source = FRESH[: FRESH.index("def get_inputs")].replace("class Model(", "class ModelNew(")
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    return source


NORMED = "torch.nn.functional.layer_norm(x, (32,))"
FRESH_WRONG = {
    "layer norm without its affine part": Wrong(fresh(("self.norm(x)", NORMED)), ANY_VALUE),
    "layer norm without its shift": Wrong(
        fresh(("self.norm(x)", f"{NORMED} * self.norm.weight")), ANY_VALUE
    ),
    "batch norm left out": Wrong(fresh(("self.batch(x)", "x * (1 + 1e-5) ** -0.5")), ANY_VALUE),
    "a scale of one left out": Wrong(fresh(("x * self.scale", "x")), ANY_VALUE),
    "rows in fours, the rest left out": Wrong(
        fresh(
            (
                "self.norm(x)",
                "torch.cat([self.norm(x)[: len(x) // 4 * 4], torch.zeros(len(x) % 4, 32)])",
            )
        ),  # fmt: skip
        ANY_VALUE,
    ),
    "64 rows only": Wrong(fresh(("self.norm(x)", "self.norm(x)[:64]")), ("shape",)),
}

HALF = """
import torch

class Model(torch.nn.Module):
    def forward(self, x, w):
        return torch.relu(x) * 1.5, x @ w, x.float().mean(1).to(x.dtype)

def get_inputs():
    return [torch.randn(64, 96, dtype=DTYPE), torch.randn(96, 32, dtype=DTYPE)]
"""


def half(after: str) -> str:
    return (
        "import torch\ndef kernel(x, w):\n"
        "    a, b, c = torch.relu(x) * 1.5, x @ w, x.float().mean(1).to(x.dtype)\n"
        f"    {after}\n    return a, b, c\n"
    )


HALF_WRONG = {
    "all NaN": Wrong(half("a = a * torch.nan"), ("not_finite",), worst=(0, 0)),
    "off by 2 %": Wrong(
        half("a = (a.float() * 1.02).to(x.dtype)"), ("element_error", "norm_error")
    ),
    "float32 results": Wrong(half("b = x.float() @ w.float()"), ("dtype",)),
    "the other half type": Wrong(
        half("a = a.to({'torch.float16': torch.bfloat16}.get(str(x.dtype), torch.float16))"),
        ("dtype",),
    ),
    "float8 inside": Wrong(
        half("a = torch.relu(x.to(torch.float8_e5m2).to(x.dtype)) * 1.5"), ELEMENT
    ),
    "sums in half, one by one": Wrong(
        half("c = torch.zeros_like(c)\n    for k in range(96): c = c + x[:, k] / 96"), ANY_VALUE
    ),
    "products in half, summed in half": Wrong(
        half("b = torch.zeros_like(b)\n    for k in range(96): b = b + x[:, k : k + 1] * w[k]"),
        ANY_VALUE,
    ),
    "one element": Wrong(half("b[63, 31] += 8"), ELEMENT, worst=(63, 31)),
    "the last column": Wrong(half("b[:, -1] = 0"), ELEMENT),
}


def _table(reference: str, wrong: dict[str, Wrong], right: str) -> Table:
    kernels = {name: w.source for name, w in wrong.items()}
    return Table(reference, {**kernels, "right: as it should be": right}, "torch")


TORCH_TABLES = {
    "fresh": (_table(FRESH, FRESH_WRONG, fresh()), FRESH_WRONG),
    "layers": (_table(LAYERS, LAYERS_WRONG, layers()), LAYERS_WRONG),
    **{
        dtype: (
            _table(HALF.replace("DTYPE", f"torch.{dtype}"), HALF_WRONG, half("pass")),
            HALF_WRONG,
        )
        for dtype in ("float16", "bfloat16")
    },
}
