"""Turn the small part of Markdown that a README needs into HTML."""
import functools
import html
import re

INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*"
    r"|\[(?P<label>[^]]*)\]\((?P<href>[^)\s]*)\)"
)
SAFE_LINK = re.compile(r"(https?://|mailto:|#|/|[\w.-]+(/|$))")

_blocks = []


def block(pattern):
    """Register a function that renders paragraphs whose first line matches the pattern."""

    def register(render):
        _blocks.append((re.compile(pattern), render))
        return render

    return register


def inline(text):
    out, last = [], 0
    for match in INLINE.finditer(text):
        out.append(html.escape(text[last:match.start()]))
        out.append(span(match.lastgroup, match))
        last = match.end()
    out.append(html.escape(text[last:]))
    return "".join(out)


def span(kind, match):
    if kind == "href":
        href = match["href"] if SAFE_LINK.match(match["href"]) else "#"
        return f'<a href="{html.escape(href)}">{inline(match["label"])}</a>'
    body = html.escape(match[kind]) if kind == "code" else inline(match[kind])
    return f"<{kind}>{body}</{kind}>"


@block(r"(#{1,6}) +\S")
def heading(lines, match):
    level = len(match[1])
    first, *rest = lines
    title = f"<h{level}>{inline(first[level:].strip())}</h{level}>"
    return title + ("\n" + paragraph(rest) if rest else "")


@block(r"```(\w*)$")
def fence(lines, match):
    language = f' class="language-{match[1]}"' if match[1] else ""
    return f"<pre><code{language}>{html.escape(chr(10).join(lines[1:-1]))}</code></pre>"


@block(r"[-*] +|\d+\. +")
def items(lines, match):
    tag = "ol" if match[0][0].isdigit() else "ul"
    entries = []
    for line in lines:
        if found := re.match(r"(?:[-*]|\d+\.) +", line):
            entries.append(line[found.end():])
        else:
            entries[-1] += " " + line.strip()
    return "\n".join([f"<{tag}>", *(f"<li>{inline(entry)}</li>" for entry in entries), f"</{tag}>"])


def paragraph(lines, _=None):
    return f"<p>{inline(' '.join(line.strip() for line in lines))}</p>"


def paragraphs(source):
    group, fenced = [], False
    for line in source.expandtabs(4).splitlines():
        line = line.rstrip()
        if line.startswith("```"):
            fenced = not fenced
        if line or fenced:
            group.append(line)
        elif group:
            yield group
            group = []
    if group:
        yield group + ["```"] * fenced


@functools.lru_cache(maxsize=64)
def render(source):
    def one(lines):
        for pattern, function in _blocks:
            if match := pattern.match(lines[0]):
                return function(lines, match)
        return paragraph(lines)

    return "\n".join(map(one, paragraphs(source)))


def test_inline_marks_nest_but_not_in_code():
    assert inline("**a *b* `c`**") == "<strong>a <em>b</em> <code>c</code></strong>"
    assert inline("`x < *y*` & *z*") == "<code>x &lt; *y*</code> &amp; <em>z</em>"


def test_links_with_odd_schemes_lead_nowhere():
    assert render("[go](javascript:alert)") == '<p><a href="#">go</a></p>'


def test_blocks():
    page = "# Title\n\n- one\n- two\n  more\n\n```py\na = 1\n\nb = 2\n```"
    assert render(page).count("<li>") == 2
    assert render(page).endswith('<pre><code class="language-py">a = 1\n\nb = 2</code></pre>')
