"""The server of a run, asked by OpenAI's Python package: between prompt and suffix, whole and as a stream.

    .venv/bin/codelm serve ripgrep &
    .venv/bin/python -m pip install -c constraints.txt openai
    .venv/bin/python examples/ask_server.py

The address is that of ``codelm serve``; another may follow.
"""

import sys
from typing import Any

from openai import OpenAI

ADDRESS = "http://127.0.0.1:8012/v1"
BEFORE, AFTER = "fn largest(values: &[u64]) -> u64 {\n", "    largest\n}\n"


def main() -> None:
    """Fill a gap in twice."""
    address = sys.argv[1] if len(sys.argv) > 1 else ADDRESS
    asked: dict[str, Any] = {"model": "codelm", "prompt": BEFORE, "suffix": AFTER, "max_tokens": 32}
    asked["extra_body"] = {"path": "src/lib.rs"}  # codelm's own field: the model was trained with paths
    with OpenAI(base_url=address, api_key="any") as server:
        whole = server.completions.create(**asked)
        print(f"whole, {whole.usage.completion_tokens} tokens:\n\n{BEFORE}{whole.choices[0].text}{AFTER}")
        print(f"as a stream:\n\n{BEFORE}", end="")
        for event in server.completions.create(**asked, stream=True):
            print(event.choices[0].text, end="", flush=True)
        print(AFTER, end="")


if __name__ == "__main__":
    main()
