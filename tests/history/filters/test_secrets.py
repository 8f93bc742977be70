import pytest

from codelm.git.commits import Change, Hunk
from codelm.history.filters.issued_secrets import issued_secrets
from codelm.history.filters.redaction import redact
from codelm.history.filters.secrets import SecretScan, find_secrets, kinds_of
from tests.history.filters.credentials import (
    CREDENTIALS,
    DIGITS,
    HARMLESS,
    LETTERS,
    LOWER,
    UPPER,
    human,
    jwt,
    pem,
    some,
)

SECRET = CREDENTIALS["GitHub personal"] + "\n"
KEY = pem() + "\n"


def in_code(text):
    return f"fn a() {{\n    {text}\n}}\n"


def test_ninety_of_a_hundred_credentials_are_found_and_three_of_24_harmless_texts_at_most():
    missed = [name for name, text in CREDENTIALS.items() if not find_secrets(in_code(text))]
    wrong = [name for name, text in HARMLESS.items() if find_secrets(in_code(text))]
    assert (len(CREDENTIALS), len(HARMLESS)) == (100, 24)
    assert len({secret.kind for text in CREDENTIALS.values() for secret in find_secrets(text)}) >= 60
    assert len(missed) <= 9, missed
    assert len(wrong) <= 3, wrong


def test_lines_that_were_searched_once_hide_no_credential():
    texts = [in_code(text) for text in CREDENTIALS.values()]
    found = [list(issued_secrets(text)) for text in texts]
    for line in {line for text in texts for line in text.split("\n")}:
        list(issued_secrets(line))
    assert [list(issued_secrets(text)) for text in texts] == found
    assert sum(map(bool, found)) > 50
    assert not any("\n" in text[start:end] for text, each in zip(texts, found, strict=True) for start, end, _ in each)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("GitHub personal", "github"),
        ("AWS access key", "aws-access-key"),
        ("RSA key", "private-key"),
        ("key in joined literals", "private-key"),
        ("JSON web token", "jwt"),
        ("password in Rust", "password"),
        ("address of a host without a dot", "url-password"),
        ("basic authentication", "basic"),
        ("Twilio auth token", "secret-value"),
    ],
)
def test_the_kind_of_a_credential_is_said(name, kind):
    assert kind in kinds_of(find_secrets(CREDENTIALS[name])).split(", ")


@pytest.mark.parametrize("name", CREDENTIALS)
def test_what_was_replaced_is_found_no_more_and_each_line_stays(name):
    text = in_code(CREDENTIALS[name])
    clean = redact(text, find_secrets(text))
    assert find_secrets(clean) == []
    assert clean.count("\n") == text.count("\n")
    assert (clean[:13], clean[-3:]) == ("fn a() {\n    ", "\n}\n")


@pytest.mark.parametrize("name", ["RSA key", "key in one line", "key in joined literals"])
def test_nothing_of_a_private_key_is_left(name):
    text = CREDENTIALS[name]
    clean = redact(text, find_secrets(text))
    pieces = [text[start : start + 24] for start in range(len(text) - 24)]
    assert not [piece for piece in pieces if piece.isalnum() and piece in clean]


@pytest.mark.parametrize(
    "line",
    [
        "define('DB_PASSWORD', '{}');",
        ":password => '{}',",
        "spring.datasource.password={}",
        'Password: "{}",',
        "ENV DB_PASSWORD={}",
        "psql --password={}",
        "tool --password {} -x",
        "machine db login deploy password {}",
        '<user name="a" password="{}"/>',
        "Server=db;User Id=sa;Password={};",
        'auth=("svc", "{}")',
        '.basic_auth("svc", Some("{}"))',
        'let password = String::from("{}");',
        'std::env::set_var("DB_PASSWORD", "{}");',
        "CREATE USER app WITH PASSWORD '{}';",
        "mysql -u root -p{} db",
        "DB_PASS='{}'",
        'let pw = "{}";',
        'let password =\n    "{}";',
        '\\"password\\": \\"{}\\"',
        "**Password:** {}",
        "The password is `{}`.",
        "mysqldump -u root -p{} app > app.sql",
        "sqlcmd -S db -U sa -P {}",
        "zip -r -P {} out.zip a",
        'Credentials::new("robot@example.com".to_string(), "{}".to_string())',
        '<add key="DbPassword" value="{}"/>',
        '{{"name": "DB_PASSWORD", "value": "{}"}}',
        '{{\n  "name": "DB_PASSWORD",\n  "value": "{}"\n}}',
        "env:\n  - name: DB_PASSWORD\n    value: {}",
        'variable "db_password" {{\n  type    = string\n  default = "{}"\n}}',
        "password: >-\n  {}",
        "db-password: |\n    {}",
        "passwort = '{}'",
        "Kennwort: {}",
    ],
)
def test_a_password_is_found_in_its_common_spellings(line):
    secret = human()
    text = line.format(secret) + "\n"
    assert secret not in redact(text, find_secrets(text))


