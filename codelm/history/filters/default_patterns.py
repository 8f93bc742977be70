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
    # most of them, such as Cargo.lock, yarn.lock and Gemfile.next.lock
    *("*.lock", "*.lock.json", "*.lock.yaml", "*.lock.yml", "*.lock.hcl", "*.lockb", "*.lockfile", "*.locked"),
    *("*-lock.json", "*-lock.yaml", "*-lock.yml", "*-lock.txt"),
    # Python; JavaScript; Go; Ruby
    *("pylock.toml", "pylock.*.toml", "npm-shrinkwrap.json", "shrinkwrap.yaml", ".pnp.*", "go.sum", "go.work.sum"),
    # Swift and Apple; .NET; the JVM; Bazel; Haskell; R; Perl; D; Lean
    *(
        "Package.resolved",
        "Cartfile.resolved",
        "project.assets.json",
        "verification-metadata.xml",
        "maven_install.json",
    ),
    *("cabal.project.freeze", "cpanfile.snapshot", "dub.selections.json", "lake-manifest.json"),
    # Julia; Nix
    *("Manifest.toml", "Manifest-v*.toml", "JuliaManifest.toml", "JuliaManifest-v*.toml", "**/npins/sources.json"),
    *("**/nix/sources.json", "aqua-checksums.json"),
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
