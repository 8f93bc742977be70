"""The table: each row against the base and against ours, with intervals over commits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from codelm.metrics.intervals import Interval, relative_change
from codelm.metrics.likelihood import bits_per_byte
from codelm.metrics.quantities import counted
from experiments.ablation.measure import HOLE, WINDOW
from experiments.ablation.results import Result
from experiments.ablation.rows import LOOKS, OURS, ROWS

Nats = dict[str, float]
"""By commit."""

HEADINGS = (
    "row",
    "seeds",
    "`bpb_new`",
    "against base",
    "95 %",
    "single seeds",
    "filling gaps",
    "continuing code",
    "against ours",
    "95 %",
    "tokens read",
    "learned",
    "seconds",
)


def table(results: Mapping[tuple[str, int], Result]) -> str:
    """Return the results of one experiment, of which there are some, as a table in Markdown, with what it is of."""
    one = next(iter(results.values()))
    lines = [HEADINGS, ("---",) * len(HEADINGS), base_line(one)]
    by_row = {row: [each for (name, _), each in sorted(results.items()) if name == row] for row in ROWS}
    lines += [line(found, by_row[OURS]) for found in by_row.values() if found]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + f"\n{caption(one)}\n"


def no_table(finished: Sequence[Result], path: Path) -> str:
    """Return why there is no table: what has finished, if anything, is of other experiments."""
    if not finished:
        return f"no run has finished: results {path} hold none"
    steps = ", ".join(str(number) for number in sorted({each.about["steps"] for each in finished}))
    return (
        f"no run with these settings has finished; {path} holds {counted(len(finished), 'run')} of another "
        f"configuration, base, commit, --steps (there: {steps}) or --tokens"
    )


def caption(one: Result) -> str:
    """Return in words what the table holds."""
    about, costs = one.about, one.costs()
    size = sum(cost.bytes for cost in costs.values())
    return (
        f"`{about['repository']}` at {about['tip'][:12]}, base `{about['base']}`, {about['steps']} steps of full rows; "
        f"{counted(size, 'byte')} of lines new to the repository in {counted(len(costs), 'test commit')}. "
        "Figures are means over seeds; "
        "intervals are of 10,000 draws of whole commits and do not hold the spread of seeds. Against ours, over the "
        "seeds that both have, a positive change is a loss. All rows are read in the form ours learns, under the "
        "names of repository and file, which the peer never saw in training; of ours the best of "
        f"{LOOKS} looks at validation is measured, of the peer the last step."
    )


def base_line(one: Result) -> tuple[str, ...]:
    """Return the line of the untouched base."""
    costs = one.costs().values()
    bits = bits_per_byte(sum(cost.base for cost in costs), sum(cost.bytes for cost in costs))
    return ("base", "", f"{bits:.4f}", *[""] * (len(HEADINGS) - 3))


def line(found: Sequence[Result], ours: Sequence[Result]) -> tuple[str, ...]:
    """Return the line of one row: figures are means over its seeds."""
    against_base = against(found, None)
    return (
        found[0].row,
        " ".join(str(each.seed) for each in found),
        f"{tuned_bits(found):.4f}",
        percent(against_base),
        interval(against_base),
        " ".join(percent(against([each], None)) for each in found),
        percent(against(found, HOLE)),
        percent(against(found, WINDOW)),
        *against_ours(found, ours),
        f"{fmean(each.trained.tokens for each in found):,.0f}",
        f"{fmean(each.trained.learned for each in found):,.0f}",
        f"{fmean(each.trained.seconds for each in found):,.0f}",
    )


def tuned_bits(found: Sequence[Result]) -> float:
    """Return the mean bits per byte of the tuned models."""
    return bits_per_byte(sum(tuned(found).values()), sum(cost.bytes for cost in found[0].costs().values()))


def tuned(found: Sequence[Result], form: str | None = None) -> Nats:
    """Return the nats of each commit, the mean over seeds."""
    each = [result.costs(form) for result in found]
    return {commit: fmean(costs[commit].tuned for costs in each) for commit in each[0]}


def against(found: Sequence[Result], form: str | None) -> Interval | None:
    """Return the change against the base; None where there is nothing in that form."""
    return change({commit: cost.base for commit, cost in found[0].costs(form).items()}, tuned(found, form))


def against_ours(found: Sequence[Result], ours: Sequence[Result]) -> tuple[str, str]:
    """Return the change against ours and its interval, over the seeds that both have; positive is worse than ours."""
    shared = {each.seed for each in found} & {each.seed for each in ours}
    if found[0].row == OURS or not shared:
        return "", ""
    ours, found = ([each for each in some if each.seed in shared] for some in (ours, found))
    compared = change(tuned(ours), tuned(found))
    return percent(compared), interval(compared)


def change(before: Nats, after: Nats) -> Interval | None:
    """Return the change of the sum, resampled by commit."""
    if not sum(before.values()):
        return None
    return relative_change(list(before.values()), [after[commit] for commit in before], list(before))


def percent(found: Interval | None) -> str:
    """Return the figure in percent."""
    return "-" if found is None else f"{100 * found.estimate:+.2f} %"


def interval(found: Interval | None) -> str:
    """Return the interval in percent, or why there is none."""
    if found is None or found.low is None or found.high is None:
        return "-" if found is None else f"too few: {found.clusters} commits"
    return f"{100 * found.low:+.2f} to {100 * found.high:+.2f}"
