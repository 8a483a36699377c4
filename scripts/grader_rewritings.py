"""Rewrites every gold answer of the benchmarks in ways that keep or change its value, and asks the grader about each.

    python scripts/grader_rewritings.py ../shared/data target/debug/grade [--show 20]

Equal: other spellings of fractions, spaces, brackets, \\text, dollar signs, units, thousands separators, names in front,
exact decimals, roots, the order of a list, degrees, percent. Unequal: another digit, the other sign, the order of a
tuple, another bracket of an interval, one more, numerator and denominator swapped, a root left out. Every rewriting is
checked with exact rational arithmetic where both sides are numbers, and made only where its rule certainly applies.
Prints the verdicts that are wrong, by rule; exit code 1 if there is one.
"""

import argparse
import collections
import fractions
import json
import pathlib
import re
import subprocess
import sys

args = argparse.ArgumentParser()
args.add_argument("data", type=pathlib.Path)
args.add_argument("grade")
args.add_argument("--show", type=int, default=20)
args = args.parse_args()


def lines(name):
    with open(args.data / name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


golds = set()
for name in ["math/train.jsonl", "math/test.jsonl", "math500/test.jsonl"]:
    golds |= {row["answer"] for row in lines(name)}
with open(args.data / "olympiadbench/OE_TO_maths_en_COMP.json", encoding="utf-8") as file:
    golds |= {",".join(row["final_answer"]).strip("$") for row in json.load(file)}
for name in ["gsm8k/test.jsonl", "gsm8k/train.jsonl"]:
    golds |= {row["answer"].split("####")[-1].strip() for row in lines(name)}
for name in ["aime2024/test_qwq.jsonl", "aime2025/test_qwq.jsonl"]:
    golds |= {str(row["answer"]) for row in lines(name)}
golds = sorted(gold for gold in golds if gold.strip())

INTEGER = re.compile(r"-?\d+")
FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
DECIMAL = re.compile(r"-?\d*\.\d+")
TUPLE = re.compile(r"(?:\\left)?([(\[])(.*?)(?:\\right)?([)\]])")


def value(text):
    """The rational that a plain integer, decimal or fraction is."""
    if INTEGER.fullmatch(text) or DECIMAL.fullmatch(text):
        return fractions.Fraction(text)
    found = FRACTION.fullmatch(text)
    if found and int(found[3]):
        return (-1 if found[1] else 1) * fractions.Fraction(int(found[2]), int(found[3]))
    return None


def parts(text):
    """Elements at the top level, or None where brackets do not match."""
    depth, out = 0, [""]
    for c in text.replace("\\,", " "):
        depth += c in "([{"
        depth -= c in ")]}"
        if c == "," and depth == 0:
            out.append("")
        else:
            out[-1] += c
        if depth < 0:
            return None
    return out if depth == 0 else None


def equal(gold):
    """Names of rules and texts that are equal to the gold answer."""
    yield "dollars", f"${gold}$" if "$" not in gold else gold
    yield "parentheses of LaTeX", f"\\({gold}\\)" if "$" not in gold else gold
    yield "brackets of LaTeX", f"\\[ {gold} \\]" if "$" not in gold else gold
    yield "box", f"\\boxed{{{gold}}}"
    yield "full stop", gold + "."
    yield "blanks around", f"  {gold}\n"
    yield "dfrac", gold.replace("\\frac", "\\dfrac")
    yield "tfrac", gold.replace("\\frac", "\\tfrac")
    yield "cfrac", gold.replace("\\frac", "\\cfrac")
    if "\\left" not in gold and "\\right" not in gold and not re.search(r"\\[{}]|\\begin|\\text|\\mbox", gold):
        opened = {"(": ")", "[": "]"}
        if all(gold.count(a) == gold.count(b) for a, b in opened.items()) and not re.search(r"\\sqrt\[", gold):
            yield "left and right", re.sub(r"[)\]]", lambda m: "\\right" + m[0], re.sub(r"[(\[]", lambda m: "\\left" + m[0], gold))
            if not re.search(r"[(\[][^)\]]*[\]\[]|\[", gold):
                yield "bigl and bigr", re.sub(r"\)", r"\\bigr)", re.sub(r"\(", r"\\bigl(", gold))
    yield "no left and right", gold.replace("\\left", "").replace("\\right", "") if not re.search(r"\\(left|right)[.a-z|\\]", gold) else gold
    if "\\text" not in gold and "\\mbox" not in gold and re.fullmatch(r"[-+0-9a-zA-Z^{}()\\/ ]+", gold) and re.search(r"[+]", gold):
        yield "blanks around signs", re.sub(r"\s*([+])\s*", r"  \1  ", gold)
        yield "thin blanks", re.sub(r"\s*([+])\s*", r"\\,\1\\;", gold)
    yield "minus of Unicode", gold.replace("-", "\u2212") if "\\text" not in gold and "\\begin" not in gold else gold
    yield "pi of Unicode", gold.replace("\\pi", "\u03c0")
    yield "displaystyle", "\\displaystyle " + gold
    if "," not in gold and not re.search(r"\\text|\\mbox|=|<|>|\\[lg]e|\\in\b|\\cup|^[A-Za-z]|\\\$|\\%|[$:]", gold):
        yield "a letter =", next(c for c in "xyzwt" if c not in gold) + " = " + gold
        yield "a name in text", "\\text{Answer} = " + gold
        yield "bold", "**" + gold + "**"
    number = value(gold)
    if number is not None:
        n, d = number.numerator, number.denominator
        sign = "-" if n < 0 else ""
        yield "mathrm", f"\\mathrm{{{gold}}}" if INTEGER.fullmatch(gold) and n >= 0 else gold
        yield "text", f"\\text{{{gold}}}" if INTEGER.fullmatch(gold) else gold
        yield "plus", "+" + gold if n > 0 else gold
        yield "unit in text", gold + " \\text{ units}"
        yield "percent dropped", gold + "\\%" if d == 1 else gold
        yield "braces", "{" + gold + "}"
        if d == 1:
            yield "decimal point", f"{n}.0"
            yield "two decimals", f"{n}.00"
            if abs(n) >= 1000:
                for name, mark in [("comma", ","), ("braced comma", "{,}"), ("comma and negative blank", ",\\!"), ("thin blank", "\\,"), ("blank", " ")]:
                    yield "thousands by " + name, f"{n:,}".replace(",", mark)
            yield "degrees", gold + "^\\circ"
            yield "degrees in braces", gold + "^{\\circ}"
            yield "sign of degrees", gold + "\u00b0"
            yield "full width", "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in gold)
            if n % 1000 == 0 and n:
                yield "power of ten", f"{n // 1000} \\times 10^3"
                yield "cdot power of ten", f"{n // 1000} \\cdot 10^{{3}}"
                yield "e3", f"{n // 1000}e3"
            yield "fraction over one", f"\\frac{{{n}}}{{1}}"
            yield "root of a square", f"{sign}\\sqrt{{{n * n}}}" if abs(n) < 10**6 else gold
        else:
            yield "slash", f"{n}/{d}"
            yield "slash in parentheses", f"({n})/({d})"
            yield "sign before", f"{sign}\\frac{{{abs(n)}}}{{{d}}}"
            yield "sign in the numerator", f"\\frac{{{n}}}{{{d}}}"
            yield "over", f"{{{n} \\over {d}}}"
            if abs(n) < 10 and d < 10:
                yield "bare digits", f"{sign}\\frac{abs(n)}{d}"
                yield "bare numerator", f"{sign}\\frac {abs(n)}{{{d}}}"
            yield "unreduced", f"\\frac{{{3 * n}}}{{{3 * d}}}"
            rest = d
            for prime in (2, 5):
                while rest % prime == 0:
                    rest //= prime
            if rest == 1:
                digits = f"{float(number):.12f}".rstrip("0")
                if fractions.Fraction(digits) == number:
                    yield "exact decimal", digits
                    yield "decimal with zero", digits + "0"
                    yield "no leading zero", digits.replace("0.", ".", 1) if abs(n) < d else gold
            else:
                yield "nine digits", f"{float(number):.12f}" if abs(number) > 1 else gold
            if abs(n) > d:
                whole, part = divmod(abs(n), d)
                yield "mixed", f"{sign}{whole}\\frac{{{part}}}{{{d}}}"
                yield "mixed with a slash", f"{sign}{whole} {part}/{d}"
    # numbers inside of expressions
    if "sqrt" in gold:
        yield "braces of roots", re.sub(r"\\sqrt\s*(\d)(?!\d)", r"\\sqrt{\1}", gold)
        yield "no braces of roots", re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt \1", gold)
        yield "power one half", re.sub(r"\\sqrt\{(\d+)\}", r"\1^{1/2}", gold) if not re.search(r"[\d)}]\s*\\sqrt", gold) else gold
        yield "factor in a root", re.sub(r"(?<![\d.}^_])(\d+)\\sqrt\{(\d+)\}", lambda m: f"\\sqrt{{{int(m[1])**2 * int(m[2])}}}", gold)
        found = re.fullmatch(r"\\frac\{\\sqrt\{(\d+)\}\}\{(\d+)\}", gold)
        if found:
            yield "root of a fraction", f"\\sqrt{{\\frac{{{found[1]}}}{{{int(found[2]) ** 2}}}}}"
            yield "rational factor", f"\\frac{{1}}{{{found[2]}}}\\sqrt{{{found[1]}}}"
    if "\\cdot" not in gold and re.search(r"\d\\(pi|sqrt)", gold):
        yield "cdot", re.sub(r"(\d)\\(pi|sqrt)", r"\1 \\cdot \\\2", gold)
        yield "times", re.sub(r"(\d)\\(pi|sqrt)", r"\1 \\times \\\2", gold)
        yield "asterisk", re.sub(r"(\d)\\(pi|sqrt)", r"\1*\\\2", gold)
    items = parts(gold)
    if items and len(items) > 1 and not re.search(r"[=<>$:;]|\\text|\\mbox|\\[lg]e|!|\\pm|\\cup|\\in|\\ldots|\.\.", gold):
        stripped = [item.strip() for item in items]
        groups = all(re.fullmatch(r"\d{3}", item) for item in stripped[1:])
        if all(stripped) and not groups:
            yield "list backwards", ", ".join(reversed(stripped))
            yield "list with and", " \\text{ and } ".join(stripped)
            yield "list with or", " \\text{ or } ".join(stripped)
            yield "list in braces", "\\{" + ", ".join(stripped) + "\\}" if len(set(stripped)) == len(stripped) else gold
            yield "list in dollars", ", ".join(f"${item}$" for item in stripped)
    found = re.fullmatch(r"\\\{(.*)\\\}", gold)
    if found and (items := parts(found[1])) and len(items) > 1 and "\\ldots" not in gold:
        yield "set backwards", "\\{" + ",".join(reversed(items)) + "\\}"
        yield "set with left", "\\left\\{" + found[1] + "\\right\\}"
    found = TUPLE.fullmatch(gold)
    if found and (items := parts(found[2])) and len(items) > 1:
        yield "blanks in a tuple", found[1] + " " + " ,\\ ".join(items) + " " + found[3]
        yield "tuple with left", f"\\left{found[1]}{found[2]}\\right{found[3]}"
        if len(items) == 2 and "infty" in gold:
            yield "interval with x", "x \\in " + gold
    if re.search(r"\\text\{ *(cm|inches|feet|meters|dollars|units|square units|degrees|hours|minutes|miles)\}", gold) and "^" not in gold:
        bare = re.sub(r"\s*\\text\{[^}]*\}", "", gold)
        yield "without its unit", bare
        yield "unit by mbox", gold.replace("\\text", "\\mbox")
        yield "unit by mathrm", gold.replace("\\text{ ", "\\mathrm{~").replace("\\text", "\\mathrm") if "square" not in gold else gold
    if gold.endswith("\\%") and "=" not in gold:
        yield "percent of plain text", gold[:-2] + "%"
        yield "percent in words", gold[:-2] + " \\text{ percent}"
        yield "without percent", gold[:-2]
    if gold.endswith("^\\circ") and not re.search(r"\\(cos|sin|tan)", gold):
        yield "without degrees", gold[: -len("^\\circ")]
        yield "degrees in words", gold[: -len("^\\circ")] + "\\text{ degrees}"
        yield "degrees in braces", gold[: -len("^\\circ")] + "^{\\circ}"
    if gold.startswith("\\$"):
        yield "without dollar", gold[2:]
        yield "bare dollar", "$" + gold[2:]
        yield "dollars in words", gold[2:] + " \\text{ dollars}"
    found = re.fullmatch(r"\\text\{([^{}]*)\}", gold)
    if found and re.fullmatch(r"[A-Za-z ]+", found[1]):
        yield "bare words", found[1]
        yield "textbf", f"\\textbf{{{found[1]}}}"
        yield "mbox", f"\\mbox{{{found[1]}}}"
        yield "lower case", f"\\text{{{found[1].lower()}}}"
    if "pmatrix" in gold:
        yield "bmatrix", gold.replace("pmatrix", "bmatrix")
    if gold.endswith("}") and re.fullmatch(r"[0-9A-F]+_\{\d+\}", gold):
        digits, base = gold[:-1].split("_{")
        yield "base without braces", f"{digits}_{base}" if len(base) == 1 else gold
        yield "digits in parentheses", f"({digits})_{{{base}}}"
    if re.fullmatch(r"[A-Z]", gold):
        yield "choice in parentheses", f"({gold})"
        yield "choice in bold", f"\\textbf{{({gold})}}"


def unequal(gold):
    """Names of rules and texts that are not equal to the gold answer."""
    number = value(gold)
    plain = not re.search(r"\\text|\\mbox|\\begin|[:=<>$%;A-Za-z](?![a-z]*[{ \d\\(])", re.sub(r"\\[a-z]+", "", gold))
    digits = [m.start() for m in re.finditer(r"\d", gold)]
    if number is not None:
        for at in sorted({digits[0], digits[-1]}):
            digit = str((int(gold[at]) + 1) % 10)
            changed = gold[:at] + digit + gold[at + 1 :]
            if value(changed) not in (None, number) and value(changed) not in (number * 100, number / 100):
                yield "another digit", changed
        n, d = number.numerator, number.denominator
        if n:
            yield "other sign", f"-{gold}" if n > 0 else gold.lstrip("-") if gold.startswith("-") else f"-({gold})"
            yield "ten times", f"{gold}0" if INTEGER.fullmatch(gold) else f"10 \\cdot {gold}"
        yield "one more", f"\\frac{{{n + d}}}{{{d}}}" if d > 1 else str(n + 1)
        yield "one less", f"\\frac{{{n - d}}}{{{d}}}" if d > 1 else str(n - 1)
        yield "a little more", f"{float(number) + 0.01:.10f}" if abs(number) < 10**6 else str(n + 1)
        yield "variable", gold + "x" if n else str(n) + "+x"
        yield "two answers", f"{gold}, {n + d if d == 1 else n}"
        yield "hedged", f"{gold} \\text{{ or }} {n + d if d == 1 else n + 1}"
        yield "false chain", f"{n + 1} = {gold}" if d == 1 else f"{n} = {gold}"
        if d > 1 and abs(n) != d:
            yield "upside down", f"{'-' if n < 0 else ''}\\frac{{{d}}}{{{abs(n)}}}" if n else "1"
            rounded = f"{float(number):.3f}"
            if fractions.Fraction(rounded) != number and abs(number) < 100:
                yield "three decimals", rounded
        if d == 1:
            yield "thousandth", f"{n}/1000" if n else "1"
            yield "half more", f"{n}.5"
            yield "unit alone", "\\text{units}"
            if abs(n) >= 10 and len(set(str(abs(n)))) > 1 and str(abs(n)) != str(abs(n))[::-1]:
                yield "digits backwards", ("-" if n < 0 else "") + str(abs(n))[::-1]
            yield "another base", f"{n}_7" if n > 7 and not set(str(n)) & set("789-") and False else str(n + 7)
        return
    if "\\sqrt{" in gold and plain:
        yield "root left out", re.sub(r"\\sqrt\{(\d+)\}", r"\1", gold, count=1) if not re.search(r"\d\\sqrt\{", gold) else gold
        yield "cube root", gold.replace("\\sqrt{", "\\sqrt[3]{", 1) if re.search(r"\\sqrt\{[2-9]\d*\}", gold) else gold
        yield "another radicand", re.sub(r"\\sqrt\{(\d+)\}", lambda m: f"\\sqrt{{{int(m[1]) + 1}}}", gold, count=1)
    if "\\pi" in gold and plain:
        yield "without pi", re.sub(r"(\d)\\pi", r"\1", gold, count=1)
        yield "pi squared", gold.replace("\\pi", "\\pi^2", 1) if "\\pi^" not in gold else gold
        yield "3.14", gold.replace("\\pi", "(3.14)", 1)
    found = TUPLE.fullmatch(gold)
    if found and (items := parts(found[2])) and len(items) == 2 and not re.search(r"\\pm|\\text", gold):
        first, second = (item.strip() for item in items)
        if first != second:
            yield "swapped", f"{found[1]}{second},{first}{found[3]}"
        for at, bracket in [(1, "[" if found[1] == "(" else "("), (3, "]" if found[3] == ")" else ")")]:
            infinite = "infty" in (first if at == 1 else second)
            pieces = [found[1], f"{first},{second}", found[3]]
            pieces[at - 1] = bracket
            yield "other bracket", "".join(pieces) if not infinite else gold
        yield "as a set", f"\\{{{first},{second}\\}}" if first != second else gold
        yield "one element", first
        yield "one element more", f"{found[1]}{first},{second},7{found[3]}"
    items = parts(gold)
    if items and len(items) > 1 and not re.search(r"[=<>$:;]|\\text|\\mbox|!|\\pm|\\cup|\\in|\\ldots|\.\.", gold):
        stripped = [item.strip() for item in items]
        if not all(re.fullmatch(r"\d{3}", item) for item in stripped[1:]):
            if len(set(stripped)) > 1:
                yield "one of a list", stripped[0]
                yield "list without its last", ",".join(stripped[:-1])
            yield "longer list", gold + ",77777"
            yield "element twice", gold + "," + stripped[-1]
    if plain and "+" in gold and not re.search(r"[,()\[\]]", gold) and gold.count("{") == gold.count("}"):
        depth = 0
        for at, c in enumerate(gold):
            depth += (c == "{") - (c == "}")
            if c == "+" and depth == 0 and at:
                yield "minus for plus", gold[:at] + "-" + gold[at + 1 :]
                break
    if re.search(r"\\cup", gold) and re.search(r"\\infty|\d", gold):
        yield "one piece of a union", gold.split("\\cup")[0].strip()
    if "\\begin{pmatrix}" in gold:
        inner = gold.split("\\begin{pmatrix}")[1].split("\\end{pmatrix}")[0]
        cells = re.findall(r"-?\d+", inner)
        if cells:
            yield "another cell", gold.replace("\\begin{pmatrix}", "\\begin{pmatrix} 1 +", 1)
    found = re.fullmatch(r"\\text\{([^{}]*)\}", gold)
    if found and re.fullmatch(r"[A-Za-z]{2,}", found[1]):
        yield "not", f"\\text{{not {found[1]}}}"
        yield "another word", f"\\text{{{found[1]}x}}"
    if re.fullmatch(r"[0-9A-F]+_\{?\d\}?", gold):
        yield "another base", re.sub(r"_\{?(\d)\}?", lambda m: f"_{int(m[1]) + 1 if int(m[1]) < 9 else 10}", gold).replace("_10", "_{11}")
    if re.fullmatch(r"[A-E]", gold):
        yield "another choice", "ABCDE"[("ABCDE".index(gold) + 1) % 5]
        yield "two choices", gold + ", " + "ABCDE"[("ABCDE".index(gold) + 1) % 5]
    if re.search(r"\b[xyn]\b", gold) and plain and "=" not in gold and "," not in gold:
        yield "other letter", re.sub(r"(?<![a-zA-Z\\])[xyn](?![a-zA-Z])", "q", gold)
        yield "negative", f"-({gold})" if gold.count("(") == gold.count(")") else gold


cases, rules = [], []
for gold in golds:
    seen = {gold}
    for expected, rewritings in [(True, equal(gold)), (False, unequal(gold))]:
        for rule, text in rewritings:
            if text not in seen:
                seen.add(text)
                cases.append({"gold": gold, "pred": text})
                rules.append((expected, rule))
text = "".join(json.dumps(case) + "\n" for case in cases)
run = subprocess.run([args.grade, "--in", "-", "--answers"], input=text, capture_output=True, text=True, check=True)
wrong = collections.defaultdict(list)
for case, (expected, rule), row in zip(cases, rules, map(json.loads, run.stdout.splitlines()), strict=True):
    if row["correct"] != expected:
        wrong[expected, rule].append((case["gold"], case["pred"], row["verdict"]))
counts = collections.Counter(rules)
total = sum(map(len, wrong.values()))
print(f"{len(golds)} gold answers, {len(cases)} rewritings ({sum(e for e, _ in rules)} equal), {total} judged wrongly")
for (expected, rule), found in sorted(wrong.items(), key=lambda item: -len(item[1])):
    print(f"{'equal' if expected else 'unequal'}, {rule}: {len(found)} of {counts[expected, rule]}")
    for gold, pred, verdict in found[: args.show]:
        print(f"    {verdict}: {json.dumps([gold, pred], ensure_ascii=False)}")
sys.exit(bool(wrong))
