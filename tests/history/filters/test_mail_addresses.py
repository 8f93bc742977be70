import random
import string

import pytest

from codelm.history.filters.mail_addresses import mail_addresses


def found(text):
    return [text[start:end] for start, end, _ in mail_addresses(text)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('authors = ["Jo Li <jo.li+x@sub.corp.co.uk>"]', "jo.li+x@sub.corp.co.uk"),
        ("Signed-off-by: Jo Li <jo@laptop.(none)>", "jo@laptop.(none)"),
        (
            "Co-authored-by: dep <49+dependabot[bot]@users.noreply.github.com>",
            "49+dependabot[bot]@users.noreply.github.com",
        ),
        ("/// Ask jo@corp.com.", "jo@corp.com"),
        ("Ask jo@corp.com.Then wait", "jo@corp.com"),
        ("Ask __jo@corp.com__ then", "jo@corp.com"),
        (r'println!("hi\njo@corp.com\n");', "jo@corp.com"),
        (r'"\u003cjo@corp.com\u003e"', "jo@corp.com"),
        (r"Jo Li <\fIjo@corp.com\fP>", "jo@corp.com"),
        ("mailto:jo@corp.com?subject=x", "jo@corp.com"),
        ("?user=jo%40corp.com&x=1", "jo%40corp.com"),
        ("%3Cjo@corp.com%3E", "jo@corp.com"),
        ("https://a.example/~jo/jo@corp.com", "jo@corp.com"),
        ("@jo@mastodon.social", "jo@mastodon.social"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1 jo@corp.com", "jo@corp.com"),
        ("jürgen@münchen.de", "jürgen@münchen.de"),
        (r"\email{jo@corp.com}", "jo@corp.com"),
        ("me@carl.com: admin", "me@carl.com"),
        ("1234@qq.com", "1234@qq.com"),
        ("jo@163.com", "jo@163.com"),
        ("security@rust-lang.org", "security@rust-lang.org"),
    ],
)
def test_an_address_is_found_and_nothing_around_it(text, address):
    assert found(text) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "jo@example.com a@b.example.org x@foo.test y@example.de user@localhost you@company.com foo@bar.com",
        "GitHub <noreply@github.com>, no-reply@corp.com, Root <root@localhost>",
        "git@github.com:jo/a.git ssh://git@github.com/jo/a deploy@build.corp.com:~/x deploy@corp.com:srv/x",
        "https://jo@dev.azure.com/x https://jo:pass@corp.com/x",
        "ssh -p 22 jo@build.corp.com uptime",
        "scp a.txt jo@build.corp.com:/srv/x",
        'import x from "@angular/core"; "@types/node": "1"',
        "serde@1.0.3 lodash@4.17.21-rc.next pkg@1.x.io actions/checkout@v4.1.0",
        r"[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,} ^\S+@\S+\.com$ .*@corp.com",
        "{user}@corp.com ${USER}@corp.com $USER@corp.com %s@corp.com",
        '#[tokio::main]\nlet x @ Some(_) = y;\n@app.route("/x")\n@pytest.fixture',
        "this@MainActivity.finish() return@forEach.name",
        "x = a@self.net; y = x@w.to(device)",
        "icon@2x.png getty@tty1.service $@.de",
    ],
)
def test_what_only_resembles_an_address_stays(text):
    assert found(text) == []


def test_addresses_come_in_order_and_an_odd_one_is_found_once():
    text = "Ann Li <ann@box.local>, bo@corp.com, Cy Li <cy@corp.com> and bo@corp.com"
    assert found(text) == ["ann@box.local", "bo@corp.com", "cy@corp.com", "bo@corp.com"]


@pytest.mark.parametrize("alphabet", ["@", "a@", "a-@.", "<a@", ".@-", "%40a", "ssh -a ", string.printable], ids=str)
def test_long_texts_of_signs_are_gone_through(alphabet):
    text = "".join(random.Random(3).choices(alphabet, k=100_000))
    spans = [(start, end) for start, end, _ in mail_addresses(text)]
    assert all("@" in text[start:end] or "%40" in text[start:end] for start, end in spans)
    assert found(text + "\nbo@corp.com")[-1] == "bo@corp.com"
