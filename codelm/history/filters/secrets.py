"""Detection of credentials by the fixed prefixes that their issuers give them.

No entropy and no keywords: those also match digests and tests, and each match drops training text. A rule is tried only
where its anchor, a literal prefix, occurs in the text, so a text takes one fast search per anchor. No rule reaches over
a line end, so a text holds what its lines hold.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from codelm.git.commits import Change, File

__all__ = ["RULES", "SecretScan", "secret_kinds"]


@dataclass(frozen=True, slots=True)
class _Rule:
    """One kind of credential: the literal prefixes at which it may begin, and its pattern from there."""

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]


def _rule(kind: str, anchors: str, pattern: str) -> _Rule:
    return _Rule(kind, tuple(anchors.split("|")), re.compile(pattern))


_WORD = r"[A-Za-z0-9]"
_SAFE = r"[A-Za-z0-9_-]"
_USER = r"[^\s:/@'\"`{}<>$\\()]{1,64}"
_PASSWORD = r"(?!(?i:pass(?:word|wd)?|secret|pw|token|x+|\*+|\.+)@)[^\s/:@'\"`{}<>$\\()]{6,}"

RULES = (
    _rule("aws-access-key", "AKIA|ASIA|ABIA|ACCA", r"\b[A-Z]{4}[A-Z2-7]{16}\b"),
    _rule(
        "aws-secret", "aws|AWS|Aws", r"(?i)aws[^\n]{0,30}?(?:secret|sk)[^\n]{0,20}?['\"=\s][A-Za-z0-9/+]{40}(?![\w/+=])"
    ),
    _rule("github", "ghp_|gho_|ghu_|ghs_|ghr_", rf"\bgh[a-z]_{_WORD}{{36,}}\b"),
    _rule("github-fine-grained", "github_pat_", rf"\bgithub_pat_{_WORD}{{22}}_{_WORD}{{59}}\b"),
    _rule("gitlab", "glpat-|gldt-|glrt-|glcbt-|glptt-|glagent-", rf"\bgl[a-z]+-{_SAFE}{{20,}}"),
    _rule("slack", "xoxa-|xoxb-|xoxe-|xoxe.|xoxo-|xoxp-|xoxr-|xoxs-", r"\bxox[a-z][.-][A-Za-z0-9.-]{10,}"),
    _rule("slack-webhook", "hooks.slack.com/", r"hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    _rule("stripe", "sk_live_|sk_test_|rk_live_|rk_test_", rf"\b[a-z]{{2}}_[a-z]{{4}}_{_WORD}{{16,}}"),
    _rule("openai", "sk-", rf"\bsk-{_SAFE}{{16,}}T3BlbkFJ{_SAFE}{{16,}}"),
    _rule("anthropic", "sk-ant-", rf"\bsk-ant-[a-z]+\d\d-{_SAFE}{{80,}}"),
    _rule("huggingface", "hf_", r"\bhf_[A-Za-z]{34}\b"),
    _rule("google", "AIza", rf"\bAIza{_SAFE}{{35}}(?!{_SAFE})"),
    _rule("npm", "npm_", rf"\bnpm_{_WORD}{{36}}\b"),
    _rule("pypi", "pypi-AgEI", rf"\bpypi-AgEI{_SAFE}{{60,}}"),
    _rule("crates-io", "cio", rf"\bcio{_WORD}{{32}}\b"),
    # In code that reads keys the header is followed by a quote; in a key by the end of its line.
    _rule("private-key", "-----BEGIN ", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?=\\|\s|$)"),
    _rule("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _rule("jwt", "eyJ", rf"\beyJ{_SAFE}{{8,}}\.ey{_SAFE}{{10,}}\.{_SAFE}{{20,}}"),
    _rule("url-password", "://", rf"://{_USER}:{_PASSWORD}@[\w-]+\.[\w.-]*\w"),
    _rule("sendgrid", "SG.", rf"\bSG\.{_SAFE}{{22}}\.{_SAFE}{{43}}(?!{_SAFE})"),
    _rule("twilio", "SK", r"\bSK[0-9a-f]{32}\b"),
    _rule("azure", "AccountKey=|accountkey=|ACCOUNTKEY=", r"\w+=[A-Za-z0-9+/]{86}=="),
    _rule("telegram", ":AA", rf"(?<=\d{{8}}):AA{_SAFE}{{33}}(?!{_SAFE})"),
    _rule("discord", "api/webhooks/", r"api/webhooks/\d{17,20}/[\w-]{60,}"),
    _rule("docker", "dckr_pat_", rf"\bdckr_pat_{_SAFE}{{27,}}"),
    _rule("digitalocean", "dop_v1_|doo_v1_|dor_v1_", r"\bdo[a-z]_v1_[0-9a-f]{64}\b"),
    _rule("vault", "hvs.|hvb.", rf"\bhv[a-z]\.{_SAFE}{{24,}}"),
)


def secret_kinds(text: str) -> set[str]:
    """Return the kinds of credentials in a text; the names of kinds are safe to show, the text is not."""
    return {
        rule.kind for rule in RULES if any(rule.pattern.match(text, position) for position in _positions(text, rule))
    }


def _positions(text: str, rule: _Rule) -> Iterator[int]:
    for anchor in rule.anchors:
        position = text.find(anchor)
        while position >= 0:
            yield position
            position = text.find(anchor, position + 1)


@dataclass(slots=True)
class SecretScan:
    """Finds credentials in a history without searching texts that are known to be clean.

    The text before a change consists of lines of the text after it and of removed lines. If those are clean, so is it,
    and the change that wrote it need not be searched. Texts are identified by blob ids; one without is searched.
    """

    clean: set[str] = field(default_factory=set)

    def kinds(self, item: Change | File) -> set[str]:
        """Return the kinds of credentials in a file, or on either side of a change."""
        return self._of_change(item) if isinstance(item, Change) else self._of_blob(item.blob, item.text or "")

    def _of_change(self, change: Change) -> set[str]:
        removed = "".join(line for hunk in change.hunks for line in hunk.removed)
        found = secret_kinds(removed) | self._of_blob(change.new_blob, change.after or "")
        # The hunks of a type change, such as link to file, do not relate its two sides.
        if not found and change.status != "T":
            self.clean.add(change.old_blob)
        return found

    def _of_blob(self, blob: str, text: str) -> set[str]:
        if blob and blob in self.clean:
            return set()
        found = secret_kinds(text)
        if not found:
            self.clean.add(blob)
        return found
