"""The plan of rooms and the promises of CONTRIBUTING.md; run as a program, this file prints the plan."""

import ast
import configparser
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import codelm
from codelm import special_tokens

PACKAGE = Path(codelm.__file__).parent
CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"

ROOMS = {  # a room, what is in it, and the rooms it imports
    "errors": ("failures that a user can mend", set()),
    "files": ("atomic writing, digests", set()),
    "lines": ("text as lines", set()),
    "stopping_signals": ("Ctrl-C and SIGTERM", set()),
    "special_tokens": ("their names, formats of prompts", set()),
    "token_healing": ("where a prompt ends", set()),
    "saved_run": ("a run's folder, read back", {"errors", "files"}),
    "devices": ("what a machine computes with, without torch", set()),
    "batch": ("the contract between datamodules and modules", set()),
    "lightning_checkpoints": ("where a checkpoint of Lightning goes on", set()),
    "lightning_internals": ("Lightning's private names", set()),
    "bases": ("base models by name, the bundled one", {"errors", "special_tokens"}),
    "git": ("reads repositories", {"errors", "lines"}),
    "metrics": ("pure functions over text and numbers", {"errors", "lines"}),
    "history": ("commits to packed epochs", {"errors", "files", "git", "lines", "special_tokens", "token_healing"}),
    "modules": (
        "LoRACausalLM",
        {
            *("bases", "batch", "devices", "errors", "lightning_checkpoints", "lightning_internals"),
            *("special_tokens", "token_healing"),
        },
    ),
    "report": ("the page that people open", {"metrics"}),
    "datamodules": (
        "GitCommitDataModule",
        {"bases", "batch", "errors", "git", "history", "lightning_internals"},
    ),
    "evaluation": (
        "tasks put to a model",
        {"batch", "errors", "history", "lines", "metrics", "modules", "token_healing"},
    ),
    "runs": (
        "a run's folder and how it ends",
        {"batch", "devices", "errors", "evaluation", "files", "history", "lightning_internals", "report", "saved_run"},
    ),
    "callbacks": (
        "Lightning callbacks",
        {
            *("batch", "errors", "evaluation", "lightning_checkpoints", "lightning_internals", "metrics", "modules"),
            *("report", "runs", "stopping_signals"),
        },
    ),
    "inference": (
        "a run's model at work",
        {"datamodules", "errors", "history", "lines", "metrics", "modules", "saved_run", "token_healing"},
    ),
    "serving": ("a run's model for editors, over HTTP", {"errors", "inference", "lines", "modules", "token_healing"}),
    "export": (
        "an adapter or samples on their way to others",
        {
            *("bases", "batch", "datamodules", "errors", "evaluation", "files", "history", "inference"),
            *("metrics", "modules", "runs", "saved_run", "special_tokens"),
        },
    ),
    "cli": (
        "the command",
        {
            *("bases", "callbacks", "datamodules", "devices", "errors", "evaluation", "export", "files"),
            *("git", "history", "inference", "lightning_internals", "lines", "metrics", "modules", "report"),
            *("runs", "saved_run", "serving", "special_tokens", "stopping_signals"),
        },
    ),
}
RANKS = "cli/other_ranks.py"  # starts codelm itself, once for each further process of a training
WORKERS = "datamodules/rows.py"  # asks which process it is a worker of
PROCESSES = ("subprocess", "git", "multiprocessing", "asyncio", "pty")
STARTING = re.compile(r"os\.(system|popen|fork|exec|posix_spawn|spawn)|concurrent\.futures(\.process|\.Process|$)")
HEAVY = ("torch", "transformers", "lightning", "peft", "bitsandbytes")
TEXTS = PACKAGE / "evaluation" / "general" / "python"
FILES = sorted(file for file in PACKAGE.rglob("*.py") if TEXTS not in file.parents)
NAMES = [file.relative_to(PACKAGE).as_posix() for file in FILES]
SETUP = PACKAGE.parent / "setup.cfg"
EACH_FILE = pytest.mark.parametrize("file", FILES, ids=NAMES)


def room_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree_of(file):
    return ast.parse(file.read_text("utf-8"))


