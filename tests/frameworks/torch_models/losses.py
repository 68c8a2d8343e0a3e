# ruff: noqa: E501 (rows of a table)
"""Losses of torch and by hand, with their options."""

from __future__ import annotations

from ._source import model

XY = "torch.randn(6, 10), torch.randn(6, 10)"
UNIT = "torch.rand(6, 10), torch.rand(6, 10)"
SIGNS = "torch.randint(0, 2, (6,)).float() * 2 - 1"
LABELS = "torch.randint(0, 10, (6,))"
_PAIRS = {
    "MSELoss": XY, "L1Loss": XY, "SmoothL1Loss": XY, "HuberLoss": XY,
    "BCELoss": UNIT, "BCEWithLogitsLoss": UNIT, "PoissonNLLLoss": UNIT, "SoftMarginLoss": "torch.randn(6, 10), torch.randn(6, 10).sign()",
    "KLDivLoss": "torch.randn(6, 10).log_softmax(1), torch.rand(6, 10).softmax(1)",
    "MultiLabelSoftMarginLoss": "torch.randn(6, 10), torch.randint(0, 2, (6, 10)).float()",
    "HingeEmbeddingLoss": "torch.randn(6, 10), torch.randn(6, 10).sign()",
    "CrossEntropyLoss": f"torch.randn(6, 10), {LABELS}",
    "NLLLoss": f"torch.randn(6, 10).log_softmax(1), {LABELS}",
    "MultiMarginLoss": f"torch.randn(6, 10), {LABELS}",
    "MultiLabelMarginLoss": "torch.randn(3, 4), torch.tensor([[3, 0, -1, 1], [0, -1, 1, 2], [1, 2, 3, 0]])",
}  # fmt: skip

