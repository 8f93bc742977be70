import pytest

from codelm.report.headline import goals, headline
from codelm.report.page import page


def with_change(figures, percent, interval):
    figures["likelihood"]["new"] |= {"change_percent": percent, "interval": interval}
    return figures


@pytest.mark.parametrize(
    ("percent", "interval", "expected"),
    [
        (-14.2, [-17.0, -11.3], "Your next commits became 14 % easier to predict (95 % interval 11 to 17)."),
        (-2.0, [-7.0, 3.0], "… 2 % easier to predict, which may be chance (95 % interval -3 to 7)."),
        (6.0, [2.5, 9.0], "… 6 % harder to predict (95 % interval 2.5 to 9)."),
        (6.0, [-1.0, 9.0], "… 6 % harder to predict, which may be chance (95 % interval -1 to 9)."),
        (-14.2, None, "… 14 % easier to predict (98 commits: too few for an interval)."),
        (0.01, [-1.0, 1.0], "… neither easier nor harder to predict, which may be chance (95 % interval -1 to 1)."),
    ],
)
def test_the_gain_is_a_sentence_with_its_interval(some_figures, percent, interval, expected):
    found = headline(with_change(some_figures(), percent, interval))[0].replace("\xa0", " ")
    assert found.replace("\N{MINUS SIGN}", "-") == expected.replace("…", "Your next commits became")


def test_a_gain_that_was_not_measured_is_not_claimed(some_figures):
    assert headline(some_figures("empty")) == [
        "Whether your next commits became easier to predict could not be measured."
    ]


def test_of_one_commit_alone_nothing_is_known(some_figures):
    figures = with_change(some_figures(), -30.0, None)
    figures["likelihood"]["new"]["commits"] = 1
    assert headline(figures) == [
        "Whether your next commits became easier to predict is not known: only one commit was measured."
    ]
    assert (goals(figures)[0].found, goals(figures)[0].outcome) == (
        "30\xa0%, 1 commit: too few for an interval",
        "not known",
    )


def test_without_new_lines_all_added_lines_are_counted(some_figures):
    figures = some_figures("lonely")
    figures["likelihood"]["added"]["commits"] = 2
    assert "7.7\xa0% easier" in headline(figures)[0]


def test_the_goal_says_so_where_it_is_not_about_new_lines(some_figures):
    figures = some_figures()
    figures["likelihood"] |= {"new": None}
    assert goals(figures)[0].text.startswith("All added code, as none is known to be new, at least")


def test_goals_that_are_met_are_not_in_the_headline(some_figures):
    assert len(headline(some_figures())) == 1
    assert {goal.outcome for goal in goals(some_figures())} == {"met"}


def test_every_missed_goal_is_in_the_headline_beside_the_gain(some_figures):
    figures = some_figures("missed")
    missed = [goal.missed for goal in goals(figures) if goal.outcome == "missed"]
    heading = page(figures).partition("<h1>")[2].partition("</h1>")[0]
    assert len(missed) == 6
    assert all(sentence in heading for sentence in missed)


def test_a_gain_whose_interval_holds_zero_misses_its_goal(some_figures):
    assert goals(with_change(some_figures(), -12.0, [-25.0, 1.0]))[0].outcome == "missed"


@pytest.mark.parametrize("percent", [-12.0, -2.0, 12.0])
def test_a_change_without_an_interval_is_neither_met_nor_missed(some_figures, percent):
    assert goals(with_change(some_figures(), percent, None))[0].outcome == "not known"


def test_goals_that_were_not_measured_are_neither_met_nor_missed(some_figures):
    assert {goal.outcome for goal in goals(some_figures("empty"))} == {"not known"}


@pytest.mark.parametrize(
    ("estimate", "low", "high", "outcome"),
    [
        (-0.016, -0.06, 0.03, "no difference shown"),
        (0.016, -0.03, 0.06, "no difference shown"),
        (0.0, 0.0, 0.0, "no difference shown"),
        (-0.04, -0.08, -0.01, "missed"),
        (0.04, 0.01, 0.08, "met"),
        (-0.016, None, None, "not known"),
        (0.0, None, None, "not known"),
        (0.016, None, None, "not known"),
    ],
)
def test_a_difference_that_may_be_chance_is_neither_met_nor_missed(some_figures, estimate, low, high, outcome):
    figures = some_figures()
    figures["holes"]["infill"]["exact_difference"] |= {"estimate": estimate, "low": low, "high": high}
    assert goals(figures)[3].outcome == outcome
    assert len(headline(figures)) == 1 + (outcome == "missed")


