"""What transformers renders: python tests/golden/chat.py > tests/golden/chat.json

Conversations under the shipped model's template and under one with everything Qwen3's templates use (namespaces,
reversed slices, Python string methods). Needs transformers; its version is written into the file."""
import json
import pathlib

import transformers

ROOT = pathlib.Path(__file__).parents[2]
tokenizer = transformers.AutoTokenizer.from_pretrained(ROOT / "data" / "tiny")
user = lambda text: {"role": "user", "content": text}
answer = lambda text: {"role": "assistant", "content": text}
conversations = [
    [user("What is 1+1?")],
    [user("What is 1+1?"), answer("\\boxed{2}")],
    [{"role": "system", "content": "Be brief."}, user("a <b> & 'c'"), answer("d\n"), user("e\u00e9\u4e2d")],
    [user("q"), answer("<think>\nfirst\n</think>\n\nthen"), user("again"), answer("<think>hm</think>yes")],
    [user("<tool>x</tool>"), answer(""), user("  spaces  ")],
]
templates = {
    "tiny": (ROOT / "data" / "tiny" / "chat_template.jinja").read_text(),
    "qwen3_like": (ROOT / "tests" / "golden" / "chat" / "qwen3_like.jinja").read_text(),
}
rows = []
for name, template in templates.items():
    for messages in conversations:
        for generation in (False, True):
            render = lambda **k: tokenizer.apply_chat_template(
                messages, chat_template=template, add_generation_prompt=generation, **k)
            row = {"template": name, "messages": messages, "generation": generation, "text": render(tokenize=False)}
            if name == "tiny":
                row["ids"] = tokenizer(row["text"], add_special_tokens=False)["input_ids"]
            rows.append(row)
print(json.dumps({"transformers": transformers.__version__, "rows": rows}, indent=0))