MODELS = {
    **{
        f"{name}_{mode}": model("x, y", "self.l(x, y)", inputs, f"self.l = nn.{name}(reduction='{mode}')")
        for name, inputs in _PAIRS.items()
        for mode in ("none", "mean", "sum")
    },
    "cosine_embedding": model("x, y, t", "self.l(x, y, t), F.cosine_embedding_loss(x, y, t, margin=0.3, reduction='none')", f"{XY}, {SIGNS}", "self.l = nn.CosineEmbeddingLoss()"),
    "margin_ranking": model("x, y, t", "self.l(x, y, t)", f"torch.randn(6), torch.randn(6), {SIGNS}", "self.l = nn.MarginRankingLoss(margin=0.2)"),
    "triplet_options": model("a, p, n", "F.triplet_margin_loss(a, p, n, swap=True), F.triplet_margin_loss(a, p, n, p=1, reduction='none')", f"{XY}, torch.randn(6, 10)"),
    "triplet_distance": model("a, p, n", "self.l(a, p, n)", f"{XY}, torch.randn(6, 10)", "self.l = nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: 1.0 - F.cosine_similarity(x, y))"),
    "cross_entropy_weight_smooth": model("x, t", "self.l(x, t)", f"torch.randn(6, 10), {LABELS}", "self.l = nn.CrossEntropyLoss(weight=torch.rand(10) + 0.5, label_smoothing=0.1)"),
    "cross_entropy_ignore": model("x, t", "F.cross_entropy(x, t, ignore_index=3), F.cross_entropy(x, t, ignore_index=3, reduction='sum')", f"torch.randn(6, 10), {LABELS}"),
    "cross_entropy_soft": model("x, t", "F.cross_entropy(x, t), F.cross_entropy(x, t, label_smoothing=0.2)", "torch.randn(6, 10), torch.rand(6, 10).softmax(1)"),
    "cross_entropy_tokens": model("x, t", "F.cross_entropy(x.view(-1, x.size(-1)), t.view(-1))", "torch.randn(2, 5, 10), torch.randint(0, 10, (2, 5))"),
    "cross_entropy_half": model("x, t", "F.cross_entropy(x.float(), t)", f"torch.randn(6, 10).bfloat16(), {LABELS}"),
    "nll_weight": model("x, t", "F.nll_loss(x.log_softmax(1), t, weight=self.w)", f"torch.randn(6, 10), {LABELS}", "self.register_buffer('w', torch.rand(10) + 0.5)"),
    "nll_image": model("x, t", "F.nll_loss(F.log_softmax(x, dim=1), t, reduction='sum')", "torch.randn(2, 5, 3, 4), torch.randint(0, 5, (2, 3, 4))"),
    "hinge_by_hand": model("x, t", "torch.mean(torch.clamp(1 - x * t, min=0))", "torch.randn(64, 1), (torch.randint(0, 2, (64,)) * 2 - 1).float()"),
    "focal": model("x, t", "ce = F.cross_entropy(x, t, reduction='none')\npt = torch.exp(-ce)\n(self.alpha * (1 - pt) ** self.gamma * ce).mean()", f"torch.randn(6, 10), {LABELS}", "self.alpha, self.gamma = alpha, gamma", takes="alpha=0.25, gamma=2.0", given="0.5, 1.5"),
    "dice": model("x, t", "p = torch.sigmoid(x).view(-1)\nt = t.view(-1)\ni = (p * t).sum()\n1 - (2.0 * i + 1.0) / (p.sum() + t.sum() + 1.0)", "torch.randn(2, 1, 6, 6), torch.randint(0, 2, (2, 1, 6, 6)).float()"),
    "info_nce": model("q, k", "q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)\nlogits = torch.mm(q, k.t()) / 0.07\nF.cross_entropy(logits, torch.arange(q.shape[0], device=q.device))", XY),
    "nt_xent": model("a, b", "z = F.normalize(torch.cat([a, b]), dim=1)\ns = z @ z.T / 0.5\nm = torch.eye(12, dtype=torch.bool)\ns = s.masked_fill(m, float('-inf'))\nt = torch.cat([torch.arange(6, 12), torch.arange(0, 6)])\nF.cross_entropy(s, t)", XY),
    "kl_batchmean": model("p, q", "F.kl_div(torch.log(p), q, reduction='batchmean')", "torch.rand(6, 10).softmax(1), torch.rand(6, 10).softmax(1)"),
    "js": model("p, q", "m = 0.5 * (p + q)\n0.5 * (F.kl_div(m.log(), p, reduction='sum') + F.kl_div(m.log(), q, reduction='sum'))", "torch.rand(6, 10).softmax(1), torch.rand(6, 10).softmax(1)"),
    "wing": model("x, y", "d = (x - y).abs()\ntorch.where(d < 5.0, 10 * torch.log(1 + d / 2), d - 0.5).mean()", XY),
    "log_cosh": model("x, y", "torch.mean(torch.log(torch.cosh(x - y + 1e-12)))", XY),
    "charbonnier": model("x, y", "torch.sqrt((x - y) ** 2 + 1e-6).mean()", XY),
    "quantile": model("x, y", "e = y - x\ntorch.max((0.9 - 1) * e, 0.9 * e).mean()", XY),
    "tversky": model("x, t", "p = x.sigmoid()\ntp, fp, fn = (p * t).sum(), ((1 - t) * p).sum(), (t * (1 - p)).sum()\n1 - (tp + 1) / (tp + 0.3 * fp + 0.7 * fn + 1)", "torch.randn(6, 10), torch.randint(0, 2, (6, 10)).float()"),
    "total_variation": model("x", "(x[:, :, 1:] - x[:, :, :-1]).abs().mean() + (x[:, :, :, 1:] - x[:, :, :, :-1]).abs().mean()", "torch.randn(2, 3, 6, 7)"),
    "ssim_like": model("x, y", "a, b = F.avg_pool2d(x, 3, 1), F.avg_pool2d(y, 3, 1)\ns = F.avg_pool2d(x * y, 3, 1) - a * b\n((2 * a * b + 1e-4) * (2 * s + 9e-4)).mean()", "torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)"),
    "vicreg_like": model("x, y", "def off(m):\n    n = m.shape[0]\n    return m.flatten()[:-1].view(n - 1, n + 1)[:, 1:].flatten()\nx = x - x.mean(0)\nF.mse_loss(x, y) + F.relu(1 - torch.sqrt(x.var(0) + 1e-4)).mean() + off(x.T @ x / 5).pow(2).sum() / 10", XY),
    "arcface": model("x, t", "c = F.linear(F.normalize(x), F.normalize(self.w))\ns = torch.sqrt((1.0 - c * c).clamp(0, 1))\np = c * math.cos(0.5) - s * math.sin(0.5)\nh = torch.zeros_like(c)\nh.scatter_(1, t.view(-1, 1).long(), 1)\n(h * p + (1.0 - h) * c) * 64.0", f"torch.randn(6, 10), {LABELS}", "self.w = nn.Parameter(torch.randn(10, 10))"),
    "pairwise": model("x, y", "self.d(x, y), self.c(x, y), torch.pdist(x)", XY, "self.d = nn.PairwiseDistance(p=2)\nself.c = nn.CosineSimilarity(dim=0)"),
    "accuracy": model("x, t", "(x.argmax(1) == t).float().mean(), (x.topk(3, 1)[1] == t[:, None]).any(1).sum()", f"torch.randn(6, 10), {LABELS}"),
}  # fmt: skip