@pytest.mark.parametrize("between", ["\n", "\\\n    ", '",\n    "', '" +\n    "', "' '"])
@pytest.mark.parametrize("width", [30, 64, 76])
def test_nothing_of_a_token_in_several_lines_is_left(between, width):
    token = jwt()
    words = [token[start : start + width] for start in range(0, len(token), width)]
    text = f'let a = "{between.join(words)}";\nlet other_identifier = 1;\n'
    cleaned = redact(text, find_secrets(text))
    assert cleaned == f'let a = "{between.join("REDACTED" for _ in words)}";\nlet other_identifier = 1;\n'


def test_each_of_two_tokens_in_several_lines_is_found():
    halves = [part for token in (jwt(), jwt()) for part in (token[:60], token[60:])]
    text = "".join(f'    "{half}",\n' for half in halves)
    assert redact(text, find_secrets(text)) == '    "REDACTED",\n' * 4


def test_words_behind_a_token_in_two_lines_stay():
    header, rest = jwt().split(".", 1)
    text = f"token: >\n  {header}.\n  {rest}\n  another_name_of_something\n"
    assert redact(text, find_secrets(text)) == "token: >\n  REDACTED\n  REDACTED\n  another_name_of_something\n"


@pytest.mark.parametrize("address", ["https://{}@git.example.net/a.git", "git+https://{}:x-oauth-basic@h.net/a"])
def test_a_token_in_the_place_of_a_user_is_found(address):
    secret = "x7" + some(30)
    text = address.format(secret) + "\n"
    assert secret not in redact(text, find_secrets(text))


@pytest.mark.parametrize(
    "line",
    [
        'let password = "";',
        'let password = "correct horse battery staple";',
        'password = "changeme123"',
        'passwords.insert("Summer2023");',
        "password: String,",
        "let password = self.config.password2;",
        'let password_file = "/run/secrets/Db-Pass1";',
        'const PASSWORD_HASH: &str = "$2y$10$N9qo8uLOickgx2ZMRZoMye";',
        'password: "Passwort-Wiederherstellung"',
        'password: "vault:secret/data/prod#db_pw"',
        'smtp_pass = "this test must pass"',
        'password = "asdfghjkl123"',
        'AUTH_TOKEN = "SessionTokenExpiredException"',
        '("token_model", "Qwen3MoeForTokenClassification"),',
        "fmt_pass = helper('_format_explanation')",
        "headers['Proxy-Authorization'] = auth(username, password)",
        "PASSWORD_COMMAND = 'PKCS12_PBE_WITH_HMAC'",
        "unzip -P $PASSWORD a.zip",
        'let token_url = "https://a.example/oauth2/v2.0/token";',
        'let key = "Ctrl+Shift+P1";',
        'Token::Ident("foo1Bar"), Token::Number("0x1F_u32")',
        'assert_eq!(tokens, vec![Token::Word2("aB3")]);',
        "pass `TRYBUILD=overwrite` to accept",
        'let sk_test_helper_for_payments = "a";',
        "scp user@host:/etc/passwd .",
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: db-password1}",
        'variable "db_password" {\n  type = string\n}\n\nvariable "size" {\n  default = "t3.medium-2xL"\n}',
        "password: |\n  The second line of a text",
        "https://some.long-user-name_of.a-build-robot@git.example.com/a.git",
        f'"integrity-of-token": "sha512-{some(86)}=="',
        "https://github.com/rust-lang/cargo/pull/1/files#diff-4317936c037e49f70800a86656c67569L308",
    ],
)
def test_code_about_passwords_holds_none(line):
    assert find_secrets(line + "\n") == []


def change(old_blob, new_blob, *, after, removed=(), status="M"):
    return Change("a.rs", "a.rs", status, old_blob, new_blob, after, (Hunk(0, 0, tuple(removed), ("new\n",)),))


def test_a_secret_that_a_change_removes_is_replaced_and_what_it_adds_is_kept():
    cleaned, others, added = SecretScan().of_change(change("1", "2", after="new\n", removed=[SECRET]))
    assert cleaned.hunks == (Hunk(0, 0, ('"REDACTED"\n',), ("new\n",)),)
    assert (kinds_of(others), added) == ("github", [[]])


