import pytest

from codelm.history.filters.bots import agent_of, co_authoring_agents, is_bot


@pytest.mark.parametrize(
    ("author", "email"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
        ("dependabot", "support@github.com"),
        ("Renovate Bot", "bot@renovateapp.com"),
        ("WhiteSource Renovate", "bot@renovateapp.com"),
        ("RenovateBot", "x@y.org"),
        ("bors", "bors@rust-lang.org"),
        ("k8s-ci-bot", ""),
        ("Kubernetes Prow Robot", "k8s.ci.robot@gmail.com"),
        ("GitHub Actions", "actions@github.com"),
        ("GitHub Action", "action@github.com"),
        ("Travis CI", "builds@travis-ci.org"),
        ("swift-ci", "swift-ci@users.noreply.github.com"),
        ("jenkins", "ci@example.com"),
        ("Hosted Weblate", "hosted@weblate.org"),
        ("Scala Steward", "me@scala-steward.org"),
        ("engine-flutter-autoroll", "e@example.com"),
        ("A. Unique TensorFlower", "gardener@tensorflow.org"),
        ("semantic-release-bot", "s@example.com"),
        ("The Miri Cronjob Bot", "miri@cron.bot"),
        ("pre-commit-ci[bot]", "66853113+pre-commit-ci[bot]@users.noreply.github.com"),
        ("Our Account", "ci-account@example.com"),
        ("Weblate (bot)", "hosted@weblate.org"),
        ("LLVM GN Syncbot", "llvmgnsyncbot@gmail.com"),
        ("llvm-gn-syncbot", "llvmgnsyncbot@gmail.com"),
        ("Pontoon", "pontoon@example.org"),
        ("Mozilla Pontoon", "pontoon@example.org"),
        ("updatecli", "updatecli@example.org"),
        ("updatecli[bot]", "1+updatecli[bot]@users.noreply.github.com"),
        ("travis", "travis@travis-ci.org"),
        ("travis", "builds@example.org"),
        ("jenkins", "jenkins@example.org"),
        ("Example CI", "ci@example.org"),
        ("example-ci", "noreply@example.org"),
        ("CI", "build-service@example.org"),
        ("CI", ""),
    ],
)
def test_bots_are_known_by_name_or_address(author, email):
    assert is_bot(author, email, other_bots=["CI-account"])
    assert agent_of(author, email) is None


@pytest.mark.parametrize(
    ("author", "email"),
    [
        *(("Jo Abbot", "jo@example.com"), ("Talbot", "talbot@example.com"), ("Bo Tyler", ""), ("robotics-fan", "")),
        *(("Katy Jenkins", "jenkins@example.com"), ("Travis Oliphant", "travis@example.com"), ("", "")),
        *(
            ("Claude Monet", "claude@example.com"),
            ("Claude", "claude@example.fr"),
            ("Devin Smith", "devin@example.com"),
        ),
        *(("Cursor", "cursor@example.com"), ("Amp", "amp@example.com"), ("Lin Codex", "codex@example.com")),
        *(("travis", "travis@colefam.example"), ("Travis", "t@example.com"), ("jenkins", "tom.jenkins@example.com")),
        *(("Luca CI", "luca.ci@example.com"), ("Elliot-ci", "elliot@example.com"), ("Li Ci", "li@cinema.example")),
        *(("Boris Orsini", "bors@example.org"), ("Una Snyk", "snyk@example.com"), ("Ann Depfu", "depfu@example.com")),
        *(("Ed Luca", "luca-ci@example.com"), ("ed", "ed-ci@example.com")),
    ],
)
def test_people_are_not_taken_for_programs(author, email):
    assert not is_bot(author, email)
    assert agent_of(author, email) is None


@pytest.mark.parametrize(
    ("author", "email", "name"),
    [
        ("copilot-swe-agent[bot]", "198982749+Copilot@users.noreply.github.com", "copilot-swe-agent"),
        ("devin-ai-integration[bot]", "1+devin-ai-integration[bot]@users.noreply.github.com", "devin-ai-integration"),
        ("Devin AI", "1+devin-ai-integration[bot]@users.noreply.github.com", "devin ai"),
        ("google-labs-jules[bot]", "1+google-labs-jules[bot]@users.noreply.github.com", "google-labs-jules"),
        ("Claude", "noreply@anthropic.com", "claude"),
        ("claude[bot]", "1+claude[bot]@users.noreply.github.com", "claude"),
        ("Cursor Agent", "cursoragent@cursor.com", "cursor agent"),
        ("openhands", "openhands@all-hands.dev", "openhands"),
        ("anthropic-code-agent[bot]", "1+Claude@users.noreply.github.com", "anthropic-code-agent"),
        ("openai-code-agent[bot]", "1+Codex@users.noreply.github.com", "openai-code-agent"),
        (
            "some-new-coding-agent[bot]",
            "1+some-new-coding-agent[bot]@users.noreply.github.com",
            "some-new-coding-agent",
        ),
        ("bolt-new-by-stackblitz[bot]", "1+x[bot]@users.noreply.github.com", "bolt-new-by-stackblitz"),
        ("gemini-for-code[bot]", "", "gemini-for-code"),
        ("Jo (aider)", "jo@example.com", "aider"),
        ("Codex", "codex@openai.com", "codex"),
        ("opencode", "opencode@example.com", "opencode"),
        ("opencode-agent[bot]", "1+opencode-agent[bot]@users.noreply.github.com", "opencode-agent"),
    ],
)
def test_agents_that_write_code_for_people_are_no_bots(author, email, name):
    assert agent_of(author, email) == name
    assert not is_bot(author, email)


@pytest.mark.parametrize(
    ("trailer", "name"),
    [
        ("Co-authored-by: Copilot <175728472+Copilot@users.noreply.github.com>", "copilot"),
        ("Co-authored-by: Copilot <copilot@github.com>", "copilot"),
        ("Co-authored-by: copilot-swe-agent[bot] <198982749+Copilot@users.noreply.github.com>", "copilot-swe-agent"),
        ("Co-Authored-By: Claude <noreply@anthropic.com>", "claude"),
        ("Co-Authored-By: Claude Opus 4.5 <noreply@anthropic.com>\r", "claude"),
        ("Co-authored-by: Cursor <cursoragent@cursor.com>", "cursoragent"),
        ("co-authored-by: aider (gpt-4o) <noreply@aider.chat>", "aider"),
        ("Co-authored-by: openhands <openhands@all-hands.dev>", "openhands"),
        ("Co-authored-by: Amp <amp@ampcode.com>", "amp"),
        ("Co-authored-by: Codex <codex@openai.com>", "codex"),
        ("Co-authored-by: opencode <noreply@opencode.ai>", "opencode"),
    ],
)
def test_agents_that_sign_as_co_authors_are_known(trailer, name):
    assert co_authoring_agents(f"Add x\n\nSigned-off-by: Jo <jo@b.org>\n{trailer}\n{trailer}\n") == {name}


@pytest.mark.parametrize(
    "line",
    [
        "Co-authored-by: Claude Monet <claude@example.fr>",
        "Co-authored-by: dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
        "This adds Co-authored-by: Claude <noreply@anthropic.com>",
        "Co-authored-by: Claude",
        "Co-authored-by: " + "Claude " * 20_000,
    ],
)
def test_people_bots_and_prose_are_no_co_authoring_agents(line):
    assert co_authoring_agents(f"Add x\n\n{line}\n") == set()


def test_a_user_may_name_an_agent_among_the_bots():
    assert is_bot("Claude", "noreply@anthropic.com", other_bots=["claude"])
