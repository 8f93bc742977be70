"""The table in Markdown: each row against the base and against ours, with intervals over commits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from codelm.evaluation.tasks.cursor import SHAPES
from codelm.metrics.intervals import Interval, relative_change
from codelm.metrics.likelihood import bits_per_byte
from codelm.metrics.number_format import counted
from experiments.ablation.measure import INFILL, LEFT_TO_RIGHT
from experiments.ablation.results import Result
from experiments.ablation.rows import OURS, ROWS, VALIDATIONS

__all__ = ["no_table", "table"]

_CommitNats = dict[str, float]
"""The nll of each commit, in nats."""

_HEADINGS = (
    *("row", "seeds", "`bpb_new`", "against base", "95 %", "single seeds", "filling gaps", "continuing code"),
    *("to a line's end", "95 %", "inside a line", "95 %"),
    *("against ours", "95 %", "at a cursor", "95 %", "tokens read", "learned", "seconds"),
)


def table(results: Mapping[tuple[str, int], Result]) -> str:
    """Return the results of one experiment as a table with a caption; ``results`` are not empty."""
    one = next(iter(results.values()))
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), _base_line(one)]
    by_row = {row: [each for (name, _), each in sorted(results.items()) if name == row] for row in ROWS}
    lines += [_line(found, by_row[OURS]) for found in by_row.values() if found]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + f"\n{_caption(one)}\n"


def no_table(finished: Sequence[Result], path: Path) -> str:
    """Return why there is no table: only runs of other experiments have finished, or none."""
    if not finished:
        return f"no run has finished: results {path} hold none"
    steps = ", ".join(str(number) for number in sorted({each.about["steps"] for each in finished}))
    return (
        f"no run with these settings has finished; {path} holds {counted(len(finished), 'run')} of another "
        f"configuration, base, commit, --steps (there: {steps}) or --tokens"
    )


def _caption(one: Result) -> str:
    """Return what the table shows and how it was measured, in words; ``one`` is any of its results."""
    about, nll = one.about, one.nll()
    size = sum(each.bytes for each in nll.values())
    return (
        f"`{about['repository']}` at {about['tip'][:12]}, base `{about['base']}`, {about['steps']} steps of full rows; "
        f"{counted(size, 'byte')} of lines new to the repository in {counted(len(nll), 'test commit')}. "
        "Figures are means over seeds; "
        "intervals are of 10,000 draws of whole commits and do not hold the spread of seeds. Against ours, over the "
        "seeds that both have, a positive change is a loss. All rows are read in the form ours learns, under the "
        "names of repository and file, which the peer never saw in training; of ours the best of "
        f"{VALIDATIONS} looks at validation is measured, of the peer the last step."
    )


def _base_line(one: Result) -> tuple[str, ...]:
    """Return the line of the untouched base."""
    nll = one.nll().values()
    bits = bits_per_byte(sum(each.base for each in nll), sum(each.bytes for each in nll))
    return ("base", "", f"{bits:.4f}", *[""] * (len(_HEADINGS) - 3))


def _line(found: Sequence[Result], ours: Sequence[Result]) -> tuple[str, ...]:
    """Return the line of one row: figures are means over its seeds."""
    compared = _against_base(found)
    return (
        found[0].row,
        " ".join(str(each.seed) for each in found),
        f"{_tuned_bits(found):.4f}",
        _percent(compared),
        _interval(compared),
        " ".join(_percent(_against_base([each])) for each in found),
        _percent(_against_base(found, INFILL)),
        _percent(_against_base(found, LEFT_TO_RIGHT)),
        *(write(_against_base(found, shape)) for shape in SHAPES for write in (_percent, _interval)),
        *_against_ours(found, ours),
        *_against_ours(found, ours, *SHAPES),
        f"{fmean(each.trained.tokens for each in found):,.0f}",
        f"{fmean(each.trained.learned for each in found):,.0f}",
        f"{fmean(each.trained.seconds for each in found):,.0f}",
    )


def _tuned_bits(found: Sequence[Result]) -> float:
    """Return the mean bits per byte of the tuned models."""
    return bits_per_byte(sum(_mean_tuned(found).values()), sum(each.bytes for each in found[0].nll().values()))


def _mean_tuned(found: Sequence[Result], *forms: str) -> _CommitNats:
    """Return the mean over seeds of each commit's nll under the tuned model."""
    by_seed = [result.nll(*forms) for result in found]
    return {commit: fmean(nll[commit].tuned for nll in by_seed) for commit in by_seed[0]}


def _against_base(found: Sequence[Result], *forms: str) -> Interval | None:
    """Return the change against the base; None where there is nothing in these forms."""
    return _change({commit: nll.base for commit, nll in found[0].nll(*forms).items()}, _mean_tuned(found, *forms))


def _against_ours(found: Sequence[Result], ours: Sequence[Result], *forms: str) -> tuple[str, str]:
    """Return the change against ours and its interval, over the seeds that both have; positive is worse than ours."""
    shared = {each.seed for each in found} & {each.seed for each in ours}
    if found[0].row == OURS or not shared:
        return "", ""
    ours, found = ([each for each in some if each.seed in shared] for some in (ours, found))
    compared = _change(_mean_tuned(ours, *forms), _mean_tuned(found, *forms))
    return _percent(compared), _interval(compared)


def _change(before: _CommitNats, after: _CommitNats) -> Interval | None:
    """Return the relative change of the sum, with an interval from resampled commits; None where the sum is 0."""
    if not sum(before.values()):
        return None
    return relative_change(list(before.values()), [after[commit] for commit in before], list(before))


def _percent(found: Interval | None) -> str:
    """Return the estimate in percent."""
    return "-" if found is None else f"{100 * found.estimate:+.2f} %"


def _interval(found: Interval | None) -> str:
    """Return the interval in percent, or why there is none."""
    if found is None or found.low is None or found.high is None:
        return "-" if found is None else f"too few: {found.clusters} commits"
    return f"{100 * found.low:+.2f} to {100 * found.high:+.2f}"
