"""Leaves of what `cargo metadata` says the packages whose types a notebook can name: howard's and polars'.

rust-analyzer, which evcxr asks for the types of variables and for completions, reads every source of every package that it is told
of: 480 packages and 380 MB (a third of it the Windows API), 20 seconds in each new kernel. These take two.
"""

import json
import re
import sys

NAMED = re.compile(r"ctx|howard.*|polars.*")

known = json.load(sys.stdin)
kept = {package["id"] for package in known["packages"] if NAMED.fullmatch(package["name"])}
known["packages"] = [package for package in known["packages"] if package["id"] in kept]
nodes = [node for node in known["resolve"]["nodes"] if node["id"] in kept] if known["resolve"] else []
for node in nodes:
    node["dependencies"] = [package for package in node["dependencies"] if package in kept]
    node["deps"] = [package for package in node["deps"] if package["pkg"] in kept]
if known["resolve"]:
    known["resolve"]["nodes"] = nodes
json.dump(known, sys.stdout)
