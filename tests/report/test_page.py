import re
from html.parser import HTMLParser

import pytest

from codelm.report.page import page

VOID = {"meta", "link", "br"}


class Outline(HTMLParser):
    """The elements of a page, each with its attributes, and whether all that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_all_that_opens_closes_in_the_same_order(figures):
    Outline(page(figures))


def test_no_element_can_act_or_ask_the_network(figures):
    for tag, attributes in Outline(page(figures)).elements:
        assert tag not in {"script", "img", "iframe", "object", "form", "base", "image", "use", "foreignobject"}
        assert not any(name.startswith("on") or name in {"src", "style"} for name in attributes)
        assert attributes.get("href", "#").startswith(("#", "data:,"))


def test_the_style_asks_for_no_file(figures):
    style = page(figures).partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|@font-face|https?:", style)


def test_the_page_forbids_scripts_and_the_network_to_what_was_smuggled_in(some_figures):
    policy = next(attributes for _, attributes in Outline(page(some_figures())).elements if "http-equiv" in attributes)
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'; style-src 'unsafe-inline';")


def test_what_each_epoch_forgot_is_no_reason_to_say_that_nothing_was_measured(some_figures):
    figures = some_figures() | {"general": None}
    assert "Not measured again at the end: the picture has what each epoch forgot. Why not?" in words(page(figures))
    for none in ([], None):
        assert '<p class="absent">Not measured. <a href="#not">Why not?</a></p>' in page(figures | {"epochs": none})


def test_where_nothing_was_gained_or_lost_the_page_says_so(some_figures):
    figures = some_figures()
    assert "Nowhere did it come" not in page(figures)
    figures["holes"] |= {"best": [], "worst": []}
    assert "gained most on the base Nowhere did it come closer." in words(page(figures))
    assert "lost most Nowhere did it come less close." in words(page(figures))


def test_a_byte_of_a_path_that_is_no_utf_8_is_shown_as_its_number(some_figures):
    figures = some_figures()
    figures["holes"]["best"][0]["path"] = "src/caf\udce9.rs"
    assert r"src/caf\xe9.rs:" in page(figures)


def test_marks_that_turn_or_hide_text_are_gone(some_figures):
    assert not set("\u202e\u202d\u2066\u2067\u2069\u200b\x1b\ufeff") & set(page(some_figures("hostile")))


def test_the_page_can_be_written_as_utf_8_whatever_was_in_the_figures(some_figures):
    page(some_figures("hostile")).encode()


def test_long_texts_do_not_make_a_long_page(some_figures):
    harmless, longer = (len(page(some_figures(kind))) for kind in ("complete", "hostile"))
    assert longer < harmless * 4


@pytest.mark.parametrize("section", ["likelihood", "holes", "idioms", "memory", "epochs"])
def test_a_section_that_was_not_measured_says_so_and_where_the_reason_stands(some_figures, section):
    assert "Not measured." not in page(some_figures())
    shown = page(some_figures() | {section: None})
    says = "No picture: the epochs were not measured on both sides" if section == "epochs" else "Not measured"
    assert f'<p class="absent">{says}. <a href="#not">Why not?</a></p>' in shown
    assert '<section id="not">' in shown


def test_the_notes_are_shown(some_figures):
    shown = words(page(some_figures("empty")))
    assert "The history holds 4 commits after the cut; 20 are the fewest." in shown


def test_the_cuts_of_all_repositories_are_shown(some_figures):
    figures = some_figures()
    figures["run"] |= {"cuts": ["0a" * 20, "1b" * 20]}
    assert "cut at 0a0a0a0a0a0a , 1b1b1b1b1b1b ;" in words(page(figures))


def test_every_drawing_has_a_title_for_those_who_cannot_see_it(figures):
    for drawing in re.findall(r'<svg [^>]*role="img"[^>]*>(.{7})', page(figures)):
        assert drawing == "<title>"


def test_each_commit_and_each_epoch_can_be_read_in_a_table(some_figures):
    figures = some_figures()
    shown = words(page(figures))
    assert all(f"{commit['bytes']:,}" in shown for commit in figures["likelihood"]["by_commit"])
    assert all(str(epoch["step"]) in shown for epoch in figures["epochs"])


def test_what_the_model_wrote_instead_is_marked(some_figures):
    shown = page(some_figures())
    assert '<pre>pub mod <mark title="instead of: retry">client</mark>;</pre>' in shown
    assert "<pre>pub mod retry;</pre>" in shown


def test_an_empty_completion_is_called_nothing(some_figures):
    assert "<pre><em>nothing</em></pre>" in page(some_figures())


def test_the_same_figures_give_the_same_page(some_figures):
    assert page(some_figures()) == page(some_figures())


def test_the_page_names_the_setting_that_the_prompts_come_from(some_figures):
    whose = "The prompts are those of the setting behavior.prompts, whatever language the repository is written in."
    assert whose in page(some_figures())
    assert whose not in page(some_figures() | {"prompts": []})


def test_the_completions_of_a_known_epoch_stand_under_its_number(some_figures):
    illustration = {"prompt": "fn main(", "base": ") {", "tuned": ") -> Result<()> {"}
    assert "<h5>tuned</h5>" in page(some_figures() | {"prompts": [illustration]})
    assert "<h5>tuned<span>epoch 3</span></h5>" in page(some_figures() | {"prompts": [illustration | {"epoch": 3}]})


def test_the_sum_of_general_code_stands_below_what_it_sums_and_above_what_it_does_not(some_figures):
    shown = words(page(some_figures()))
    names = ("own rust", "own python", "own together", "beside it: rust standard library")
    places = [shown.index(name) for name in names]
    assert places == sorted(places)
    assert "python standard library" not in shown  # no time was left to read it
