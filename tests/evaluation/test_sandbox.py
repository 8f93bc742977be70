"""What cannot be done in the sandbox, and that nothing runs where there is none."""

import socket
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from codelm.errors import InputError
from codelm.evaluation import sandbox

TELL = 'printf "%s\\n" "$@"'
OPEN = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'


@pytest.fixture(scope="module")
def real():
    """A sandbox that starts; without one there is nothing to test."""
    try:
        sandbox.check()
    except InputError as error:
        pytest.skip(str(error))


def following(words, name):
    """Return what stands behind each ``name``."""
    return [after for word, after in pairwise(words) if word == name]


def test_the_command_line_shares_nothing_but_what_is_lent(make_program, tmp_path):
    make_program("bwrap", TELL)
    ended = sandbox.run(["true", "--net"], tmp_path, seconds=3, lent={Path("/opt"): "/rust"}, variables={"A": "b"})
    words = ended.out.splitlines()
    own = words[: words.index("--")]
    assert {"--unshare-all", "--die-with-parent", "--new-session", "--clearenv"} < set(own)
    assert following(own, "--cap-drop") == ["ALL"]
    assert following(own, "--ro-bind") == ["/usr", "/opt"]
    assert following(own, "--bind") == [str(tmp_path)]
    assert following(own, "--setenv") == ["PATH", "TMPDIR", "A"]
    assert not {"--share-net", "--dev-bind", "--bind-try", "--proc"} & set(own)
    assert following(own, "--remount-ro") == ["/dev", "/"]
    later = own[own.index("--remount-ro") :]
    assert not any("bind" in word or "symlink" in word for word in later), "that would meet what is read-only already"


def test_what_runs_in_it_is_bounded(make_program, tmp_path):
    make_program("bwrap", TELL)
    words = sandbox.run(["true", "--net"], tmp_path, seconds=3).out.splitlines()
    inside = words[words.index("--") + 1 :]
    bounds = inside[: inside.index("--")]
    assert bounds[0] == "prlimit"
    assert {word.split("=")[0] for word in bounds[1:]} == {f"--{name}" for name in sandbox.BOUNDS}
    assert inside[inside.index("--") + 1 :] == ["timeout", "--kill-after=1", "3", "true", "--net"]


def test_bubblewrap_itself_sees_no_variable_of_ours(make_program, tmp_path, monkeypatch):
    make_program("bwrap", "export -p")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert "HF_TOKEN" not in sandbox.run(["true"], tmp_path).out


def test_without_bubblewrap_nothing_runs(make_program, tmp_path):
    make_program("true", f"touch {tmp_path}/ran")
    with pytest.raises(InputError, match=r"install bwrap, or leave evaluation\.rustc false"):
        sandbox.run(["true"], tmp_path)
    with pytest.raises(InputError, match="bubblewrap"):
        sandbox.check()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create new namespace"),
        ("exit 3", "status 3"),
        (OPEN, "status 1"),
    ],
    ids=["no namespaces", "no reason", "everything to be seen"],
)
def test_a_sandbox_that_does_not_start_or_does_not_hide_is_refused_in_a_line(make_program, script, why):
    make_program("bwrap", script)
    with pytest.raises(InputError, match=why) as refusal:
        sandbox.check()
    assert "\n" not in str(refusal.value)
    assert "allow user namespaces, or leave evaluation.rustc false" in str(refusal.value)


def test_a_bubblewrap_that_is_no_program_is_refused(make_program):
    make_program("bwrap", "").write_bytes(b"\x7fELF is all there is")
    with pytest.raises(InputError, match=r"Exec format error|status 126"):
        sandbox.check()


def test_a_sandbox_that_hangs_is_ended(make_program, tmp_path, monkeypatch):
    make_program("bwrap", "exec /usr/bin/sleep 60")
    monkeypatch.setattr(sandbox, "GRACE", 0.1)
    assert sandbox.run(["true"], tmp_path, seconds=0.1).status == 124


def test_the_network_cannot_be_reached_from_inside(real, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        call = ["bash", "-c", f": <>/dev/tcp/127.0.0.1/{server.getsockname()[1]}"]
        assert subprocess.run(call, check=False).returncode == 0, "the server answers outside"
        ended = sandbox.run(call, tmp_path)
    assert ended.status == 1
    assert "connect" in ended.complaint


@pytest.mark.parametrize("file", ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/root", "/home", __file__])
def test_files_of_the_machine_cannot_be_read_from_inside(real, tmp_path, file):
    ended = sandbox.run(["ls", "-d", file], tmp_path)
    assert (ended.status, ended.out) == (2, "")
    ended = sandbox.run(["cat", file], tmp_path)
    assert (ended.status, ended.out) == (1, "")


def test_one_folder_can_be_written_to(real, tmp_path):
    tries = "for place in / /usr /dev /dev/shm /lent .; do touch $place/new 2>/dev/null && echo $place; done"
    lent = tmp_path / "lent"
    lent.mkdir()
    assert sandbox.run(["sh", "-c", tries], tmp_path, lent={lent: "/lent"}).out == ".\n"
    assert (tmp_path / "new").is_file()
    assert not list(lent.iterdir())


def test_what_runs_inside_sees_no_variable_of_ours(real, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    found = sandbox.run(["env"], tmp_path, variables={"A": "b"}).out.splitlines()
    assert {line.split("=")[0] for line in found} <= {"PATH", "TMPDIR", "PWD", "A"}


def test_who_never_ends_is_ended(real, tmp_path):
    started = time.perf_counter()
    assert sandbox.run(["sh", "-c", "while :; do :; done"], tmp_path, seconds=0.5).status in (124, 137)
    assert sandbox.run(["sh", "-c", "trap '' TERM; while :; do :; done"], tmp_path, seconds=0.2).status in (124, 137)
    assert time.perf_counter() - started < 10


def test_endless_output_stops_at_a_bound(real, tmp_path, monkeypatch):
    monkeypatch.setitem(sandbox.BOUNDS, "fsize", 1 << 20)
    ended = sandbox.run(["yes"], tmp_path)
    assert ended.status not in (0, 124, 137)
    assert len(ended.out) == 100_000
    sandbox.run(["sh", "-c", "yes > many"], tmp_path)
    assert (tmp_path / "many").stat().st_size <= 1 << 20


def test_endless_hunger_for_memory_stops_at_a_bound(real, tmp_path, monkeypatch):
    monkeypatch.setitem(sandbox.BOUNDS, "as", 1 << 26)
    assert sandbox.run(["tail", "/dev/zero"], tmp_path).status not in (0, 124)


def test_what_was_left_running_ends_with_the_sandbox(real, tmp_path):
    assert sandbox.run(["sh", "-c", "(sleep 0.5; touch late) & echo gone"], tmp_path).out == "gone\n"
    time.sleep(1)
    assert not (tmp_path / "late").exists()
