"""The report people open: one HTML file that needs nothing but itself.

It asks no network, runs no script, and forbids both to whatever a model or a repository may have smuggled in.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from codelm.metrics.likelihood import FLOORS, main_kind
from codelm.metrics.quantities import counted, fixed
from codelm.report.costs import forgetting, memory
from codelm.report.examples import examples, prompts
from codelm.report.figures import hole_tables, likelihood_table
from codelm.report.habits import habits
from codelm.report.headline import Goal, goals, headline, main_change
from codelm.report.limits import LIMITS
from codelm.report.markup import Markup, brief, element, join
from codelm.report.over_time import over_time
from codelm.report.trade_off import trade_off

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
COMPLETE = "Everything was measured."


def page(figures: Mapping[str, Any]) -> str:
    """Return report.html from the figures of an evaluation; a section that is None is said to be absent."""
    body = element(
        "body",
        element("header", *opening(figures), class_="page"),
        element("main", *sections(figures), class_="page"),
        element("footer", element("p", *colophon(figures["run"])), class_="page"),
    )
    return f"<!doctype html>\n{element('html', head(figures['run']['name']), body, lang='en')}\n"


def head(name: str) -> Markup:
    """Return what the browser needs to know before it shows anything."""
    style = files("codelm.report").joinpath("page.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", f"{brief(name, 80)}: what the model learned"),
        element("style", Markup(style)),
    )


def opening(figures: Mapping[str, Any]) -> list[Markup]:
    """Return the findings in words, and the goals."""
    run = figures["run"]
    first, *missed = headline(figures)
    return [
        element("p", f"codelm · {brief(' + '.join(run['repositories']) or run['name'], 120)}", class_="eyebrow"),
        element("h1", first, *(element("span", f" {sentence}") for sentence in missed)),
        element("p", lead(figures), class_="lead"),
        element("ul", *map(goal_line, goals(figures)), class_="goals"),
    ]


def lead(figures: Mapping[str, Any]) -> str:
    """Return what the first sentence counts."""
    main, likelihood = main_change(figures), figures.get("likelihood")
    if main is None or likelihood is None:
        return "What could be measured follows; what could not, and why, stands at the end."
    kind = main_kind(likelihood)
    lines = "added lines that no file of the training snapshot holds" if kind == "new" else "all added lines"
    size = likelihood["bytes_new" if kind == "new" else "bytes"]
    of = of_how_many(main["commits"], likelihood["read"], f"{kind} lines")
    return (
        f"Measured on {of} in the newest part, which it never saw: each byte "
        f"costs the base {fixed(main['base'])} bits and the tuned model {fixed(main['tuned'])} (counted: "
        f"{counted(size, 'byte')}, {lines}). Fewer bits, fewer surprises.{beside_xz(likelihood)}"
    )


def of_how_many(counting: int, read: Mapping[str, Any], lines: str) -> str:
    """Return how many commits have lines that count, of how many that were read, of how many that there are.

    >>> of_how_many(30, {"commits": 31, "of": 35}, "new lines")
    '30 commits with new lines, of 31 measured, of 35'
    >>> of_how_many(31, {"commits": 31, "of": 35}, "new lines"), of_how_many(30, {"commits": 31, "of": 31}, "new lines")
    ('31 of 35 commits', '30 commits with new lines, of 31')
    """
    measured, there = read["commits"], read["of"]
    if counting == measured:
        return f"{'' if measured == there else f'{measured:,} of '}{counted(there, 'commit')}"
    of = f"{there:,}" if measured == there else f"{measured:,} measured, of {there:,}"
    return f"{counted(counting, 'commit')} with {lines}, of {of}"


def beside_xz(likelihood: Mapping[str, Any]) -> str:
    """Return what a compressor that knows the repository by heart needs for the same lines, beside the tuned model."""
    kind = main_kind(likelihood)
    found = likelihood.get(FLOORS[kind])
    floor, tuned = found and found["xz_given_snapshot"], likelihood[kind]["tuned"]
    if floor is None:
        return ""
    than = "as many as" if fixed(floor) == fixed(tuned) else "more than" if floor > tuned else "fewer than"
    return f" The compressor xz, knowing the repository, needs {fixed(floor)}: {than} the tuned model."


def goal_line(goal: Goal) -> Markup:
    """Return a goal, what was found and, in a word, what came of it."""
    said = element("strong", goal.outcome), element("span", goal.wish), element("span", goal.found, class_="found")
    return element("li", *said, class_=goal.outcome.replace(" ", "-"))


def sections(figures: Mapping[str, Any]) -> list[Markup]:
    """Return the parts of the page in order."""
    likelihood, holes, idioms = figures.get("likelihood"), figures.get("holes"), figures.get("idioms")
    return [
        section("Did it learn the repository?", likelihood and over_time(likelihood)),
        section("What did it cost?", costs(figures)),
        section("See for yourself", join(*seen(figures))),
        section("Does it write as the repository does?", idioms and habits(idioms)),
        section("All numbers", join(*numbers(likelihood, holes))),
        section("What this does not say", sentences(LIMITS)),
        section("What could not be measured", sentences(figures.get("notes") or [COMPLETE]), "not"),
    ]


def section(title: str, content: Markup | None, id_: str | None = None) -> Markup:
    """Return a part of the page; without content it says so."""
    return element("section", element("h2", title), content or absent(), id_=id_)


def absent() -> Markup:
    """Return the words for what was not measured, with the way to the reasons."""
    return element("p", "Not measured. ", element("a", "Why not?", href="#not"), class_="absent")


def costs(figures: Mapping[str, Any]) -> Markup:
    """Return the gain against the loss, what was forgotten, and what is known by heart."""
    epochs, general, recited = figures.get("epochs"), figures.get("general"), figures.get("memory")
    forgot = element("div", element("h3", "What it forgot"), forgetting(general) if general else absent())
    by_heart = element("div", element("h3", "What it knows by heart"), memory(recited) if recited else absent())
    return join(trade_off(epochs) if epochs else absent(), element("div", forgot, by_heart, class_="pair"))


def seen(figures: Mapping[str, Any]) -> list[Markup]:
    """Return holes and prompts with what was written into them."""
    holes, illustrations = figures.get("holes"), figures.get("prompts")
    return [examples(holes) if holes else absent(), *([prompts(illustrations)] if illustrations else [])]


def numbers(likelihood: Mapping[str, Any] | None, holes: Mapping[str, Any] | None) -> list[Markup]:
    """Return the tables of what was measured."""
    return [*([likelihood_table(likelihood)] if likelihood else []), *(hole_tables(holes) if holes else [])]


def sentences(said: Sequence[str]) -> Markup:
    """Return sentences as a list."""
    return element("ul", *(element("li", brief(sentence, 400)) for sentence in said), class_="sentences")


def colophon(run: Mapping[str, Any]) -> list[str]:
    """Return what was evaluated, when and how long."""
    epoch = "" if run["best_epoch"] is None else f" after epoch {run['best_epoch']}"
    before = f"Base {brief(run['base'], 60)}, tuned{epoch}; the {brief(run['part'], 20)} part, cut at "
    after = f"; {fixed(run['seconds'], 0)} s, {brief(run['written'], 40)}."
    cuts = [part for cut in run["cuts"] for part in (", ", element("code", cut[:12]))]
    return [before, *cuts[1:], after]
