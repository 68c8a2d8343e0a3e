# ruff: noqa: E501 (rows of a table)
"""Norms, convolutions, pools, padding, resizing and their epilogues."""

from __future__ import annotations

from ._source import model

X = "torch.randn(4, 12)"
SIGNAL = "torch.randn(2, 6, 15)"
IMAGE = "torch.randn(2, 6, 8, 9)"
VOLUME = "torch.randn(2, 4, 5, 6, 4)"
_LAYERS = {
    "BatchNorm1d(12)": X, "BatchNorm1d(6)": SIGNAL, "BatchNorm2d(6,affine=False)": IMAGE, "BatchNorm3d(4)": VOLUME,
    "BatchNorm2d(6,track_running_stats=False)": IMAGE,
    "LayerNorm(12)": X, "LayerNorm([8,9])": IMAGE, "LayerNorm([6,8,9],elementwise_affine=False)": IMAGE, "LayerNorm(12,bias=False)": X,
    "GroupNorm(2,6)": IMAGE, "GroupNorm(6,6,affine=False)": SIGNAL, "GroupNorm(1,4)": VOLUME,
    "InstanceNorm1d(6)": SIGNAL, "InstanceNorm2d(6,affine=True)": IMAGE, "InstanceNorm3d(4)": VOLUME, "InstanceNorm2d(6,track_running_stats=True)": IMAGE,
    "RMSNorm(12)": X, "RMSNorm([8,9],eps=1e-5)": IMAGE, "LocalResponseNorm(3)": IMAGE,
    "Conv1d(6,8,3)": SIGNAL, "Conv1d(6,12,3,stride=2,padding=1,groups=3,bias=False)": SIGNAL, "Conv1d(6,4,3,padding='same',dilation=2)": SIGNAL,
    "Conv1d(6,4,3,padding=1,padding_mode='reflect')": SIGNAL, "Conv2d(6,4,1)": IMAGE, "Conv2d(6,6,3,groups=6)": IMAGE,
    "Conv2d(6,4,(3,5),stride=(2,1),padding=(1,2))": IMAGE, "Conv2d(6,4,3,padding='valid')": IMAGE, "Conv2d(6,4,3,padding=1,padding_mode='circular')": IMAGE,
    "Conv2d(6,4,3,padding=1,padding_mode='replicate')": IMAGE, "Conv3d(4,5,3,padding=1)": VOLUME, "Conv3d(4,5,(1,3,2),groups=1,bias=False)": VOLUME,
    "ConvTranspose1d(6,4,3,stride=2)": SIGNAL, "ConvTranspose2d(6,4,3,stride=2,padding=1,output_padding=1)": IMAGE, "ConvTranspose2d(6,6,3,groups=2,dilation=2)": IMAGE,
    "ConvTranspose3d(4,3,3,stride=2,padding=1,bias=False)": VOLUME, "LazyConv2d(4,3)": IMAGE, "LazyBatchNorm2d()": IMAGE, "LazyLinear(5)": X,
    "MaxPool1d(3)": SIGNAL, "MaxPool2d(3,stride=2,padding=1,ceil_mode=True)": IMAGE, "MaxPool3d(2)": VOLUME, "AvgPool1d(4,stride=2,padding=1)": SIGNAL,
    "AvgPool2d(3,2,1,count_include_pad=False)": IMAGE, "AvgPool2d(2,divisor_override=3)": IMAGE, "AvgPool3d((2,3,2),ceil_mode=True)": VOLUME,
    "AdaptiveAvgPool1d(4)": SIGNAL, "AdaptiveAvgPool2d((None,3))": IMAGE, "AdaptiveAvgPool3d(2)": VOLUME, "AdaptiveMaxPool1d(5)": SIGNAL, "AdaptiveMaxPool2d(3)": IMAGE, "AdaptiveMaxPool3d(2)": VOLUME,
    "LPPool1d(2,3)": "torch.rand(2, 6, 15)", "LPPool2d(1,2)": IMAGE, "FractionalMaxPool2d(2,output_size=(3,4),_random_samples=torch.full((2,6,2),0.4))": IMAGE,
    "ZeroPad2d((1,2,0,1))": IMAGE, "ConstantPad1d((2,1),0.5)": SIGNAL, "ReflectionPad1d(3)": SIGNAL, "ReflectionPad2d((1,2,3,0))": IMAGE, "ReplicationPad2d(2)": IMAGE, "ReplicationPad3d(1)": VOLUME, "CircularPad2d((1,1,2,0))": IMAGE, "ReflectionPad3d(1)": VOLUME,
    "Upsample(scale_factor=2)": IMAGE, "Upsample(size=(5,13),mode='bilinear',align_corners=True)": IMAGE, "Upsample(scale_factor=1.5,mode='bicubic')": IMAGE, "Upsample(scale_factor=2,mode='trilinear')": VOLUME, "Upsample(scale_factor=3,mode='linear')": SIGNAL,
    "UpsamplingNearest2d(scale_factor=2)": IMAGE, "UpsamplingBilinear2d(size=(4,4))": IMAGE, "PixelShuffle(2)": "torch.randn(2, 8, 3, 4)", "PixelUnshuffle(2)": "torch.randn(2, 3, 4, 6)", "ChannelShuffle(3)": IMAGE,
    "Unfold((2,3),padding=1,stride=2)": IMAGE, "Fold((5,6),2,stride=1)": "torch.randn(2, 12, 20)", "Flatten()": IMAGE, "Unflatten(1,(2,3))": IMAGE,
    "Linear(12,5)": X, "Linear(12,5,bias=False)": "torch.randn(2, 3, 12)", "Dropout(0.5).eval()": X, "Dropout2d(0.0)": IMAGE, "AlphaDropout(0.3).eval()": X,
    "Embedding(9,5)": "torch.randint(0, 9, (3, 4))", "Embedding(9,5,padding_idx=0,max_norm=None,scale_grad_by_freq=True)": "torch.randint(0, 9, (3, 4))", "EmbeddingBag(9,5,mode='sum')": "torch.randint(0, 9, (3, 4))",
}  # fmt: skip

