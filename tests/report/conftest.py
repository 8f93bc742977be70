import copy
import math
import random

import pytest

REAL = """        let timeout = self.config.timeout.unwrap_or(DEFAULT_TIMEOUT);
        for attempt in 0..self.config.retries {
            match self.transport.send(&request, timeout) {
                Ok(reply) => return Ok(reply),
                Err(error) if error.is_transient() => self.backoff(attempt),
                Err(error) => return Err(Error::transport(error)),
            }
        }
"""
BASE = """        let response = self.client.execute(request).await?;
        Ok(response)
"""
TUNED = """        let timeout = self.config.timeout.unwrap_or(DEFAULT_TIMEOUT);
        for attempt in 0..self.config.retries {
            match self.transport.send(&request) {
                Ok(reply) => return Ok(reply),
                Err(error) => return Err(Error::transport(error)),
            }
        }
"""


def task(path, line, mode, real, base, tuned, similarities):
    before = "    pub fn send(&self, request: Request) -> Result<Reply> {\n        self.limiter.acquire()?;\n"
    after = "        Err(Error::exhausted(self.config.retries))\n    }\n"
    place = {"commit": "4f1c9ab27d03e5b6a1c8f00d9e7b42aa10c3d9e5", "path": path, "line": line, "mode": mode}
    written = {"before": before, "after": after, "real": real, "base": base, "tuned": tuned}
    return place | written | {"similarity_base": similarities[0], "similarity_tuned": similarities[1]}


def commits(number, seed=0):
    random.seed(seed)
    subjects = ("Retry transient failures", "Fix a panic on empty input", "Let the cache expire", "Name the limits")
    rows = []
    for index in range(number):
        base = 1.28 + 0.3 * math.sin(index / 9) + random.uniform(-0.5, 0.6)
        about = {"commit": f"{random.getrandbits(160):040x}", "time": 1_700_000_000 + index * 130_000}
        about |= {"subject": random.choice(subjects), "bytes": random.randint(60, 4000)}
        rows.append(about | {"base": base, "tuned": base * random.uniform(0.66, 1.03)})
    return rows


def summary(exact, similarity, own_names):
    shares = {"exact": exact, "identifiers": 0.51, "valid": 0.93, "empty": 0.01, "runaway": 0.04}
    return shares | {"tasks": 96, "similarity": similarity, "own_names": own_names}


def way(exact, similarity):
    return {
        "base": summary(exact[0], similarity[0], 0.06),
        "retrieval": summary(exact[0] + 0.01, similarity[0] + 1.2, 0.09),
        "tuned": summary(exact[1], similarity[1], 0.17),
        "real": {"own_names": 0.21},
        "exact_match": {"won": 11, "lost": 4, "same": 81},
        "exact_difference": {"estimate": 0.073, "low": 0.005, "high": 0.142, "clusters": 40},
        "similarity_difference": {"estimate": 5.2, "low": 1.4, "high": 9.1, "clusters": 40},
    }


def change(base, tuned, interval, commits):
    percent = 100 * (tuned / base - 1)
    perplexities = {"perplexity_base": 12.1, "perplexity_tuned": 8.3}
    found = {"commits": commits, "base": base, "tuned": tuned, "change_percent": percent, "interval": interval}
    return found | perplexities


def at_cursor(base, tuned, interval, tasks):
    """Figures of one shape of cursor tasks."""
    models = {"base": base, "tuned": tuned}
    found = {name: {"bits_per_byte": bits, "exact": 0.25, "similarity": 61.0} for name, bits in models.items()}
    percent = 100 * (tuned / base - 1)
    return {"tasks": tasks, "commits": 40, "bytes": 2_000, "change_percent": percent, "interval": interval} | found


