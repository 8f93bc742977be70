"""The check for known vulnerabilities in what scripts/setup and scripts/release install.

pip-audit asks PyPI. Where a package index stands in for PyPI that knows files alone, it skips each package and reports
that no vulnerabilities are known, so what was skipped is looked at here.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["NotRunError", "complaints", "main", "read_accepted", "read_report"]

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
_NO_ANSWER = re.compile(r"^requests\.exceptions\.|Could not connect")


class NotRunError(Exception):
    """Nothing could be audited."""


def read_report(output: str, errors: str) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package.

    Raises:
        NotRunError: It could not ask, or no package is known where it asked.
        ValueError: It failed for another reason.
    """
    if not output.strip():
        why = (errors.strip().splitlines() or ["pip-audit said nothing"])[-1]
        raise NotRunError(why) if _NO_ANSWER.search(why) else ValueError(why)
    packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    if all("skip_reason" in each for each in packages):
        raise NotRunError("the index that stands in for PyPI here does not tell vulnerabilities")
    return packages


def read_accepted(text: str) -> dict[str, str]:
    """Return the reasons of the vulnerabilities that are accepted, by identifier.

    Raises:
        ValueError: One has no reason.
    """
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if bare := [line[0] for line in lines if len(line) == 1]:
        raise ValueError(f"{bare[0]} is accepted without a reason: write it behind the identifier")
    return dict(lines)


def complaints(packages: list[dict[str, Any]], accepted: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each package that could not be audited, each vulnerability, and each exception without a use."""
    unused = set(accepted)
    for each in packages:
        if "skip_reason" in each:
            yield f"{each['name']} was not audited: {each['skip_reason']}"
        for found in each.get("vulns", ()):
            names = {found["id"], *found["aliases"]}
            if not names & accepted.keys():
                fixed = ", ".join(found["fix_versions"]) or "no release"
                yield f"{each['name']} {each['version']}: {' '.join(sorted(names))}, mended in {fixed}"
            unused -= names
    yield from (f"{name} is accepted, and nothing that is installed has it: take it out" for name in sorted(unused))


def main() -> int:
    """Audit the locked requirements and return the exit status."""
    # The build of torch for the CPU is not on PyPI; it is made of the same code as the one that is.
    locks = sorted(path for path in REQUIREMENTS.glob("*.lock") if path.name != "torch-cpu.lock")
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    command += ["--format", "json", "--aliases", "on", "--desc", "off", *(f"--requirement={path}" for path in locks)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = read_report(done.stdout, done.stderr)
        accepted = read_accepted((REQUIREMENTS / "accepted-vulnerabilities.txt").read_text("utf-8"))
    except NotRunError as error:
        print(f"not run: the check for known vulnerabilities: {error}")
        return 0
    except ValueError as error:
        print(f"scripts/audit.py: {error}", file=sys.stderr)
        return 1
    found = list(complaints(packages, accepted))
    print("\n".join(found) if found else f"no unaccepted vulnerability is known of {len(packages)} packages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
