import random
import string

import pytest

from codelm.git.commits import Change, File, Hunk
from codelm.history.filters.secrets import RULES, SecretScan, secret_kinds

CHANCE = random.Random(5)
UPPER, LETTERS, DIGITS = string.ascii_uppercase, string.ascii_letters, string.digits
HEX = "0123456789abcdef"


def some(count, alphabet=LETTERS + DIGITS):
    return "".join(CHANCE.choices(alphabet, k=count))


# Put together here, so that no line of this file looks like a credential.
FAKES = {
    "aws-access-key": [f'"{"AK" + "IA"}{some(16, UPPER + "234567")}"'],
    "aws-secret": [f'let aws_secret_access_key = "{some(40)}";', f"AWS_SECRET_ACCESS_KEY={some(40)}"],
    "github": [f'"{"gh" + letter + "_"}{some(36)}"' for letter in "pousr"],
    "github-fine-grained": [f'"{"github" + "_pat_"}{some(22)}_{some(59)}"'],
    "gitlab": [f'"{"gl" + "pat-"}{some(20)}"'],
    "slack": [f'"{"xo" + "xb-"}{some(12, DIGITS)}-{some(12, DIGITS)}-{some(24)}"'],
    "slack-webhook": [f'"https://{"hooks." + "slack.com"}/services/T{some(8)}/B{some(8)}/{some(24)}"'],
    "stripe": [f'"{"sk_" + "live_"}{some(24)}"', f'"{"rk_" + "test_"}{some(24)}"'],
    "openai": [f'"{"sk-" + "proj-"}{some(20)}{"T3Blbk" + "FJ"}{some(20)}"'],
    "anthropic": [f'"{"sk-" + "ant-api03-"}{some(93)}AA"'],
    "huggingface": [f'"{"h" + "f_"}{some(34, LETTERS)}"'],
    "google": [f'"{"AI" + "za"}{some(35)}"'],
    "npm": [f"_authToken={'np' + 'm_'}{some(36)}"],
    "pypi": [f'"{"pypi-" + "AgEIcHlwaS5vcmc"}{some(70)}"'],
    "crates-io": [f"TOKEN={'ci' + 'o'}{some(32)}"],
    "private-key": [
        f"{'-' * 5}BEGIN {name}{'PRIVATE'} KEY{'-' * 5}{end}"
        for name in ("", "RSA ", "OPENSSH ")
        for end in ("", "\n", "\\n")
    ],
    "age-key": [f"{'AGE-SECRET'}-KEY-1{some(58, UPPER)}"],
    "jwt": [f'"{"ey" + "J" + some(18)}.{"ey" + some(30)}.{some(43)}"'],
    "url-password": [
        f'let u = "postgres{"://"}admin:{some(16)}@db.example.com:5432/prod";',
        f'"https{"://"}user:{some(12)}@example.com/x"',
    ],
    "sendgrid": [f'"{"S" + "G."}{some(22)}.{some(43)}"'],
    "twilio": [f'"{"S" + "K"}{some(32, HEX)}"'],
    "azure": [f"{'Account' + 'Key='}{some(86)}==;"],
    "telegram": [f'let bot = "{some(9, DIGITS)}:{"A" + "A"}{some(33)}";'],
    "discord": [f'"discord.com/{"api/" + "webhooks/"}{some(18, DIGITS)}/{some(68)}"'],
    "docker": [f'"{"dckr" + "_pat_"}{some(27)}"'],
    "digitalocean": [f'"{"dop" + "_v1_"}{some(64, HEX)}"'],
    "vault": [f'"{"hv" + "s."}{some(24)}"'],
}
SECRET = FAKES["github"][0] + "\n"
DIGEST = "0123456789abcdef" * 4
HARMLESS = [
    "fn parse_token(token: &str) -> Result<Token, Error> { lexer.next_token(token) }",
    f"checksum = {DIGEST!r}",
    f'let commit = "{DIGEST[:40]}";',
    'let id = "01234567-89ab-cdef-0123-456789abcdef";',
    'let password = env::var("PASSWORD")?;',
    'let password = "test";',
    'api_key = "YOUR_API_KEY_HERE"',
    '"https://doc.rust-lang.org/std/primitive.str.html"',
    'url = "https://user:password@example.com/"',
    'format!("https://{user}:{password}@{host}/")',
    "git clone ssh://git@example.com:2222/a.git",
    'if line == "-----BEGIN PRIVATE KEY-----" {',
    "-----BEGIN CERTIFICATE-----",
    "let aws_region = env(); // no secret here",
    "//! See https://example.com/a:b and mailto:someone@example.com",
]


def test_every_rule_has_a_fake():
    assert {rule.kind for rule in RULES} == set(FAKES)


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in FAKES.items() for line in lines])
def test_a_credential_is_known_by_its_prefix(kind, line):
    assert secret_kinds(f"fn a() {{\n    {line}\n}}\n") == {kind}


@pytest.mark.parametrize("line", HARMLESS)
def test_ordinary_lines_are_no_credentials(line):
    assert secret_kinds(line) == set()


def test_a_text_holds_what_its_lines_hold():
    lines = [line for lines in FAKES.values() for line in lines] + HARMLESS
    CHANCE.shuffle(lines)
    assert secret_kinds("\n".join(lines)) == set().union(*map(secret_kinds, lines)) == set(FAKES)


def change(old_blob, new_blob, *, after, removed=(), status="M"):
    return Change("a.rs", "a.rs", status, old_blob, new_blob, after, (Hunk(0, 0, tuple(removed), ("new\n",)),))


def test_a_secret_that_a_change_removes_is_found():
    assert SecretScan().kinds(change("1", "2", after="new\n", removed=[SECRET])) == {"github"}


def test_the_text_before_a_change_that_removed_a_secret_is_not_taken_for_clean():
    scan = SecretScan()
    scan.kinds(change("1", "2", after="new\n", removed=[SECRET]))
    assert scan.kinds(change("0", "1", after=SECRET)) == {"github"}


def test_the_text_before_a_clean_change_is_not_read_again():
    scan = SecretScan()
    assert scan.kinds(change("1", "2", after="new\n", removed=["old\n"])) == set()
    assert scan.kinds(File("a.rs", "1", SECRET)) == set()  # impossible content, which shows that it was not searched


def test_the_text_before_a_change_of_type_is_read():
    scan = SecretScan()
    scan.kinds(change("1", "2", after="new\n", status="T"))
    assert scan.kinds(File("a.rs", "1", SECRET)) == {"github"}


def test_files_without_an_id_are_always_read():
    scan = SecretScan()
    assert scan.kinds(File("a.rs", "", "clean\n")) == set()
    assert scan.kinds(File("b.rs", "", SECRET)) == {"github"}