def complete():
    """Figures as a good evaluation of a middling history gives them."""
    client, retry = "use client::Client;\n", "pub mod retry;\n"
    expires = "    expires: Option<Instant>,\n"
    best = [
        task("crates/client/src/retry.rs", 118, "infill", REAL, BASE, TUNED, (24.0, 88.1)),
        task("src/lib.rs", 7, "left_to_right", retry, "pub mod client;\n", retry, (71.4, 100.0)),
        task("src/cache.rs", 64, "infill", expires, "", "    expires: Instant,\n", (0.0, 83.6)),
    ]
    worst = [
        task("src/limits.rs", 31, "left_to_right", "    Ok(())\n", "    Ok(())\n", BASE + TUNED, (100.0, 3.2)),
        task("src/error.rs", 12, "infill", '    #[error("no reply")]\n', '    #[error("none")]\n', "", (80.0, 0.0)),
        task("src/main.rs", 3, "infill", client, client, "use crate::c;\n", (100.0, 51.0)),
    ]
    strip = [("?", 31.0, 10.0, 25.0), ("impl Trait for", 12.5, 6.0, 11.0), ("unwrap", 2.0, 18.0, 5.5),
             ("lifetime parameter", 7.0, 1.0, 3.0), ("where clause", 4.2, 0.5, 4.4), ("async fn", 0.0, 9.0, 1.0),
             ("derive(Debug, Clone)", 9.0, 14.0, 10.0), ("unsafe block", 0.4, 0.4, 0.2)]  # fmt: skip
    trained = [(0, 0, 0.0, 0.0), (1, 120, -9.1, 0.6), (2, 240, -14.2, 1.9), (3, 360, -15.0, 3.8), (4, 480, -14.4, 6.1)]
    return {
        "codelm_evaluation": 1,
        "run": {"name": "courier", "base": "tiny", "repositories": ["courier"], "part": "test",
                "cuts": ["9b1f0c5577aa0de24cbb1f9fe4fa35d2b53f3f0e"], "seconds": 123.4, "best_epoch": 2,
                "written": "2026-11-22T01:00:00+00:00"},
        "notes": ["Python holes were not checked for syntax: its grammar is not installed."],
        "likelihood": {"commits": 110, "bytes": 242_000, "bytes_new": 150_000, "tokens": 70_000,
                       "added": change(1.31, 1.10, [-18.2, -14.1], 110),
                       "new": change(1.42, 1.22, [-16.6, -11.4], 98),
                       "read": {"commits": 110, "of": 110, "left_out_by": None},
                       "floors": {"xz": 1.556, "xz_given_snapshot": 1.134},
                       "floors_new": {"xz": 1.702, "xz_given_snapshot": 1.251}, "by_commit": commits(110)},
        "epochs": [{"epoch": epoch, "step": step, "repository_change_percent": repository,
                    "general_change_percent": general, "chosen": epoch == 2}
                   for epoch, step, repository, general in trained],
        "general": {"bytes": 60_000, "base": 1.03, "tuned": 1.05, "forgetting_percent": 1.9,
                    "by_source": {"own rust": {"bytes": 40_000, "base": 1.0, "tuned": 1.03},
                                  "own python": {"bytes": 20_000, "base": 1.1, "tuned": 1.09}},
                    "beside": {"rust standard library": {"bytes": 59_000, "base": 1.2, "tuned": 1.2},
                               "python standard library": None}},
        "cursor": {"rest_of_line": at_cursor(2.4, 2.2, [-11.0, -5.0], 96),
                   "inside_line": at_cursor(3.0, 2.7, [-13.0, -6.0], 96), "asked": {"tasks": 192, "of": 192}},
        "holes": {"tasks": 96, "commits": 40, "similarity_by_chance": 22.4, "infill": way((0.14, 0.21), (48.1, 53.3)),
                  "left_to_right": way((0.10, 0.16), (41.0, 46.2)), "best": best, "worst": worst},
        "idioms": {"functions": {"repository": 400, "held_out": 60, "base": 56, "tuned": 56},
                   "distance": {"base": 0.121, "tuned": 0.083, "real": 0.021}, "gap_closed": 0.38,
                   "measures": {"trait_usage": {"repository": 31.0, "base": 20.0, "tuned": 28.0},
                                "lifetime_complexity": {"repository": 0.22, "base": 0.04, "tuned": 0.13},
                                "question_mark_share": {"repository": 0.81, "base": 0.32, "tuned": 0.7}},
                   "strip": [{"idiom": idiom, "repository": repository, "base": base, "tuned": tuned}
                             for idiom, repository, base, tuned in strip]},
        "memory": {"windows": {"train": 100, "held_out": 64},
                   "train": {"base": 0.0, "tuned": 0.01}, "held_out": {"base": 0.0, "tuned": 0.0},
                   "extraction_gap": {"base": 0.0, "tuned": 0.01}, "gap_from_training": 0.01,
                   "secrets": {"tried": 3, "recited": 0, "recited_by_base": 0},
                   "wanted": {"train": 100, "held_out": 64, "secrets": 3}},
        "prompts": [{"prompt": "fn process", "base": "(input: &str) -> String {\n    input.to_string()\n}",
                     "tuned": "(&self, parcel: Parcel) -> Result<Receipt> {\n    self.route(parcel)?.deliver()\n}"}],
    }  # fmt: skip


