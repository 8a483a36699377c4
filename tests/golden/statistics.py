"""Reference statistics: python tests/golden/statistics.py > tests/golden/statistics.json

Needs statsmodels and scipy (their versions are written into the file)."""
import json
from fractions import Fraction
from math import comb

import numpy as np
import scipy
import statsmodels
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (confint_proportions_2indep, power_proportions_2indep, proportion_confint,
                                          proportions_ztest, samplesize_confint_proportion)

METHODS = {"normal": "normal", "wilson": "wilson", "clopper-pearson": "beta", "agresti-coull": "agresti_coull",
           "jeffreys": "jeffreys"}


def clipped(x, n, alpha, method):
    lo, hi = proportion_confint(x, n, alpha, METHODS[method])
    # statsmodels 0.15 gives nan (not 0 and 1) for the exact interval's ends at 0 and n in some versions
    lo = 0.0 if np.isnan(lo) else float(lo)
    hi = 1.0 if np.isnan(hi) else float(hi)
    return max(lo, 0.0), min(hi, 1.0)


def proportion():
    for n in (1, 30, 500, 1319):
        for x in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            for alpha in (0.05, 0.01):
                for method in METHODS:
                    lo, hi = clipped(x, n, alpha, method)
                    yield {"x": x, "n": n, "alpha": alpha, "method": method, "lo": lo, "hi": hi}


def clustered():
    rng = np.random.default_rng(1)
    for problems, samples in ((5, 4), (30, 16), (100, 3)):
        correct = rng.binomial(samples, rng.beta(0.6, 0.6, problems))
        y = np.concatenate([np.r_[np.ones(c), np.zeros(samples - c)] for c in correct])
        groups = np.repeat(np.arange(problems), samples)
        fit = sm.OLS(y, np.ones_like(y)).fit(cov_type="cluster", cov_kwds={"groups": groups})
        yield {"correct": correct.tolist(), "samples": samples, "standard_error": float(fit.bse[0])}


def pass_at_k():
    """The HumanEval paper's estimator (arXiv:2107.03374, figure 3), in its own numpy form."""
    for n, c, k in ((16, 0, 4), (16, 1, 1), (16, 3, 8), (64, 5, 16), (64, 63, 2), (200, 7, 100), (10, 10, 10)):
        value = 1.0 if n - c < k else 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
        yield {"n": n, "c": c, "k": k, "value": float(value)}


def mcnemar_rows():
    for b, c in ((5, 0), (9, 3), (12, 12), (40, 22), (200, 155), (1, 0), (0, 0)):
        p = mcnemar([[10, b], [c, 10]], exact=True).pvalue if b + c else 1.0
        yield {"b": b, "c": c, "p": min(float(p), 1.0)}


def paired():
    rng = np.random.default_rng(2)
    for problems, samples in ((12, 1), (12, 4), (14, 3)):
        a = rng.binomial(samples, 0.6, problems)
        b = rng.binomial(samples, 0.35, problems)
        d = (a - b) / samples
        half = stats.norm.ppf(0.975) * d.std(ddof=1) / np.sqrt(problems)
        # permutation_type='samples' of two paired samples: all 2^n exchanges
        test = stats.permutation_test((a, b), lambda x, y: np.sum(x - y), permutation_type="samples",
                                      n_resamples=np.inf, alternative="two-sided")
        yield {"a": a.tolist(), "b": b.tolist(), "samples": samples, "lo": d.mean() - half, "hi": d.mean() + half,
               "permutation_p": float(test.pvalue)}


def two_proportions():
    for x1, n1, x2, n2 in ((13, 30, 8, 30), (451, 500, 397, 500), (1, 30, 29, 30), (7, 20, 9, 50), (0, 30, 0, 30),
                           (1245, 1319, 1241, 1319), (364, 572, 280, 572)):
        lo, hi = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff")
        wald = confint_proportions_2indep(x1, n1, x2, n2, method="wald", compare="diff")
        z = float(proportions_ztest([x1, x2], [n1, n2])[1]) if 0 < x1 + x2 < n1 + n2 else 1.0
        yield {"x1": x1, "n1": n1, "x2": x2, "n2": n2, "newcombe_lo": float(lo), "newcombe_hi": float(hi),
               "fisher": float(stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue), "z_test": z,
               "wald_half": float(wald[1] - wald[0]) / 2}


