"""Programs that commit: bots, and agents that write code for people."""

import re
from collections.abc import Collection, Iterable

__all__ = ["agent_of", "co_authoring_agents", "is_bot"]

_BOTS = re.compile(
    r"""(?x)
    # dependencies, security, formatting
    dependabot(?:-preview)? | renovate | whitesource.renovate | mend-for-github-com | greenkeeper(?:io-bot)? | depfu
    | pyup\.io | updatecli | requires-io | scala[- ]steward | snyk | imgbotapp | restyled(?:-io|-commits)?
    | deepsource-autofix | deepsource-io | autofix-ci | codecov-(?:io|commenter) | sonarcloud | fossabot
    # continuous integration and merging
    | github[- ]actions? | actions-user | gitlab[- ]ci | travis[- ]ci | circleci | buildkite | appveyor | teamcity
    | azure[- ]pipelines | vsts | bors | homu | mergify | kodiakhq | openshift-merge-robot | istio-testing | rust-timer
    | rust-log-analyzer | pre-commit[-.]ci | copybara-service | gcf-owl-bot | googleapis-publisher
    | a\.\ unique\ tensorflower | tensorflower-gardener | dotnet-maestro | aws-sdk-\w+-automation | azure-sdk
    | conda-forge-admin | r-ryantm | gopherbot | pytorchmergebot | pytorchupdatebot | llvmbot | rustbot | msftbot
    # releases, documents, translations
    | release-please | release-plz | semantic-release | changeset | allcontributors | gitbook | readthedocs
    | (?:hosted\ )?weblate | (?:mozilla\ )?pontoon | crowdin | transifex(?:-integration)? | lokalise
    """
)
"""Names, in small letters, of programs whose names do not say that they are."""
_BOT = re.compile(
    r"(?:^|[-_\[( ])(?:ro|build|deploy|doc|format|lint|merge|release|sync|test|update|version)?bot[])]?$"
    r"|[-_ ](?:automation|autoroll(?:er)?)$|[a-z0-9](?-i:Bot)$",
    re.IGNORECASE,
)
_PERHAPS_BOT = re.compile(r"(?:^|.*[-_ ])ci|jenkins|travis", re.IGNORECASE)
"""Names that people bear as well; a bot has the address of a machine."""
_MACHINE = re.compile(
    r"(?:[\w+-]*[-_+])?(?:automation|bot|builds?|ci|deploy|infra|jenkins|no-?reply|service)(?:[-_]\w+)?@"
    r"|[^@]*(?:@|@.*[.-])(?:ci|jenkins|travis)(?:[.-]|$)|$",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"(?:\d+\+)?([^@]+)@users\.noreply\.github\.com", re.IGNORECASE)

_AGENTS = frozenset(
    (
        *("copilot-swe-agent", "copilot[bot]", "devin-ai-integration", "devin ai", "google-labs-jules", "claude[bot]"),
        *("cursor agent", "cursoragent", "cursor[bot]", "chatgpt-codex-connector", "openai-codex", "codex[bot]"),
        *("openhands", "openhands-agent", "opendevin", "sweep-ai", "sweep-nightly", "gemini-code-assist", "gemini-cli"),
        *("amazon-q-developer", "factory-droid", "codegen-sh", "ellipsis-dev", "lovable-dev", "gpt-engineer-app"),
        *("replit agent", "replit-agent", "v0[bot]", "roomote", "opencode-agent", "coderabbitai", "kiro-agent"),
        *("jetbrains-junie", "junie[bot]", "tembo[bot]", "tembo-io", "amp[bot]", "mentatbot", "windsurf-bot"),
        *("augmentcode", "warp-agent", "charliecreates", "swe-agent", "aider[bot]", "cosine-genie", "opencode"),
    )
)
"""Names, in small letters, of programs that write code for people; with "[bot]" where people are called so, too."""
_AGENT = re.compile(
    r"((?:[\w-]+-)?(?:ai|code|coding|developer|swe)-(?:agent|assistant|developer|engineer))\[bot\]"
    r"|((?:aider|anthropic|bolt|claude|codex|copilot|cursor|devin|gemini|jules|lovable|openai|opencode|openhands)"
    r"(?:-[\w-]+)?)\[bot\]|.*\((aider)\)"
)
"""Names, in small letters, by which further agents are known; aider writes "(aider)" behind the name of its user."""
_AGENT_ADDRESSES = {
    "noreply@anthropic.com": "claude",
    "cursoragent@cursor.com": "cursor agent",
    "openhands@all-hands.dev": "openhands",
    "noreply@openai.com": "codex",
    "codex@openai.com": "codex",
    "noreply@opencode.ai": "opencode",
    "175728472+copilot@users.noreply.github.com": "copilot",
    "copilot@github.com": "copilot",
    "198982749+copilot@users.noreply.github.com": "copilot-swe-agent",
    "noreply@aider.chat": "aider",
    "aider@aider.chat": "aider",
    "amp@ampcode.com": "amp",
    "agent@warp.dev": "warp-agent",
}
"""Addresses, in small letters, under which agents sign what they have written, and the agents' names."""
_CO_AUTHOR = re.compile(r"^co-authored-by:[ \t]*([^<\n]*?)[ \t]*<([^<>\s]+)>\s*$", re.IGNORECASE | re.MULTILINE)


def is_bot(author: str, email: str, other_bots: Collection[str] = ()) -> bool:
    """Return whether a bot made the commit, by the author's name or the part of the address before the ``@``.

    >>> is_bot("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"), is_bot("Jo Abbot", "jo@b.org")
    (True, False)
    """
    names = list(_names(author, email))
    if any(name.lower() in map(str.lower, other_bots) for name in names):
        return True
    # The name before the @ of another address may be short for a person's.
    accounts = [author.strip(), *_ACCOUNT.findall(email)]
    known = any(map(_BOT.search, names)) or any(
        _BOTS.fullmatch(name.lower().removesuffix("[bot]")) for name in accounts
    )
    perhaps = _PERHAPS_BOT.fullmatch(author.strip()) and _MACHINE.match(email)
    return bool(known or perhaps) and agent_of(author, email) is None


def agent_of(author: str, email: str) -> str | None:
    """Return the name of the agent that wrote the commit for somebody, None if a person or a bot did.

    >>> agent_of("devin-ai-integration[bot]", "1+devin-ai-integration[bot]@users.noreply.github.com")
    'devin-ai-integration'
    """
    for name in map(str.lower, _names(author, email)):
        if name in _AGENTS or name.removesuffix("[bot]") in _AGENTS:
            return name.removesuffix("[bot]")
        if found := _AGENT.fullmatch(name):
            return found[found.lastindex or 0]
    return _AGENT_ADDRESSES.get(email.lower())


def co_authoring_agents(message: str) -> set[str]:
    r"""Return the names of the agents that a commit's message calls its co-authors.

    >>> co_authoring_agents("Add x\n\nCo-Authored-By: Claude <noreply@anthropic.com>\nCo-authored-by: Jo <jo@b.org>\n")
    {'claude'}
    """
    return {agent for author, email in _CO_AUTHOR.findall(message) if (agent := agent_of(author, email))}


def _names(author: str, email: str) -> Iterable[str]:
    return author.strip(), email.partition("@")[0].rpartition("+")[2]