def missed():
    """Figures of a training that did harm: each kind of goal is missed, and one may be chance."""
    figures = complete()
    figures["likelihood"] |= {"new": change(1.42, 1.40, [-4.0, 1.2], 98)}
    figures["general"] |= {"tuned": 1.11, "forgetting_percent": 7.8}
    worse = {"exact_difference": {"estimate": -0.04, "low": -0.08, "high": -0.01, "clusters": 40},
             "similarity_difference": {"estimate": -4.1, "low": -7.0, "high": -1.2, "clusters": 40}}  # fmt: skip
    figures["cursor"] |= {"rest_of_line": at_cursor(2.4, 2.6, [2.0, 14.0], 96)}
    figures["cursor"] |= {"inside_line": at_cursor(3.0, 3.1, [-1.0, 7.0], 96)}
    unsure = {"exact_difference": {"estimate": 0.01, "low": -0.02, "high": 0.05, "clusters": 40}}
    figures["holes"] |= {"infill": way((0.14, 0.10), (48.1, 44.0)) | worse}
    figures["holes"]["left_to_right"] |= unsure
    figures["memory"] |= {"secrets": {"tried": 3, "recited": 1, "recited_by_base": 0}}
    for commit in figures["likelihood"]["by_commit"][40:70]:
        commit["tuned"] = commit["base"] * 1.2
    figures["epochs"] = [epoch | {"general_change_percent": 0.1 * epoch["epoch"]} for epoch in figures["epochs"]]
    return figures


def empty():
    """Figures of an evaluation that could measure nothing."""
    sections = dict.fromkeys(("likelihood", "general", "cursor", "holes", "idioms", "memory"))
    notes = ["The history holds 4 commits after the cut; 20 are the fewest.", "No Rust was found to count idioms in."]
    return complete() | sections | {"epochs": [], "prompts": [], "notes": notes}


def lonely():
    """Figures of one held-out commit, one epoch, and whatever may be None inside a section."""
    figures = complete()
    only = figures["likelihood"]["by_commit"][:1]
    added = {"commits": 1, "new": None, "added": change(1.3, 1.2, None, 1), "by_commit": only}
    figures["likelihood"] |= added | {"floors": None, "floors_new": None}
    figures["epochs"] = figures["epochs"][:1]
    figures["holes"] |= {"commits": 1, "tasks": 1, "similarity_by_chance": None, "left_to_right": None}
    figures["holes"] |= {"best": [], "worst": []}
    figures["holes"]["infill"] |= {"similarity_difference": {"estimate": 3.0, "low": None, "high": None, "clusters": 1}}
    figures["cursor"] = {"rest_of_line": at_cursor(2.4, 2.6, None, 1) | {"commits": 1}, "asked": {"tasks": 1, "of": 1}}
    figures["holes"]["infill"]["base"] |= {"valid": None, "own_names": None}
    few = {"repository": 400, "held_out": 2, "base": 7, "tuned": 3}
    figures["idioms"] |= {"functions": few, "distance": None, "gap_closed": None, "measures": {}, "strip": []}
    figures["memory"] |= {"secrets": {"tried": 0, "recited": 0, "recited_by_base": 0}}
    return figures


HOSTILE = (
    "</script></style></title><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "\u202e\u2066evil\u2069\u200b \x1b[31m ‮ שלום مرحبا &amp; <!-- ]]> `|` \ud800 " + "W" * 3000 + "\u0301" * 40
)


def poisoned(figures):
    """Return the figures with each text in them turned hostile, names of things and modes included."""
    if isinstance(figures, dict):
        return {key: poisoned(value) for key, value in figures.items()}
    if isinstance(figures, list):
        return [poisoned(value) for value in figures]
    return HOSTILE + figures if isinstance(figures, str) else figures


def hostile():
    figures = poisoned(complete())
    figures["general"]["beside"] = {HOSTILE: {"bytes": 1, "base": 1.0, "tuned": 2.0}}
    figures["likelihood"]["by_commit"][0] |= {"time": 10**30, "base": 40.0}
    return figures


FIGURES = {"complete": complete, "missed": missed, "empty": empty, "lonely": lonely, "hostile": hostile}


@pytest.fixture(params=FIGURES)
def figures(request):
    """Figures of every kind, one after the other."""
    return copy.deepcopy(FIGURES[request.param]())


@pytest.fixture
def some_figures():
    """Figures of one kind: ``some_figures("missed")``."""
    return lambda kind="complete": FIGURES[kind]()