_EPILOGUES = {
    "conv_bn_eval": ("x", "F.relu(self.b(self.c(x)))", IMAGE, "self.c = nn.Conv2d(6, 4, 3, bias=False)\nself.b = nn.BatchNorm2d(4)\nself.eval()"),
    "conv_bn_train_scale": ("x", "self.b(self.c(x)) * self.s", IMAGE, "self.c = nn.Conv2d(6, 4, 3)\nself.b = nn.BatchNorm2d(4)\nself.s = 2.0"),
    "conv_tanh_scale_bias_max": ("x", "self.p(torch.tanh(self.c(x)) * 2.0 + self.b)", IMAGE, "self.c = nn.Conv2d(6, 4, 3)\nself.b = nn.Parameter(torch.randn(4, 1, 1))\nself.p = nn.MaxPool2d(2)"),
    "conv_min_tanh": ("x", "torch.tanh(torch.tanh(torch.min(self.c(x), dim=1, keepdim=True)[0]))", IMAGE, "self.c = nn.Conv2d(6, 4, 3)"),
    "conv_logsumexp_add": ("x", "y = self.c(x)\nz = self.n(y)\ntorch.logsumexp(F.hardswish(torch.tanh(z)) + y, dim=1, keepdim=True)", IMAGE, "self.c = nn.Conv2d(6, 4, 3)\nself.n = nn.GroupNorm(2, 4)"),
    "conv3d_softmax_pool": ("x", "self.p(self.p(torch.softmax(self.c(x), dim=1)))", "torch.randn(1, 3, 9, 9, 9)", "self.c = nn.Conv3d(3, 4, 2)\nself.p = nn.MaxPool3d(2)"),
    "convt_swish_group_norm": ("x", "F.hardswish(self.n(torch.sigmoid(self.c(x)) * self.c(x)))", VOLUME, "self.c = nn.ConvTranspose3d(4, 4, 3, stride=2, padding=1)\nself.n = nn.GroupNorm(2, 4, eps=1e-5)"),
    "convt_clamp_div": ("x", "torch.clamp(torch.clamp(self.c(x), min=0.0, max=1.0) * 2.0, min=0.0, max=1.0) / 2.0", IMAGE, "self.c = nn.ConvTranspose2d(6, 4, 3, stride=2)"),
    "conv_residual_sum": ("x", "y = self.c(x)\no = y.clone().detach()\ny = y + self.b\ny = y + o\ny = y * o\ny + o", VOLUME, "self.c = nn.ConvTranspose3d(4, 3, 2)\nself.b = nn.Parameter(torch.randn(3, 1, 1, 1))"),
    "weight_norm": ("x", "self.l(x)", X, "self.l = nn.utils.parametrizations.weight_norm(nn.Linear(12, 5))"),
    "old_weight_norm": ("x", "self.l(x)", X, "self.l = nn.utils.weight_norm(nn.Linear(12, 5))"),
    "spectral_norm_eval": ("x", "self.l(x)", X, "self.l = nn.utils.parametrizations.spectral_norm(nn.Linear(12, 5)).eval()"),
    "weight_standardized": ("x", "w = self.c.weight\nw = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)\nF.conv2d(x, w, self.c.bias, padding=1)", IMAGE, "self.c = nn.Conv2d(6, 4, 3)"),
    "channels_last": ("x", "self.c(x.to(memory_format=torch.channels_last)).contiguous()", IMAGE, "self.c = nn.Conv2d(6, 4, 3)"),
    "grid_sample": ("x, g", "F.grid_sample(x, g, align_corners=False, padding_mode='border')", f"{IMAGE}, torch.rand(2, 4, 5, 2) * 2 - 1"),
    "affine_grid": ("x, t", "F.grid_sample(x, F.affine_grid(t, list(x.shape), align_corners=True), align_corners=True)", f"{IMAGE}, torch.randn(2, 2, 3) * 0.3"),
    "interpolate_area": ("x", "F.interpolate(x, (3, 4), mode='area') + F.interpolate(x, (3, 4), mode='nearest-exact')", IMAGE),
    "interpolate_antialias": ("x", "F.interpolate(x, (3, 4), mode='bilinear', antialias=True)", IMAGE),
    "max_unpool": ("x", "y, i = F.max_pool2d(x, 2, return_indices=True)\nF.max_unpool2d(y, i, 2)", "torch.randn(2, 6, 8, 10)"),
    "max_pool_indices": ("x", "F.max_pool2d(x, 2, return_indices=True)", IMAGE),
    "blur": ("x", "F.conv2d(F.pad(x, (1, 1, 1, 1), mode='reflect'), self.k.expand(6, 1, 3, 3), groups=6, stride=2)", IMAGE, "k = torch.tensor([1.0, 2.0, 1.0])\nself.register_buffer('k', (k[:, None] * k[None, :] / 16)[None, None])"),
    "squeeze_excite": ("x", "b, c, _, _ = x.size()\ny = self.f(x.mean((2, 3))).view(b, c, 1, 1)\nx * y.expand_as(x)", IMAGE, "self.f = nn.Sequential(nn.Linear(6, 2, bias=False), nn.ReLU(inplace=True), nn.Linear(2, 6, bias=False), nn.Sigmoid())"),
    "cbam": ("x", "a = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)\nx * torch.sigmoid(self.c(a))", IMAGE, "self.c = nn.Conv2d(2, 1, 7, padding=3, bias=False)"),
    "coord_conv": ("x", "n, _, h, w = x.shape\ny = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(n, 1, h, w)\nz = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(n, 1, h, w)\nself.c(torch.cat([x, y, z], 1))", IMAGE, "self.c = nn.Conv2d(8, 3, 1)"),
    "dynamic_filter": ("x, k", "b, c, h, w = x.shape\nF.conv2d(x.reshape(1, b * c, h, w), k.reshape(b * c, 1, 3, 3), groups=b * c, padding=1).view(b, c, h, w)", f"{IMAGE}, torch.randn(2, 6, 3, 3)"),
    "half_conv": ("x", "F.gelu(self.c(x))", f"{IMAGE}.bfloat16()", "self.c = nn.Conv2d(6, 4, 3).bfloat16()"),
    "double_norm": ("x", "self.n(x)", f"{X}.double()", "self.n = nn.LayerNorm(12).double()"),
    "global_response_norm": ("x", "g = torch.norm(x, p=2, dim=(2, 3), keepdim=True)\nself.g * (x * (g / (g.mean(dim=1, keepdim=True) + 1e-6))) + self.b + x", IMAGE, "self.g = nn.Parameter(torch.rand(1, 6, 1, 1))\nself.b = nn.Parameter(torch.rand(1, 6, 1, 1))"),
    "frozen_batch_norm": ("x", "s = self.w * (self.v + 1e-5).rsqrt()\nx * s.reshape(1, -1, 1, 1) + (self.b - self.m * s).reshape(1, -1, 1, 1)", IMAGE, "for n in 'wbmv':\n    self.register_buffer(n, torch.rand(6) + 0.5)"),
}  # fmt: skip

MODELS = {
    **{name: model("x", "self.n(x)", x, f"self.n = nn.{name}") for name, x in _LAYERS.items()},
    **{name: model(*row) for name, row in _EPILOGUES.items()},
}
