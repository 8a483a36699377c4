"""Reference intervals of a proportion: python tests/golden/intervals.py > tests/golden/intervals.json

Needs statsmodels (the version is written into the file)."""
import json

import statsmodels
from statsmodels.stats.proportion import proportion_confint

rows = []
for n in (1, 30, 500, 1319):
    for x in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        for alpha in (0.05, 0.01):
            for name, method in (("normal", "normal"), ("wilson", "wilson")):
                lo, hi = proportion_confint(x, n, alpha, method)
                rows.append({"x": x, "n": n, "alpha": alpha, "method": name, "lo": max(lo, 0.0), "hi": min(hi, 1.0)})
print(json.dumps({"statsmodels": statsmodels.__version__, "rows": rows}, indent=0))