def test_only_the_hunk_that_adds_a_secret_is_named():
    after = f"a\n{SECRET}b\nc\n{SECRET}"
    hunks = (Hunk(0, 0, (), ("a\n",)), Hunk(0, 1, (), (SECRET, "b\n")), Hunk(0, 3, (), ("c\n",)))
    cleaned, others, added = SecretScan().of_change(Change("a.rs", "a.rs", "M", "1", "2", after, hunks))
    assert [kinds_of(secrets) for secrets in added] == ["", "github", ""]
    assert cleaned.after == 'a\n"REDACTED"\nb\nc\n"REDACTED"\n'
    assert len(others) == 1


def test_the_text_before_a_change_that_removed_a_secret_is_not_taken_for_clean():
    scan = SecretScan()
    scan.of_change(change("1", "2", after="new\n", removed=[SECRET]))
    assert kinds_of(scan.of_text(SECRET, "1")) == "github"


@pytest.mark.parametrize("part", [KEY.splitlines(keepends=True)[0], KEY.splitlines(keepends=True)[1]])
def test_the_text_before_a_change_that_removed_a_part_of_a_key_is_not_taken_for_clean(part):
    scan = SecretScan()
    scan.of_change(change("1", "2", after="new\n", removed=[part]))
    assert kinds_of(scan.of_text(KEY, "1")) == "private-key"


def test_the_text_before_a_clean_change_is_not_read_again():
    scan = SecretScan()
    assert scan.of_change(change("1", "2", after="new\n", removed=["old\n"]))[1] == []
    assert scan.of_text(SECRET, "1") == []  # impossible content, which shows that it was not searched


def test_the_text_before_a_change_of_type_is_read():
    scan = SecretScan()
    scan.of_change(change("1", "2", after="new\n", status="T"))
    assert kinds_of(scan.of_text(SECRET, "1")) == "github"


def test_a_sign_that_one_of_two_overlapping_secrets_ends_with_is_not_looked_for_elsewhere():
    text = CREDENTIALS["GitHub app"] + "\n"
    assert [each.end - each.start for each in find_secrets(text)][1:] == [1]
    scan = SecretScan()
    scan.of_change(change("1", "2", after=f"{text}new\n"))
    assert len(scan.values) == 1


def test_texts_without_an_id_are_always_read():
    scan = SecretScan()
    assert scan.of_text("clean\n") == []
    assert kinds_of(scan.of_text(SECRET)) == "github"


def test_a_value_with_a_prefix_that_nobody_published_is_a_token():
    assert kinds_of(find_secrets(f'"acme_live_{some(12)}aZ9{some(12)}kQ7"')) == "token"


@pytest.mark.parametrize(
    ("form", "length", "alphabet"),
    [
        ('password = "{}"', 16, LETTERS),
        ("spring.datasource.password={}", 12, LETTERS),
        ('PASSWORD = "{}"', 12, UPPER + DIGITS),
        ('password = "{}"', 14, LOWER + DIGITS),
        ("amqp" + "://svc:{}@host", 10, UPPER + DIGITS),
        ('token = "{}"', 24, LETTERS),
        ("mysqldump -u root -p{} app", 14, LETTERS),
    ],
)
def test_random_words_are_mostly_told_from_words(form, length, alphabet):
    values = [some(length, alphabet) for _ in range(200)]
    found = [value for value in values if value not in redact(form.format(value), find_secrets(form.format(value)))]
    assert len(found) > 0.75 * len(values)


@pytest.mark.parametrize("salted", ["$6$" + some(8) + "$" + some(86), "$apr1$" + some(8) + "$" + some(22)])
@pytest.mark.parametrize("line", ["root:{}:19000:0:99999:7:::", "admin:{}", 'hash = "{}"'])
def test_a_hash_of_a_password_can_be_broken_and_counts_as_one(line, salted):
    text = line.format(salted)
    assert kinds_of(find_secrets(text)) == "password-hash"
    assert salted[-22:] not in redact(text, find_secrets(text))


def test_a_hash_of_bcrypt_counts_but_not_its_salt_alone():
    assert kinds_of(find_secrets("admin:$2y$10$" + some(53))) == "password-hash"
    assert find_secrets("admin:$2y$10$" + some(22)) == []


def test_a_password_of_a_program_in_four_groups_is_found():
    assert kinds_of(find_secrets('smtp_pass = "tagw uzne auvh ' + 'qxkf"')) == "password"
