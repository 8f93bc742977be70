import re

from codelm.report.page import page
from codelm.report.trade_off import trade_off


def epoch(number, repository, general, chosen=False):
    return {"epoch": number, "step": number * 10, "repository_change_percent": repository,
            "general_change_percent": general, "chosen": chosen}  # fmt: skip


def test_one_dot_is_ringed_in_both_sizes(some_figures):
    picture = trade_off(some_figures()["epochs"]).drawings
    assert picture.count('class="ring"') == 2
    assert len(re.findall(r'class="epoch(?: untrained)?"', picture)) == 2 * 5


def test_the_kept_epoch_keeps_its_name_where_dots_are_crowded():
    crowd = [epoch(number, -10 - number / 1e3, 1.0, chosen=number == 25) for number in range(1, 51)]
    picture = trade_off(crowd).drawings
    assert picture.count("epoch 25, kept</text>") == 2
    assert picture.count("<text") < 2 * 50


def test_an_epoch_without_a_figure_is_left_out():
    picture = trade_off([epoch(0, 0.0, 0.0), epoch(1, None, 1.0), epoch(2, -1.0, None)]).drawings
    assert len(re.findall(r'class="epoch(?: untrained)?"', picture)) == 2


def test_without_any_figure_the_page_says_so(some_figures):
    epochs = [epoch(1, None, None)]
    assert trade_off(epochs) is None
    assert "No epoch was measured on both sides." in page(some_figures() | {"epochs": epochs})


def test_the_kept_epoch_is_named_even_amid_others_on_the_axis(some_figures):
    assert trade_off(some_figures("missed")["epochs"]).drawings.count("epoch 2, kept</text>") == 2


def test_both_axes_are_named_for_what_was_measured_and_the_corner_claims_nothing(some_figures):
    picture = trade_off(some_figures()["epochs"])
    assert picture.drawings.count(">validation loss lower than the base&#39;s, %</text>") == 2
    assert picture.drawings.count(">general code harder to predict, %</text>") == 2
    assert "both goals are met" not in picture.drawings + picture.caption
    assert "validation loss" in picture.numbers.heads
