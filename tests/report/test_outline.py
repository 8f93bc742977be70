from codelm.report.outline import lines, outline

CHANGE = {"commits": 9, "base": 1.5, "tuned": 1.2, "change_percent": -20.0, "interval": [-22.0, -18.0]}
WAY = {"base": {"exact": 0.1, "similarity": 40.0}, "tuned": {"exact": 0.125, "similarity": 44.25}}
AT_CURSOR = {
    "tasks": 8,
    "base": {"bits_per_byte": 2.5, "exact": 0.125, "similarity": 50.0},
    "tuned": {"bits_per_byte": 2.0, "exact": 0.25, "similarity": 52.5},
    "change_percent": -20.0,
    "interval": [-22.0, -18.0],
}
FIGURES = {
    "notes": ["a note"],
    "likelihood": {
        "commits": 11,
        "new": CHANGE,
        "added": CHANGE | {"commits": 11, "interval": None},
        "floors": {"xz": 1.7, "xz_given_snapshot": 1.1},
        "floors_new": {"xz": 1.751, "xz_given_snapshot": 1.136},
        "by_commit": [1, 2],
    },
    "cursor": {"rest_of_line": AT_CURSOR, "inside_line": AT_CURSOR | {"interval": None}},
    "holes": {"tasks": 8, "similarity_by_chance": 22.35, "infill": WAY | {"best": [1]}, "left_to_right": WAY}
    | {"best": [], "worst": []},
    "general": {"forgetting_percent": 1.94, "by_source": {"own rust": {"bytes": 1}}},
    "memory": {
        "windows": {"train": 50, "held_out": 40},
        "train": {"base": 0.0, "tuned": 0.04},
        "held_out": {"base": 0.025, "tuned": 0.05},
        "secrets": {"tried": 5, "recited": 3, "recited_by_base": 1},
    },
    "idioms": {"strip": [], "distance": {"base": 0.1}},
    "epochs": [1],
    "prompts": [],
}
EMPTY = dict.fromkeys(("likelihood", "cursor", "holes", "general", "memory", "idioms"))


def names(figures):
    return {name for name, value in figures.items()} | {
        inner for value in figures.values() if isinstance(value, dict) for inner in names(value)
    }


def test_the_outline_has_everything_but_the_lists():
    found = outline(FIGURES)
    assert names(found) == names(FIGURES) - {"by_commit", "best", "worst", "strip", "epochs", "prompts"}
    assert found["notes"] == ["a note"]


def test_a_person_reads_a_line_for_each_thing_that_was_measured():
    assert lines(FIGURES) == [
        "new lines      base 1.500 -> tuned 1.200 bits per byte (-20.0 %, 95 % interval -22.0 to -18.0) "
        "over 9 held-out commits",
        "added lines    base 1.500 -> tuned 1.200 bits per byte (-20.0 %) over 11 held-out commits",
        "floors         xz 1.751, knowing the repository 1.136 bits per byte of new lines",
        "rest of a line base 2.500 -> tuned 2.000 bits per byte (-20.0 %, 95 % interval -22.0 to -18.0), "
        "exact 12.5% -> 25.0%, similarity 50.0 -> 52.5, of 8",
        "inside a line  base 2.500 -> tuned 2.000 bits per byte (-20.0 %), "
        "exact 12.5% -> 25.0%, similarity 50.0 -> 52.5, of 8",
        "filling gaps   exact 10.0% -> 12.5%, similarity 40.0 -> 44.2 (chance 22.4), of 8",
        "continuing     exact 10.0% -> 12.5%, similarity 40.0 -> 44.2 (chance 22.4), of 8",
        "forgetting     +1.9 % bits per byte on general code",
        "recited        2 (base 0) of 50 windows learned, 2 (base 1) of 40 never seen",
        "secrets        3 (base 1) of 5 strings that look like secrets recited",
    ]


def test_what_was_not_measured_is_left_out():
    assert lines(EMPTY) == lines({}) == []
    without_new = lines(EMPTY | {"likelihood": FIGURES["likelihood"] | {"new": None}})
    assert without_new[0].startswith("added lines")
    assert without_new[1].endswith("knowing the repository 1.100 bits per byte of added lines")
    assert len(lines(EMPTY | {"likelihood": FIGURES["likelihood"] | {"floors_new": None}})) == 2
    alone = {"floors_new": {"xz": 1.7, "xz_given_snapshot": None}}
    assert lines({"likelihood": FIGURES["likelihood"] | alone})[2] == (
        "floors         xz 1.700 bits per byte of new lines"
    )
    alone = {"tasks": 1, "similarity_by_chance": None, "left_to_right": WAY}
    assert lines(EMPTY | {"holes": alone}) == ["continuing     exact 10.0% -> 12.5%, similarity 40.0 -> 44.2, of 1"]


def test_the_figures_of_all_lines_begin_in_one_column():
    assert all(line[14] == " " != line[15] for line in lines(FIGURES))
