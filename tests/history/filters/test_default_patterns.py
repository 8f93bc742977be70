import pytest

from codelm.git.repository import open_repository
from codelm.history.filters.selection import path_filter
from codelm.history.filters.settings import Filters

LOCK_FILES = """
    Cargo.lock package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock bun.lock deno.lock uv.lock poetry.lock
    pdm.lock Pipfile.lock pylock.toml pixi.lock conda-lock.yml go.sum go.work.sum Gopkg.lock Gemfile.lock composer.lock
    Package.resolved Podfile.lock pubspec.lock packages.lock.json gradle.lockfile mix.lock rebar.lock stack.yaml.lock
    flake.lock .terraform.lock.hcl Chart.lock MODULE.bazel.lock buf.lock renv.lock Manifest.toml
    lake-manifest.json Gemfile.next.lock Gemfile.local.lock gems.locked Manifest-v1.11.toml JuliaManifest.toml
    Scarb.lock spago.lock nix/sources.json npins/sources.json bun.lockb requirements-lock.txt jsonnetfile.lock.json
    Cartfile.resolved shrinkwrap.yaml .pnp.cjs project.assets.json buildscript-gradle.lockfile cabal.project.freeze
    a.opam.locked packrat/packrat.lock cpanfile.snapshot dub.selections.json maven_install.json devcontainer-lock.json
"""


@pytest.fixture
def reason_of():
    with path_filter(Filters()) as reason:
        yield reason


def test_lock_files_of_all_ecosystems_are_left_out(reason_of):
    for path in LOCK_FILES.split():
        assert (reason_of(path) or "").startswith("lock files by pattern ")
        assert reason_of(f"a/b/{path}") == reason_of(path)


def test_a_lock_file_can_be_taken_back():
    with path_filter(Filters(ignore=["!Cargo.lock"])) as reason:
        assert (reason("Cargo.lock"), reason("yarn.lock")) == (None, "lock files by pattern *.lock")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("deploy/prod.env", "credentials by pattern *.env"),
        (".envrc", "credentials by pattern .envrc"),
        ("infra/terraform.tfstate.backup", "credentials by pattern *.tfstate.*"),
        ("keys/server.ppk", "credentials by pattern *.ppk"),
        ("home/.cargo/credentials.toml", "credentials by pattern **/.cargo/credentials.toml"),
        ("a/.env.sample", None),
        ("src/kubeconfig/mod.rs", None),
        ("notebooks/plot.ipynb", "generated files by pattern *.ipynb"),
        ("src/Form1.designer.cs", "generated files by pattern *.designer.cs"),
        ("db/.sqlx/query-0a.json", "generated files by pattern **/.sqlx/query-*.json"),
        ("web/app.min.js", "generated files by pattern *.min.js"),
        ("ios/Pods/a.m", "vendored by pattern Pods/"),
    ],
)
def test_credentials_and_what_programs_write_are_left_out_by_their_names(path, reason, reason_of):
    assert reason_of(path) == reason


@pytest.mark.parametrize(
    "path",
    [
        *("Cargo.toml", "package.json", "go.mod", "src/lock.rs", "src/file-lock.rs", "src/notebook.py", "a.pb.rs"),
        *("manifest.json", "web/sources.json", "nix/default.nix", "src/Manifest.rs", "locked.py"),
    ],
)
def test_what_people_write_is_kept(path, reason_of):
    assert reason_of(path) is None


def test_an_attribute_takes_a_lock_file_back(make_repository):
    repository = open_repository(make_repository([{".gitattributes": "Cargo.lock -linguist-generated\n"}]))
    with path_filter(Filters(), repository) as reason:
        assert (reason("Cargo.lock"), reason("yarn.lock")) == (None, "lock files by pattern *.lock")
