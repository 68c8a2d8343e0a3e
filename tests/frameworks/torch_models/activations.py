# ruff: noqa: E501 (rows of a table)
"""Activations, by function and by module, in place and not, and what people write by hand."""

from __future__ import annotations

from ._source import model, words

X = "torch.randn(4, 17)"
_FUNCTIONS = words(
    """relu leaky_relu elu selu celu gelu silu mish softplus softsign tanh sigmoid hardtanh
hardswish hardsigmoid relu6 logsigmoid tanhshrink softshrink hardshrink softmax log_softmax softmin
glu rrelu"""
)
_MODULES = words(
    """ReLU() ReLU6() LeakyReLU(0.05) ELU(0.5) SELU() CELU(2.0) GELU() GELU('tanh') SiLU() Mish()
Softplus(2.0,10.0) Softsign() Tanh() Sigmoid() Hardtanh(-2,2) Hardswish() Hardsigmoid() LogSigmoid()
Tanhshrink() Softshrink(0.2) Hardshrink(0.4) Threshold(0.1,20) Softmax(dim=1) LogSoftmax(dim=0) Softmin(dim=1)
Softmax2d() GLU(dim=0) PReLU() PReLU(17) Identity()"""
)
_IN_PLACE = words("ReLU ReLU6 LeakyReLU ELU SELU CELU SiLU Mish Hardtanh Hardswish Hardsigmoid")


def _arguments(name: str) -> str:
    if name in ("softmax", "log_softmax", "softmin"):
        return "x, dim=1"
    return "x[:, :16]" if name == "glu" else "x"


MODELS = {
    **{f"F.{n}": model("x", f"F.{n}({_arguments(n)}) * 2", X) for n in _FUNCTIONS},
    **{
        f"nn.{n}": model(
            "x", "self.a(x)", "torch.randn(2, 3, 4, 5)" if "2d" in n else X, f"self.a = nn.{n}"
        )
        for n in _MODULES
        if n != "Identity()"
    },
    **{
        f"in_place_{n}": model("x", "self.a(x + 1) - 1", X, f"self.a = nn.{n}(inplace=True)")
        for n in _IN_PLACE
    },
    "torch_functions": model("x", "torch.relu(x) + torch.selu(x) + torch.celu(x) + x.prelu(self.w)", X, "self.w = nn.Parameter(torch.tensor([0.2]))"),
    "methods": model("x", "x.relu() + x.sigmoid() + x.tanh() + x.softmax(-1) + x.log_softmax(0)", X),
    "swish_beta": model("x", "x * torch.sigmoid(self.beta * x)", X, "self.beta = nn.Parameter(torch.ones(1) * 1.5)"),
    "new_gelu": model("x", "0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))", X),
    "quick_gelu": model("x", "x * torch.sigmoid(1.702 * x)", X),
    "squared_relu": model("x", "torch.square(F.relu(x))", X),
    "snake": model("x", "x + (1.0 / self.a) * torch.sin(self.a * x) ** 2", X, "self.a = nn.Parameter(torch.rand(17) + 0.5)"),
    "geglu": model("x", "a, g = x.chunk(2, dim=-1)\na * F.gelu(g)", "torch.randn(4, 18)"),
    "maxout": model("x", "x.view(4, 6, 3).max(dim=-1)[0]", "torch.randn(4, 18)"),
    "gumbel_like": model("x, u", "F.softmax((x - torch.log(-torch.log(u))) / 0.5, dim=-1)", "torch.randn(4, 17), torch.rand(4, 17) * 0.8 + 0.1"),
    "hard_mish": model("x", "x * 0.5 * (x + 2).clamp(0, 2)", X),
    "aria": model("x", "x * (1 + torch.exp(-x)) ** -0.7", X),
    "sparsemax_like": model("x", "z = x - x.amax(1, keepdim=True)\nF.relu(z - (z.mean(1, keepdim=True) - 0.1))", X),
    "erf_chain": model("x", "torch.erf(x / math.sqrt(2)) + torch.special.erfc(x) + torch.special.ndtr(x)", X),
    "special": model("x", "torch.special.expit(x) + torch.special.log1p(x * x) + torch.sinc(x) + torch.special.entr(x.abs()) + torch.special.xlog1py(x.abs(), x.abs())", X),
    "xlogy": model("x, y", "torch.xlogy(x, y) + torch.special.xlogy(x, 2.0)", "torch.rand(4, 17), torch.rand(4, 17) + 0.1"),
    "bessel": model("x", "torch.special.i0(x) + torch.i0(x * 0.5) + torch.special.i1(x) + torch.special.i0e(x)", X),
    "gamma": model("x", "torch.lgamma(x) + torch.digamma(x) + torch.polygamma(1, x) + torch.mvlgamma(x + 2, 2)", "torch.rand(4, 17) + 0.5"),
    "erfinv": model("x", "torch.erfinv(x) + torch.special.ndtri(x * 0.4 + 0.5)", "torch.rand(4, 17) * 1.6 - 0.8"),
    "heaviside": model("x", "torch.heaviside(x, torch.tensor(0.5)) + torch.sgn(x) + torch.signbit(x)", X),
    "logaddexp2": model("x, y", "torch.logaddexp2(x, y) + torch.ldexp(x, torch.tensor(2)) + torch.nextafter(x, y)", f"{X}, {X}"),
    "frexp": model("x", "m, e = torch.frexp(x)\nm * 2, e", X),
    "float_power": model("x", "torch.float_power(x, 2), torch.pow(x.abs(), self.p)", X, "self.p = nn.Parameter(torch.rand(17))"),
    "gcd_lcm": model("x, y", "torch.gcd(x, y), torch.lcm(x, y)", "torch.randint(1, 30, (4, 5)), torch.randint(1, 30, (4, 5))"),
    "isclose": model("x, y", "torch.isclose(x, y), torch.isreal(x), torch.isin(x, y)", "torch.randint(0, 3, (4, 5)).float(), torch.randint(0, 3, (4, 5)).float()"),
    "fake_quantize": model("x", "torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127)", X),
    "bucketize": model("x", "torch.bucketize(x, self.b), torch.searchsorted(self.b, x, right=True)", X, "self.register_buffer('b', torch.linspace(-2, 2, 9))"),
}  # fmt: skip
