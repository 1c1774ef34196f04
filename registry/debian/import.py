#!/usr/bin/env python3
"""Turns pinned Debian binary packages into `prebuilt` specs.

    import.py pin DEB_DIR    from wanted.tsv and the .deb files in DEB_DIR: write pins.tsv
    import.py generate       from pins.tsv alone: write ../packages/d/debian-*/build.ncl
    import.py check          say which generated specs differ from what is in the tree, exit 1 if any do

wanted.tsv names what we want: package, path below mirror://, sha256. pins.tsv adds what only the package itself can
tell: version, size, which others of our list it depends on, and which of its files we keep. Documentation, manual
pages and translations stay behind: no build reads them, and they are a third of the bytes.

Standard library only. `pin` calls dpkg-deb.
"""
import hashlib
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(HERE, "..", "packages", "d")

# Below usr/share: read by people, not by builds.
UNREAD = {"doc", "man", "info", "locale", "lintian", "doc-base", "bug", "menu", "bash-completion", "gdb", "zsh", "vim",
          "emacs", "pixmaps", "applications", "icons", "polkit-1", "metainfo", "common-licenses"}
# Single files that are large and that nothing calls.
UNUSED = re.compile(r"usr/bin/(x86_64-linux-gnu-)?lto-dump-\d+$")


def read_table(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as table:
        rows = [line.rstrip("\n").split("\t") for line in table if line.strip() and not line.startswith("#")]
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def rewritten(path):
    """The path after unpacking: Debian 12 still ships /bin, /sbin, /lib and /lib64, and they live below /usr here."""
    path = re.sub(r"^\./", "", path)
    path = re.sub(r"^lib64(/|$)", r"lib\1", path)
    return re.sub(r"^(bin|sbin|lib)(/|$)", r"usr/\1\2", path)


def files_of(deb):
    listing = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, stdout=subprocess.PIPE).stdout
    names = subprocess.run(["tar", "-t"], input=listing, check=True, stdout=subprocess.PIPE).stdout.decode()
    return sorted(rewritten(name) for name in names.splitlines() if not name.endswith("/"))


def group_of(path):
    """The directory that a glob takes whole: usr/bin, usr/share/perl, etc, ..."""
    parts = path.split("/")
    depth = 3 if path.startswith("usr/share/") else 2 if parts[0] == "usr" else 1
    return "/".join(parts[:depth]) if len(parts) > depth else None


def kept_globs(paths):
    unread = {p for p in paths if p.startswith("usr/share/") and p.split("/")[2] in UNREAD}
    unused = {p for p in paths if UNUSED.search(p)}
    kept = [p for p in paths if p not in unread and p not in unused]
    listed = {group_of(p) for p in unused}  # such a directory is listed file by file
    globs = set()
    for path in kept:
        group = group_of(path)
        globs.add(path if group is None or group in listed else group + "/**")
    return sorted(globs)


def dependencies(deb, wanted):
    fields = subprocess.run(["dpkg-deb", "-f", deb, "Pre-Depends", "Depends"], check=True, stdout=subprocess.PIPE)
    names = re.findall(r"(?:^|[,|:]\s*|\n\s*)([a-z0-9][a-z0-9.+-]+)", fields.stdout.decode())
    return {n for n in names if n in wanted}


def through(names, depends, empty):
    """The names, with each empty package replaced by what it depends on."""
    found, todo, seen = set(), list(names), set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in empty:
            todo += depends[name]
        else:
            found.add(name)
    return sorted(found)


def pin(deb_dir):
    wanted = read_table("wanted.tsv")
    names = {row["package"] for row in wanted}
    rows, depends, empty = [], {}, set()
    for row in sorted(wanted, key=lambda r: r["package"]):
        deb = os.path.join(deb_dir, os.path.basename(row["path"]))
        with open(deb, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if digest != row["sha256"]:
            sys.exit(f"{deb}: sha256 is {digest}, wanted.tsv says {row['sha256']}")
        globs = kept_globs(files_of(deb))
        depends[row["package"]] = dependencies(deb, names)
        version = subprocess.run(["dpkg-deb", "-f", deb, "Version"], check=True, stdout=subprocess.PIPE)
        if globs:
            rows.append([row["package"], version.stdout.decode().strip(), row["path"], digest,
                         str(os.path.getsize(deb)), "", " ".join(globs)])
        else:
            empty.add(row["package"])  # nothing but documentation, or a name for others
    lines = ["package\tversion\tpath\tsha256\tsize\tdepends\tkeep"]
    for row in rows:
        row[5] = " ".join(through(depends[row[0]], depends, empty)) or "-"
        lines.append("\t".join(row))
    with open(os.path.join(HERE, "pins.tsv"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def spec_name(package):
    return "debian-" + package


def spec_text(row):
    depends = [] if row["depends"] == "-" else row["depends"].split()
    globs = row["keep"].split()
    glob = globs[0] if len(globs) == 1 else "{" + ",".join(globs) + "}"
    text = "# Generated by registry/debian/import.py from pins.tsv; edit those.\n"
    text += 'let { Attrs, BuildSpec, OutputData, Source, .. } = import "minimal.ncl" in\n'
    for name in depends:
        text += f'let {variable(name)} = import "../{spec_name(name)}/build.ncl" in\n'
    text += "{\n"
    text += f'  name = "{spec_name(row["package"])}",\n  prebuilt = true,\n'
    text += "  build_deps = [\n    {\n"
    text += f'      url = "mirror://{row["path"]}",\n      sha256 = "{row["sha256"]}",\n      extract = true,\n'
    text += "    } | Source,\n  ],\n"
    if depends:
        text += "  runtime_deps = [" + ", ".join(variable(n) for n in depends) + "],\n"
    text += f'  outputs = {{\n    files = {{ glob = "{glob}", allow_executable = true }} | OutputData,\n  }},\n'
    text += f'  attrs =\n    {{\n      upstream_version = "{row["version"]}",\n'
    text += f'      description = "Debian 12\'s {row["package"]}, as it is",\n    }} | Attrs,\n'
    return text + "} | BuildSpec\n"


def variable(package):
    """A Nickel identifier: letters, digits, _ and -; Debian also uses . and +."""
    return "deb-" + package.replace("+", "x").replace(".", "_")


def specs():
    return {spec_name(row["package"]): spec_text(row) for row in read_table("pins.tsv")}


def generate():
    for name, text in specs().items():
        os.makedirs(os.path.join(PACKAGES, name), exist_ok=True)
        with open(os.path.join(PACKAGES, name, "build.ncl"), "w", encoding="utf-8") as out:
            out.write(text)
    for name in os.listdir(PACKAGES):
        if name.startswith("debian-") and name not in specs():
            os.remove(os.path.join(PACKAGES, name, "build.ncl"))
            os.rmdir(os.path.join(PACKAGES, name))


def check():
    wrong = []
    for name, text in specs().items():
        path = os.path.join(PACKAGES, name, "build.ncl")
        if not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
            wrong.append(name)
    wrong += [n for n in os.listdir(PACKAGES) if n.startswith("debian-") and n not in specs()]
    for name in wrong:
        print(f"{name}: differs from what pins.tsv gives; run registry/debian/import.py generate")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["pin"] and len(sys.argv) == 3:
        pin(sys.argv[2])
    elif sys.argv[1:] == ["generate"]:
        generate()
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)
