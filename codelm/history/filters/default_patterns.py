"""Paths that are left out by default, as gitignore patterns: other people's code, credentials, what programs write."""

__all__ = ["CREDENTIALS", "GENERATED_FILES", "LOCK_FILES", "VENDORED"]

VENDORED = [
    *("vendor/", "vendors/", "vendored/", "third_party/", "third-party/", "thirdparty/"),
    *("node_modules/", "bower_components/", "jspm_packages/", "Godeps/", "Pods/", "**/Carthage/Build/"),
]

CREDENTIALS = [
    *(".env", ".env.*", "*.env", ".envrc", "!.env.example", "!.env.sample", "!.env.template", "!.env.dist"),
    *("!.env.defaults", "!example.env", "!sample.env", "!template.env"),
    *(
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".my.cnf",
        ".htpasswd",
        ".git-credentials",
        ".s3cfg",
        ".boto",
    ),
    *(".dockercfg", "**/.docker/config.json", "**/.aws/credentials", "**/.kube/config", "*.kubeconfig"),
    *("**/.cargo/credentials", "**/.cargo/credentials.toml", "**/.gem/credentials", ".terraformrc", "terraform.rc"),
    *("*.tfstate", "*.tfstate.*", ".vault-token", ".vault_pass", "credentials.json", "service-account*.json"),
    *("*.pem", "*.key", "*.ppk", "*.p8", "*.p12", "*.pfx", "*.pkcs12", "*.jks", "*.jceks", "*.bks", "*.keystore"),
    *("*.keytab", "*.kdb", "*.kdbx", "*.gpg", "*.asc", "*.ovpn"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"),
]
"""Files that usually hold secrets."""

LOCK_FILES = [
    # Rust; JavaScript
    *("Cargo.lock", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"),
    *("deno.lock", "shrinkwrap.yaml", ".pnp.*"),
    # Python; Conda
    *(
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile.lock",
        "pylock.toml",
        "pylock.*.toml",
        "pixi.lock",
        "conda-lock.yml",
    ),
    # Go; Ruby; PHP
    *("go.sum", "go.work.sum", "Gopkg.lock", "glide.lock", "Gemfile.lock", "gems.locked", "composer.lock"),
    # Swift and Apple; Dart; .NET; the JVM
    *("Package.resolved", "Podfile.lock", "Cartfile.resolved", "pubspec.lock", "packages.lock.json", "paket.lock"),
    *("project.assets.json", "gradle.lockfile", "buildscript-gradle.lockfile", "verification-metadata.xml"),
    # Elixir and Erlang; Haskell; OCaml; Julia; R; Perl; Nim; Elm; D; Crystal; C and C++
    *("mix.lock", "rebar.lock", "stack.yaml.lock", "cabal.project.freeze", "esy.lock", "*.esy.lock", "opam.locked"),
    *("*.opam.locked", "Manifest.toml", "renv.lock", "packrat.lock", "cpanfile.snapshot", "nimble.lock"),
    *("dub.selections.json", "shard.lock", "conan.lock", "vcpkg-lock.json"),
    # Nix; Terraform; Helm; Bazel; Buf; DVC; Ansible, Jsonnet; Solidity; Move; development containers
    *(
        "flake.lock",
        "**/npins/sources.json",
        ".terraform.lock.hcl",
        "Chart.lock",
        "requirements.lock",
        "MODULE.bazel.lock",
    ),
    *(
        "maven_install.json",
        "buf.lock",
        "dvc.lock",
        "jsonnetfile.lock.json",
        "foundry.lock",
        "soldeer.lock",
        "Move.lock",
    ),
    *("devcontainer-lock.json", "devbox.lock", "mise.lock", "Brewfile.lock.json", "Puppetfile.lock", "Berksfile.lock"),
]
"""Files in which package managers keep the versions that they chose."""

GENERATED_FILES = [
    # notebooks, which hold results beside the code; nearly all of the others are linguist's
    "*.ipynb",
    *("*.nib", "*.xcworkspacedata", "*.xcuserstate", ".idea/", "__generated__/", "*.designer.cs", "*.designer.vb"),
    *("*.feature.cs", "Cargo.toml.orig", "*.zep.c", "*.zep.h", "*.zep.php", "htmlcov/", "*.js.map", "*.css.map"),
    *(
        "*.min.js",
        "*.min.css",
        "*_TLB.pas",
        "**/.sqlx/query-*.json",
        "ppport.h",
        "gradlew",
        "gradlew.bat",
        "mvnw",
        "mvnw.cmd",
    ),
    *("*.pb.go", "*_pb2.py", "*_pb2_grpc.py", "*_pb2.pyi", "*.pb.cc", "*.pb.h", "*_pb.js", "*_pb.ts", "*.g.dart"),
    *("*.freezed.dart", "*.rs.bk", "**/.yarn/releases/", "**/.yarn/plugins/"),
]
"""Files that programs write, known by their names."""
