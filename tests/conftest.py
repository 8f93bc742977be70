import os
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path

import pytest

pytest_plugins = ["tests.training", "tests.stopped_runs", "tests.saved_runs"]

IDENTITY = "Ann Author <ann@example.org>"
FIRST_SECOND = 1_700_000_000


def git_environment():
    """The surroundings of a test's own git: no settings but ours, and time stands still."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    nobody = {
        "GIT_AUTHOR_NAME": "Ann Author",
        "GIT_AUTHOR_EMAIL": "ann@example.org",
        "GIT_AUTHOR_DATE": "1700000000 +0000",
    }
    nobody |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in nobody.items()}
    return kept | nobody | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


@pytest.fixture(autouse=True)
def ctrl_c_works():
    """Take Ctrl-C: in the background of a shell it is ignored, and whatever is started inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_git(folder, *words, stdin=b"", check=True):
    """Run git in a folder and return what it says: ``git(folder, "rev-parse", "HEAD")``."""
    command = ["git", "-C", folder, *words]
    done = subprocess.run(command, env=git_environment(), input=stdin, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return os.fsdecode(done.stdout).strip()


@pytest.fixture
def git():
    """Return `run_git`."""
    return run_git


@pytest.fixture
def make_repository(tmp_path):
    """Make a repository from a list of commits and return its folder; nothing is checked out.

    A commit is ``{path: text, bytes, or None to delete}``, or a pair of that and its options: ``message`` and
    ``author`` ("Name <mail>"; text or bytes), ``time`` (seconds), ``parents`` (numbers of earlier commits; by default
    the one before), ``modes`` ({path: "100755", "120000" for a link, "160000" for a submodule}). Paths may be bytes.
    """
    numbers = count()

    def make(commits, *, name=None, **kind):
        return import_commits(tmp_path / (name or f"repository-{next(numbers)}"), commits, **kind)

    return make


def import_commits(folder, commits, *, bare=False, object_format="sha1"):
    """Make a repository of commits, which are written as `make_repository` says, and return its folder."""
    folder.mkdir(parents=True)
    kind = ["--bare"] if bare else []
    run_git(folder, "init", "-q", "--template=", "-b", "main", f"--object-format={object_format}", *kind)
    pairs = [commit if isinstance(commit, tuple) else (commit, {}) for commit in commits]
    stream = b"".join(written(number, *pair) for number, pair in enumerate(pairs))
    words = ["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--force", "--date-format=raw-permissive"]
    run_git(folder, *words, stdin=stream)
    return Path(folder)


@pytest.fixture
def read():
    """Read every commit that is no merge, oldest first: ``read(folder)``."""
    from codelm.git.repository import open_repository, read_commits, read_graph

    def commits(folder, revision="HEAD", drop_path=lambda path: None, limit=1_000_000):
        repository = open_repository(folder, revision)
        shas = [node.sha for node in read_graph(repository) if not node.is_merge]
        return list(read_commits(repository, shas, drop_path, limit))

    return commits


def written(number, files, options):
    """One commit in the language of git fast-import."""
    author = as_bytes(options.get("author", IDENTITY))
    time = b"%d +0000" % options.get("time", FIRST_SECOND + number)
    parents = options.get("parents", [number - 1] if number else [])
    modes = options.get("modes", {})
    lines = [b"reset refs/heads/main\n"] if not parents else []
    lines += [b"commit refs/heads/main\nmark :%d\n" % (number + 1)]
    lines += [b"%s %s %s\n" % (who, author, time) for who in (b"author", b"committer")]
    lines += [data(options.get("message", f"Commit {number}"))]
    lines += [
        b"%s :%d\n" % (word, parent + 1) for word, parent in zip([b"from", *[b"merge"] * 9], parents, strict=False)
    ]
    lines += [changed(path, content, modes.get(path, "100644")) for path, content in files.items()]
    return b"".join(lines) + b"\n"


def changed(path, content, mode):
    if content is None:
        return b"D %s\n" % quoted(path)
    if mode == "160000":
        return b"M %s %s %s\n" % (mode.encode(), as_bytes(content), quoted(path))
    return b"M %s inline %s\n%s" % (mode.encode(), quoted(path), data(content))


def quoted(path):
    return b'"' + as_bytes(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def data(content):
    return b"data %d\n%s\n" % (len(as_bytes(content)), as_bytes(content))


def as_bytes(content):
    return content if isinstance(content, bytes) else os.fsencode(content)


@pytest.fixture
def rust_repository(shared_rust_repository, tmp_path):
    """A copy of `shared_rust_repository`, which a test may change."""
    return Path(shutil.copytree(shared_rust_repository, tmp_path / shared_rust_repository.name))


@pytest.fixture(scope="session")
def shared_rust_repository(tmp_path_factory):
    """A small Rust project: 40 commits that each add a function, with a lock file and build output beside the code."""
    names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    code = {name: f"//! All about {name}.\n" for name in names}

    def commit(number):
        name = names[number % len(names)]
        code[name] += (
            f"\n/// Adds {number} to a {name}.\npub fn add_{name}_{number}(value: u64) -> Option<u64> {{\n"
            f"    let {name}_{number} = value.checked_add({number * 7919})?;\n"
            f"    Some({name}_{number} * {number + 2})\n}}\n"
        )
        files = {f"src/{name}.rs": code[name]}
        if number % 10 == 0:
            files |= {"Cargo.lock": f"version = {number}\n", "target/out.rs": "fn made() {}\n" * number}
        return files, {
            "message": f"Add {number} to {name}",
            "author": f"Author {number % 3} <a{number % 3}@example.org>",
        }

    return import_commits(tmp_path_factory.mktemp("repositories") / "numbers", [commit(number) for number in range(40)])


def byte_tokenizer():
    """Return a tokenizer of one token per byte, after the special tokens of our formats; the end of text is token 0."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from codelm.special_tokens import END_OF_TEXT, SPECIAL_TOKENS

    names = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, unk_token=END_OF_TEXT
    )


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """A folder with a StarCoder2 of two layers and some ten thousand random parameters, and a byte tokenizer."""
    import torch
    from transformers import Starcoder2Config, Starcoder2ForCausalLM

    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    config = Starcoder2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        sliding_window=None,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.2,  # far from uniform: a wrong mask then shows
    )
    folder = tmp_path_factory.mktemp("base")
    Starcoder2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def few_texts(monkeypatch):
    """Let general code be one line: with a tokenizer of bytes all of it is 66,000 tokens."""
    from codelm.evaluation.general import Text

    for task in ("forgetting", "infilling"):
        monkeypatch.setattr(
            f"codelm.evaluation.tasks.{task}.own_texts", lambda: [Text("a.rs", "rust", "own rust", "fn a() {}\n")]
        )
        monkeypatch.setattr(f"codelm.evaluation.tasks.{task}.library_texts", list)
