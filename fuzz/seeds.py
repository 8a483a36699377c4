"""Writes the cases of docs/grading.md as seeds of the fuzz targets, into fuzz/corpus/.

    python fuzz/seeds.py
"""

import hashlib
import pathlib

root = pathlib.Path(__file__).resolve().parent.parent
text = (root / "docs/grading.md").read_text(encoding="utf-8")
seeds = {"extract": set(), "read": set(), "grade": set()}
for line in text.split("\n## Cases")[1].split("\n## ")[0].splitlines():
    cells = [cell.strip().strip("`") for cell in line.replace("\\|", "\x01").split("|")[1:-1]]
    if len(cells) != 4 or not line.startswith("| `"):
        continue
    gold, answer = (cell.replace("\x01", "|") for cell in cells[:2])
    seeds["read"] |= {gold, answer}
    seeds["grade"].add(f"{gold}\n{answer}")
    seeds["extract"].add(f"so $\\boxed{{{gold}}}$ or \\fbox {{{answer}}}.")
for target, texts in seeds.items():
    folder = root / "fuzz/corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for seed in texts:
        data = seed.encode()
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    print(f"{target}: {len(texts)} seeds")