@cache
def imports_of(file):
    """The dotted names that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def rooms_seen_by(file):
    inside = [name.split(".") for name in imports_of(file) if name.startswith("codelm.")]
    return {parts[1] for parts in inside} - {"__version__", room_of(file)}


def floors():
    """The floor of each room: one above the highest of those it imports."""

    @cache
    def floor(room):
        return max((floor(below) + 1 for below in ROOMS[room][1]), default=0)

    return {room: floor(room) for room in ROOMS}


def drawing():
    """The rooms by floors, the command on top."""
    on = floors()
    lines = []
    for floor in sorted(set(on.values()), reverse=True):
        for room in sorted(room for room in ROOMS if on[room] == floor):
            what, below = ROOMS[room]
            lines.append(f"{floor}  {room:<20} {what:<45} {' '.join(sorted(below))}".rstrip())
    return "\n".join(lines)


@EACH_FILE
def test_imports_go_down(file):
    if room_of(file) in ("__main__", "__init__"):
        assert rooms_seen_by(file) <= {"cli"}
    else:
        assert rooms_seen_by(file) <= ROOMS[room_of(file)][1]


def test_the_plan_names_every_room_and_no_import_that_nobody_makes():
    rooms = {room_of(file) for file in FILES} - {"__main__", "__init__"}
    assert set(ROOMS) == rooms
    for room, (_, below) in ROOMS.items():
        assert below == set().union(*(rooms_seen_by(file) for file in FILES if room_of(file) == room))


def test_the_plan_has_no_circle():
    assert set(floors()) == set(ROOMS)


@pytest.mark.skipif(not CONTRIBUTING.is_file(), reason="an installed package has no CONTRIBUTING.md")
def test_contributing_shows_this_plan():
    assert drawing() in CONTRIBUTING.read_text("utf-8"), "run python tests/test_architecture.py and put it there"


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            ["bases", "bases.hub", "bases.tokenizer", "bases.fast_tokenizer"],
            (*HEAVY, "jsonargparse", "huggingface_hub"),
        ),
        (["git", "history", "lines", "errors", "files", "special_tokens"], (*HEAVY, "jsonargparse")),
        (["metrics", "report"], HEAVY),
        (
            [
                *("cli.entry_point", "cli.config_files", "cli.error_messages", "cli.verbs.compare", "cli.verbs.serve"),
                *("saved_run", "devices"),
            ],
            (*HEAVY, "jsonargparse"),
        ),
        (["cli.verbs.inspect", "cli.inspection", "cli.quick_settings"], HEAVY),
    ],
    ids=["bases", "history", "metrics", "command", "inspection"],
)
def test_what_must_be_quick_imports_nothing_heavy(modules, absent):
    allowed_heavy = {"report/tensorboard.py"}  # is handed a trainer
    assert all(
        (PACKAGE / module.replace(".", "/")).is_dir() or f"{module.replace('.', '/')}.py" in NAMES for module in modules
    )
    files = [
        file
        for file, name in zip(FILES, NAMES, strict=True)
        if name not in allowed_heavy
        and any(name == f"{module.replace('.', '/')}.py" or name.startswith(f"{module}/") for module in modules)
    ]
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files]
    assert names
    code = f"import sys, importlib; [importlib.import_module(name) for name in {names}]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(absent) & set(loaded)


@pytest.mark.skipif(not SETUP.is_file(), reason="an installed package has no setup.cfg")
def test_the_wheel_holds_every_package():
    setup = configparser.ConfigParser()
    setup.read(SETUP, "utf-8")
    packages = {".".join(file.parent.relative_to(PACKAGE.parent).parts) for file in FILES if file.name == "__init__.py"}
    assert set(setup["options"]["packages"].split()) == packages | {"codelm.configs"}


PRIVATE = {  # of other libraries, which have no public name for it
    "parsing_rules.py": {"jsonargparse._common.parsing_settings"},
    "step_memory.py": {
        "torch._subclasses.fake_tensor.FakeTensorMode",
        "torch.utils._python_dispatch.TorchDispatchMode",
        "torch.utils._pytree.tree_map_",
    },
}


def importing(*libraries):
    """The files that import one of some libraries."""
    return {
        name
        for name, file in zip(NAMES, FILES, strict=True)
        if any(found.split(".")[0] in libraries for found in imports_of(file))
    }


def test_few_files_import_peft_bitsandbytes_and_xllamacpp():
    assert importing("peft") == {"modules/adapters.py"}
    assert importing("xllamacpp") == {"serving/llama_cpp.py"}
    assert importing("bitsandbytes") == {"modules/four_bits.py", "modules/optimizers.py"}


def test_only_git_starts_git():
    starting = importing(*PROCESSES)
    assert {RANKS, WORKERS} <= starting
    assert {name.split("/")[0] for name in starting - {RANKS, WORKERS}} == {"git"}
    assert {each for each in imports_of(PACKAGE / WORKERS) if each.startswith(PROCESSES)} == {
        "multiprocessing.parent_process"
    }
    for name, file in zip(NAMES, FILES, strict=True):
        used = {ast.unparse(node) for node in ast.walk(tree_of(file)) if isinstance(node, ast.Attribute)}
        started = [dotted for dotted in used | imports_of(file) if STARTING.match(dotted)]
        assert name.startswith("git/") or name == RANKS or not started


def test_in_history_only_tokenization_knows_a_tokenizer():
    knowing = {
        name
        for name, file in zip(NAMES, FILES, strict=True)
        if name.startswith("history/")
        and any(
            isinstance(node, ast.ClassDef | ast.Name) and word_of(node) == "Tokenizer"
            for node in ast.walk(tree_of(file))
        )
    }
    assert knowing == {"history/tokenization/encoder.py", "history/tokenization/tokenizer.py"}
    importing_one = importing("tokenizers", "transformers")
    assert {name for name in NAMES if name.startswith("history/")} & importing_one <= knowing | {
        "history/tokenization/roles.py"
    }


def word_of(node):
    return node.name if isinstance(node, ast.ClassDef) else node.id


def test_only_one_file_knows_lightning_s_loops_and_plugins():
    loops = r"\b(fit_loop|epoch_loop|val_loop|optim_progress|batch_progress)\b"
    private = rf"{loops}|precision_plugin\.\w+_(input|context)|strategy\.checkpoint_io"
    knowing = {name for name, file in zip(NAMES, FILES, strict=True) if re.search(private, file.read_text("utf-8"))}
    assert knowing == {"lightning_checkpoints.py", "lightning_internals.py"}


@EACH_FILE
def test_a_special_token_s_name_is_written_once(file):
    docstrings = [node.value for node in ast.walk(tree_of(file)) if isinstance(node, ast.Expr)]
    literals = [
        node.value
        for node in ast.walk(tree_of(file))
        if node not in docstrings
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if any(token in node.value for token in special_tokens.TEXT_ENDS)
    ]
    assert bool(literals) == (file.name == "special_tokens.py")


@pytest.mark.parametrize("file", [file for file in FILES if room_of(file) == "callbacks"], ids=lambda file: file.stem)
def test_callbacks_holds_callbacks_and_nothing_else(file):
    classes = [node for node in tree_of(file).body if isinstance(node, ast.ClassDef)]
    bases = {ast.unparse(base) for node in classes for base in node.bases}
    assert all(node.bases for node in classes)
    assert file.name == "__init__.py" or (
        classes and bases <= {"Callback", "ModelCheckpoint", "RecordingCallback", "TQDMProgressBar"}
    )


@EACH_FILE
def test_no_file_is_above_250_lines_and_no_function_above_45(file):
    assert len(file.read_text("utf-8").splitlines()) <= 250
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = node.end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 45, f"{node.name} has {length} lines"


@EACH_FILE
def test_private_names_stay_in_their_file_and_all_says_the_others(file):
    tree = tree_of(file)
    private = {name for name in imports_of(file) if re.search(r"\._[^_]", name)}
    assert private == PRIVATE.get(file.name, set())
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    ours = {name for node in ast.walk(tree) for name in names_bound_by(node)}
    ours |= {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    foreign = {node.attr for node in attributes if re.match("_[^_]", node.attr)} - ours - {"_exit"}  # os._exit
    assert not foreign or file.name == "lightning_internals.py"
    exported = [ast.literal_eval(node.value) for node in tree.body if "__all__" in names_bound_by(node)]
    public = {name for node in tree.body for name in names_bound_by(node) if not name.startswith("_")} - {"log"}
    assert public <= set(*exported)


def names_bound_by(node):
    """The names that a statement defines: a function, a class or variables."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {name.id for target in targets if target for name in ast.walk(target) if isinstance(name, ast.Name)}


@EACH_FILE
def test_a_file_is_a_noun_and_has_a_docstring(file):
    assert ast.get_docstring(tree_of(file))
    assert not re.search(r"util|common|helper|misc|shared|tools", file.stem)


@EACH_FILE
def test_each_public_function_and_class_has_a_docstring(file):
    tree = tree_of(file)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    members = [member for owner in (tree, *classes) for member in owner.body]
    undocumented = [
        node.name
        for node in members
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if ast.get_docstring(node) is None
    ]
    assert not undocumented


if __name__ == "__main__":
    sys.stdout.write(drawing() + "\n")
