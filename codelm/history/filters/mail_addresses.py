"""Detection of people's e-mail addresses in code and messages, and of what only resembles them."""

import re
from collections.abc import Iterator

from codelm.history.filters.issued_secrets import Secret

__all__ = ["MAIL_ADDRESS", "is_nobody", "mail_addresses"]

MAIL_ADDRESS = "e-mail address"
"""The kind of what is found."""

_AT = re.compile(r"(?:@|%40)([^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)+)")
_LOCAL = re.compile(r"[\w.+-]+")
_LONGEST_LOCAL = 64
"""Characters before the @, by RFC 5321."""
_NAMED = re.compile(r"<(?<=[\w.)\"'\]] <)(\w[\w.+()\[\]-]*)@([^<>\s@{}$%^*\\]+)>")
"""Behind a name and in angle brackets, as git writes them, also an address of a host without a domain is one. What
stands before the bracket is looked at behind it: patterns that begin with a sign are 30 times as fast to search for."""
_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc "
    "cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga "
    "gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp "
    "ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms "
    "mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro "
    "rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt "
    "tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_GENERIC = (
    "aero agency app arpa art asia bio biz blog build business cafe cat center chat city cloud club codes com "
    "community company computer consulting coop design dev digital earth edu education email engineer engineering "
    "expert farm finance foundation fun fyi games global gmbh gov group guru health help horse hosting house inc info "
    "ink institute int international jobs lab land law legal life limited link live lol ltd mail management market "
    "media mil mobi moe money museum name net network ninja one online org page party partners photos pink pizza plus "
    "post press pro pub red rest rip rocks run school science services sexy shop site social software solutions space "
    "store studio sucks support systems team tech technology tel tips today tools top town training travel university "
    "uno ventures vip wiki win work works world wtf xxx xyz yoga zone"
)
"""Common ones; `zip` and `mov` are left out, which are kinds of files."""
_TOP_LEVEL = frozenset((*_COUNTRIES.split(), *_GENERIC.split()))
"""Domains of the top level, among those of IANA's list. Others are known in angle brackets behind a name alone."""
_PROGRAMS = re.compile(r"(?:git|hg|svn|bzr|cvs|(?:do[-_]?)?not?[-_]?reply)(?:\+.*)?", re.IGNORECASE)
"""What stands before the @ of addresses that nobody reads."""
_RESERVED = re.compile(r"(?:.*\.)?(?:example(?:\..*)?|test|invalid|localhost)", re.IGNORECASE)
"""Domains for examples and tests, by RFC 2606 and RFC 6761; "example" also below a country's domain."""
_ANYBODY = re.compile(
    "a|abc|alice|b|bar|baz|bob|email|foo|foobar|jane|jane.?doe|john|john.?doe|mail|my|name|some(?:body|one)|test|user"
    r"|user.?name|x|you|your.?(?:e?mail|name)|(?:bar|email|foo|name|test|user)\d+",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(
    "a|abc|acme|b|bar|baz|c|company|corp|domain|foo|foobar|host|hostname|my.?domain|server|site|some.?domain"
    "|some.?where|test|x|y|you|your.?(?:company|domain|host)",
    re.IGNORECASE,
)
"""Names that stand for any user and any host. Together they are no person's address; one of them alone may be."""
_VERSION = re.compile(r"v?\d+(?:\.\d|\.x\b)", re.IGNORECASE)
_MEMBER = re.compile(r"(?:self|this|cls|super)\.")
_KEYWORD = re.compile(r"(?:return|break|continue|this|super|yield)")
"""Before a label in Kotlin."""
_ESCAPES = {
    "\\": re.compile(r"f[BIPR](?=\w)|[abefnrtv0]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}"),
    "%": re.compile(r"[0-9a-fA-F]{2}"),
}
_USER_OF_HOST = re.compile(
    r"(?<!mailto)://[^\s/@\"'<>]*$|\b(?:ssh|scp|sftp|mosh|rsync|ssh-copy-id)(?:[ \t]+-\S+(?:[ \t]+[\w./~]+)?)*[ \t]+$"
)
_PATH_OF_HOST = re.compile(r":(?:[~/.]|[\w.~-]+/|[\w.-]+\.git\b)")
"""Before and behind a user's name at a host: in an address of the web, a remote of git, a command."""
_CONTEXT = 160
"""Characters before an address that are looked at."""


def mail_addresses(text: str) -> list[Secret]:
    """Return where people's addresses stand in a text, in order.

    Left out are those of RFC 2606 and of programs, remotes of git, users of hosts, versions of packages, templates,
    patterns and members of objects.

    >>> line = 'authors = ["Jo Li <jo@li.net>"]  # git@github.com:jo/a, a@1.2.3, jo@example.org'
    >>> [line[start:end] for start, end, _ in mail_addresses(line)]
    ['jo@li.net']
    """
    if "@" not in text and "%40" not in text:
        return []
    named = dict(_named(text))
    others = (_address(text, at) for at in _AT.finditer(text) if at.start() not in named)
    return sorted(filter(None, [*named.values(), *others]))


def _named(text: str) -> Iterator[tuple[int, Secret]]:
    """Yield the addresses in angle brackets behind a name, each behind the place of its @."""
    for match in _NAMED.finditer(text):
        if not is_nobody(*match.groups()):
            yield match.end(1), Secret(match.start(1), match.end(2), MAIL_ADDRESS)


def _address(text: str, at: re.Match[str]) -> Secret | None:
    """Return the address around an @ and the domain behind it; None where it is something else."""
    before = text[max(0, at.start() - _CONTEXT) : at.start()]
    local, domain = _local_part(before), _known_domain(at[1])
    if not local or not domain or is_nobody(local, domain):
        return None
    start, end = at.start() - len(local), at.start(1) + len(domain)
    if _is_code(local, domain) or _is_user_of_host(before.removesuffix(local), text[end : end + _CONTEXT]):
        return None
    return Secret(start, end, MAIL_ADDRESS)


def _local_part(before: str) -> str:
    """Return what stands before the @ at the end of a text, if that may be of an address; else an empty string."""
    found = _LOCAL.match(before[: -_LONGEST_LOCAL - 1 : -1])
    if not found or not (found[0][0].isalnum() or found[0][0] == "_"):
        return ""
    local = found[0][::-1]
    sign = before[-len(local) - 1 : -len(local)]
    if sign in _ESCAPES:
        escape = _ESCAPES[sign].match(local)
        local = local[escape.end() :] if escape else "" if sign == "%" else local
    return "" if sign == "$" else local.lstrip("._+-")


def _known_domain(name: str) -> str:
    """Return a domain without what follows its known top level; empty where it has none, or where it is a version."""
    labels = name.split(".")
    while len(labels) > 1 and labels[-1].lower() not in _TOP_LEVEL:
        labels.pop()
    return ".".join(labels) if len(labels) > 1 and not _VERSION.match(name) else ""


def is_nobody(local: str, domain: str) -> bool:
    """Return whether an address, whose @ is left out, is for examples, of a program, or stands for anybody's.

    >>> is_nobody("jo", "example.org"), is_nobody("noreply", "li.net"), is_nobody("foo", "bar.com")
    (True, True, True)
    """
    if _PROGRAMS.fullmatch(local) or _RESERVED.fullmatch(domain):
        return True
    return bool(_ANYBODY.fullmatch(local) and _ANYWHERE.fullmatch(domain.partition(".")[0]))


def _is_code(local: str, domain: str) -> bool:
    """Return whether a label of Kotlin, or the product of a matrix with the member of an object, looks like an address.

    >>> _is_code("return", "list.map"), _is_code("x", "self.net")
    (True, True)
    """
    return bool(_KEYWORD.fullmatch(local) or _MEMBER.match(domain))


def _is_user_of_host(before: str, behind: str) -> bool:
    """Return whether what stands around "user@host.name" makes it a place to connect to, or the call of a method."""
    return bool(behind[:1] in ("(", "[") or _PATH_OF_HOST.match(behind) or _USER_OF_HOST.search(before))