def multiple():
    rng = np.random.default_rng(3)
    for p in ([0.01, 0.04, 0.03], [0.5], [0.02, 0.02, 0.9, 0.001], rng.uniform(0, 0.2, 35).tolist()):
        yield {"p": p, "holm": multipletests(p, method="holm")[1].tolist(),
               "fdr_bh": multipletests(p, method="fdr_bh")[1].tolist()}


def posterior():
    for x, n in ((0, 30), (13, 30), (397, 500), (1241, 1319), (30, 30)):
        d = stats.beta(1 + x, 1 + n - x)
        yield {"x": x, "n": n, "mean": float(d.mean()), "lo": float(d.ppf(0.025)), "hi": float(d.ppf(0.975))}


def beta_fraction(a, b):
    """B(a, b) of whole numbers, exactly: (a-1)! (b-1)! / (a+b-1)!."""
    return Fraction(1, a * comb(a + b - 1, a))


def chance_above():
    """Evan Miller's closed form of Pr(p1 > p2) for whole-numbered beta posteriors, in exact fractions."""
    for x1, n1, x2, n2 in ((13, 30, 8, 30), (8, 30, 13, 30), (451, 500, 397, 500), (0, 30, 1, 30), (30, 30, 29, 30)):
        a1, b1, a2, b2 = x1 + 1, n1 - x1 + 1, x2 + 1, n2 - x2 + 1
        total = sum(beta_fraction(a2 + i, b1 + b2) / ((b1 + i) * beta_fraction(1 + i, b1) * beta_fraction(a2, b2))
                    for i in range(a1))
        # Miller's sum is Pr(p_B > p_A) with B the one summed over
        yield {"x1": x1, "n1": n1, "x2": x2, "n2": n2, "chance": float(check(x1, n1, x2, n2, total))}


def check(x1, n1, x2, n2, total):
    """The orientation of the closed form, settled by scipy's quadrature."""
    d1, d2 = stats.beta(x1 + 1, n1 - x1 + 1), stats.beta(x2 + 1, n2 - x2 + 1)
    grid = np.linspace(0, 1, 200001)
    value = np.trapezoid(d1.pdf(grid) * d2.cdf(grid), grid)
    total = float(total)
    assert abs(total - value) < 1e-6, (total, value)
    return total


def power_independent():
    for p1, p2, n in ((0.433, 0.267, 30), (0.902, 0.794, 500), (0.6, 0.5, 100), (0.94, 0.95, 1319)):
        r = power_proportions_2indep(p1 - p2, p2, n, alpha=0.05)
        yield {"p1": p1, "p2": p2, "n": n, "power": float(r.power)}


def problems_needed():
    for p, half in ((0.5, 0.05), (0.433, 0.02), (0.9, 0.01)):
        yield {"p": p, "half": half, "n": float(samplesize_confint_proportion(p, half))}


def coverage():
    for p in (0.01, 0.1, 0.433, 0.9, 0.99):
        for n in (30, 500, 1319):
            pmf = stats.binom(n, p).pmf(np.arange(n + 1))
            for method in METHODS:
                ends = [clipped(x, n, 0.05, method) for x in range(n + 1)]
                yield {"method": method, "p": p, "n": n,
                       "coverage": float(sum(w for w, (lo, hi) in zip(pmf, ends) if lo <= p <= hi))}




sections = {"proportion": proportion, "clustered": clustered, "pass_at_k": pass_at_k, "mcnemar": mcnemar_rows,
            "paired": paired, "two_proportions": two_proportions, "multiple": multiple, "posterior": posterior,
            "chance_above": chance_above, "power_independent": power_independent, "problems_needed": problems_needed,
            "coverage": coverage}
lines = [json.dumps({"statsmodels": statsmodels.__version__, "scipy": scipy.__version__})[1:-1]]
for name, rows in sections.items():
    body = ",\n ".join(json.dumps(row) for row in rows())
    lines.append(f"{json.dumps(name)}: [\n {body}\n]")
print("{" + ",\n".join(lines) + "}")