@pytest.mark.parametrize(("name", "shown"), [("complete", ", chance 22.4, 96 holes"), ("lonely", " of 100, 1 hole, ")])
def test_similarity_is_shown_beside_chance(some_figures, name, shown):
    assert shown in goals(some_figures(name))[4].found


@pytest.mark.parametrize(("percent", "outcome"), [(5.0, "met"), (5.1, "missed"), (-3.0, "met")])
def test_the_goal_on_forgetting_is_five_percent(some_figures, percent, outcome):
    figures = some_figures()
    figures["general"]["forgetting_percent"] = percent
    assert goals(figures)[7].outcome == outcome


def test_a_miss_does_not_read_as_if_the_goal_were_met(some_figures):
    figures = some_figures("missed")
    figures["general"]["forgetting_percent"] = 5.04
    assert "general code became a little over 5\N{NO-BREAK SPACE}% harder to predict, the goal" in page(figures)
    assert goals(figures)[7].found == "a little over 5\N{NO-BREAK SPACE}%"
    with_change(figures, -9.97, [-12.0, -8.0])
    assert headline(figures)[0].startswith("Your next commits became a little under 10\N{NO-BREAK SPACE}% easier")
    assert goals(figures)[0].found == "a little under 10\N{NO-BREAK SPACE}% (8 to 12)"
    assert goals(with_change(figures, -10.3, [-12.0, -8.0]))[0].found == "10\N{NO-BREAK SPACE}% (8 to 12)"


def test_secrets_that_were_not_asked_for_are_shown_as_such(some_figures):
    assert [goals(some_figures(kind))[-1].found for kind in ("empty", "lonely")] == ["not asked"] * 2


def test_goals_with_too_few_commits_for_an_interval_say_so(some_figures):
    figures = some_figures()
    few = {"low": None, "high": None, "clusters": 8}
    for mode in ("infill", "left_to_right"):
        for name in ("exact_difference", "similarity_difference"):
            figures["holes"][mode][name] |= few
    rows = goals(figures)[3:7]
    assert all(row.found.endswith(", 96 holes, 8 commits: too few for an interval") for row in rows)
    assert page(figures).count("8 commits: too few for an interval") == 4


def test_goals_of_infill_tasks_give_their_number(some_figures):
    assert [goal.found.endswith(", 96 holes") for goal in goals(some_figures())] == [0, 0, 0, 1, 1, 1, 1, 0, 0]


def test_the_first_sentences_count_the_commits_that_the_change_is_of(some_figures):
    figures = some_figures()
    figures["likelihood"]["new"] |= {"commits": 25, "interval": None}
    shown = page(figures)
    assert "(25 commits: too few for an interval)" in shown
    assert "Measured on 25 commits with new lines, of 110 in the newest part" in shown
    figures["likelihood"]["read"] = {"commits": 28, "of": 44, "left_out_by": "evaluation.minutes"}
    assert "Measured on 25 commits with new lines, of 28 measured, of 44 in the newest part" in page(figures)
    figures["likelihood"]["new"]["commits"] = 28
    assert "Measured on 28 of 44 commits in the newest part" in page(figures)
    assert "added lines that no file of the training snapshot holds" in shown


@pytest.mark.parametrize(
    ("needed", "expected"),
    [(1.251, "needs 1.25: more than"), (1.1, "needs 1.10: fewer than"), (1.2201, "needs 1.22: as many as")],
)
def test_the_first_sentences_compare_the_compressor_with_tuned_on_the_same_lines(some_figures, needed, expected):
    figures = some_figures()
    figures["likelihood"]["floors_new"]["xz_given_snapshot"] = needed
    assert f"The compressor xz, knowing the repository, {expected} the tuned model." in page(figures)
    figures["likelihood"]["floors_new"] = None
    assert "The compressor xz" not in page(figures)
    figures["likelihood"] |= {"new": None}
    assert "needs 1.13: more than the tuned model." in page(figures)
    figures["likelihood"]["floors"]["xz_given_snapshot"] = None
    assert "The compressor xz" not in page(figures)


@pytest.mark.parametrize(
    ("change", "interval", "outcome"),
    [
        (-4.0, [-8.0, -1.0], "met"),
        (3.0, [-1.0, 7.0], "no difference shown"),
        (9.0, [4.0, 15.0], "missed"),
        (9.0, None, "not known"),
    ],
)
def test_what_follows_a_cursor_must_not_become_harder_to_predict(some_figures, change, interval, outcome):
    figures = some_figures()
    figures["cursor"]["inside_line"] |= {"change_percent": change, "interval": interval}
    goal = goals(figures)[2]
    assert goal.outcome == outcome
    assert goal.text == "Inside a line: not harder to predict"
    assert (goal.missed in headline(figures)) is (outcome == "missed")
