import pytest

from codelm.history.filters.bots import agent_of, is_bot


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
        *(("Jo (aider)", "jo@example.com"), ("Cursor", "cursor@example.com"), ("Amp", "amp@example.com")),
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
    ],
)
def test_agents_that_write_code_for_people_are_no_bots(author, email, name):
    assert agent_of(author, email) == name
    assert not is_bot(author, email)


def test_a_user_may_name_an_agent_among_the_bots():
    assert is_bot("Claude", "noreply@anthropic.com", other_bots=["claude"])
