"""Programs that commit: bots, and agents that write code for people."""

import re
from collections.abc import Collection, Iterable

__all__ = ["agent_of", "co_authoring_agents", "is_bot"]

_BOTS = re.compile(
    r"""(?x)
    # dependencies, security, formatting
    dependabot(?:-preview)? | renovate | whitesource.renovate | mend-for-github-com | greenkeeper(?:io-bot)? | depfu
    | pyup\.io | requires-io | scala[- ]steward | snyk | imgbotapp | restyled(?:-io|-commits)? | pre-commit[-.]ci
    | deepsource-autofix | deepsource-io | autofix-ci | codecov-(?:io|commenter) | sonarcloud | fossabot
    # continuous integration and merging
    | github[- ]actions? | actions-user | gitlab[- ]ci | travis[- ]ci | circleci | buildkite | appveyor | teamcity
    | azure[- ]pipelines | vsts | bors | homu | mergify | kodiakhq | openshift-merge-robot | istio-testing | rust-timer
    | rust-log-analyzer | llvm-gn-syncbot | copybara-service | gcf-owl-bot | googleapis-publisher
    | a\.\ unique\ tensorflower | tensorflower-gardener | dotnet-maestro | aws-sdk-\w+-automation | azure-sdk
    | conda-forge-admin | r-ryantm | gopherbot | pytorchmergebot | pytorchupdatebot | llvmbot | rustbot | msftbot
    # releases, documents, translations
    | release-please | release-plz | semantic-release | changeset | allcontributors | gitbook | readthedocs
    | (?:hosted\ )?weblate | crowdin | transifex(?:-integration)? | lokalise
    """
)
"""Names, in small letters, of programs whose names do not say that they are."""
_BOT_AUTHORS = ("jenkins", "travis")
"""Names that are a bot's where they stand alone, but a person's in an address."""
_BOT = re.compile(
    r"(?:^|[-_\[ ])(?:ro)?bot\]?$|[-_ ](?:ci|automation|autoroll(?:er)?)$|[a-z0-9](?-i:Bot)$", re.IGNORECASE
)

_AGENTS = frozenset(
    (
        *("copilot-swe-agent", "copilot[bot]", "devin-ai-integration", "devin ai", "google-labs-jules", "claude[bot]"),
        *("cursor agent", "cursoragent", "cursor[bot]", "chatgpt-codex-connector", "openai-codex", "codex[bot]"),
        *("openhands", "openhands-agent", "opendevin", "sweep-ai", "sweep-nightly", "gemini-code-assist", "gemini-cli"),
        *("amazon-q-developer", "factory-droid", "codegen-sh", "ellipsis-dev", "lovable-dev", "gpt-engineer-app"),
        *("replit agent", "replit-agent", "v0[bot]", "roomote", "opencode-agent", "coderabbitai", "kiro-agent"),
        *("jetbrains-junie", "junie[bot]", "tembo[bot]", "tembo-io", "amp[bot]", "mentatbot", "windsurf-bot"),
        *("augmentcode", "warp-agent", "charliecreates", "swe-agent", "aider[bot]", "cosine-genie"),
    )
)
"""Names, in small letters, of programs that write code for people; with "[bot]" where people are called so, too."""
_AGENT_ADDRESSES = {
    "noreply@anthropic.com": "claude",
    "cursoragent@cursor.com": "cursor agent",
    "openhands@all-hands.dev": "openhands",
    "noreply@openai.com": "codex",
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
    known = any(_BOT.search(name) or _BOTS.fullmatch(name.lower().removesuffix("[bot]")) for name in names)
    return (known or author.lower() in _BOT_AUTHORS) and agent_of(author, email) is None


def agent_of(author: str, email: str) -> str | None:
    """Return the name of the agent that wrote the commit for somebody, None if a person or a bot did.

    >>> agent_of("devin-ai-integration[bot]", "1+devin-ai-integration[bot]@users.noreply.github.com")
    'devin-ai-integration'
    """
    for name in map(str.lower, _names(author, email)):
        if name in _AGENTS or name.removesuffix("[bot]") in _AGENTS:
            return name.removesuffix("[bot]")
    return _AGENT_ADDRESSES.get(email.lower())


def co_authoring_agents(message: str) -> set[str]:
    r"""Return the names of the agents that a commit's message calls its co-authors.

    >>> co_authoring_agents("Add x\n\nCo-Authored-By: Claude <noreply@anthropic.com>\nCo-authored-by: Jo <jo@b.org>\n")
    {'claude'}
    """
    return {agent for author, email in _CO_AUTHOR.findall(message) if (agent := agent_of(author, email))}


def _names(author: str, email: str) -> Iterable[str]:
    return author.strip(), email.partition("@")[0].rpartition("+")[2]
