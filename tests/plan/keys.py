#!/usr/bin/env python3
"""The keys of docs/identity.md, computed a second time: from that page, with nothing of the program's code.

keys.py FILE            prints the keys of a fixture (tests/plan/README), a line each: spec NAME STAGE KEY, build NAME KEY
keys.py --record DIR    writes DIR/*.keys anew from the fixtures DIR/../*.plan of the same names
"""
import hashlib
import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def version(header, name):
    return int(re.search(rf"#define {name} (\d+)", (ROOT / header).read_text()).group(1))


VERSIONS = struct.pack("<II", version("cache/fetch.h", "UNPACK_VERSION"),
                       version("sandbox/sandbox.h", "SANDBOX_VERSION"))


def u8(n):
    return struct.pack("<B", n)


def u64(n):
    return struct.pack("<Q", n)


def string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return u64(len(b)) + b


def listing(items):
    return u64(len(items)) + b"".join(items)


def sha(b):
    return hashlib.sha256(b if isinstance(b, bytes) else b.encode()).digest()


# ---- reading a fixture ----

class Package:
    def __init__(self, name):
        self.id = self.name = name
        self.build, self.run, self.outputs, self.inputs = [], [], [], []
        self.cmds, self.args, self.allow, self.prefer, self.tests = [], [], [], [], []
        self.breaker, self.flags = None, set()


def dependency(word):
    name, colon, outputs = word.partition(":")
    return name, sorted(outputs.split("+")) if outputs else ([] if colon else None)


def output(word):
    kind = 0
    for prefix, number in (("lib:", 1), ("data:", 2)):
        if word.startswith(prefix):
            kind, word = number, word[len(prefix):]
    name, equals, glob = word.partition("=")
    glob = glob if equals else "**"
    flags = 0
    while glob[:1] in ("?", "!", "+"):
        flags |= {"?": 1, "!": 2, "+": 4}[glob[0]]
        glob = glob[1:]
    return name, kind, glob, flags


def read(path):
    packages, requests, with_tests = {}, [], False
    for line in Path(path).read_text().split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "---":
            break
        key, rest = words[0], words[1:]
        if key == "package":
            package = packages[rest[0]] = Package(rest[0])
        elif key == "request":
            requests += [dependency(w)[0] for w in rest]
        elif key == "with-tests":
            with_tests = True
        elif key in ("build", "run"):
            getattr(package, key).extend(dependency(w) for w in rest)
        elif key == "outputs":
            package.outputs += [output(w) for w in rest]
        elif key == "cmd":
            package.cmds.append(rest)
        elif key == "arg":
            package.args.append((rest[0], rest[1]))
        elif key == "source":
            strip = [w[6:] for w in rest if w.startswith("strip=")]
            package.inputs.append(u8(0) + string(rest[0]) + sha(rest[1]) + u8("extract" in rest[2:]) +
                                  u8(bool(strip)) + string(strip[0] if strip else ""))
        elif key == "local":
            package.inputs.append(u8(1) + string(rest[0]) + sha(rest[1]) + u8(len(rest) > 2))
        elif key in ("allow", "prefer"):
            setattr(package, key, rest)
        elif key == "breaker":
            package.breaker = rest[0]
        elif key == "rename":
            package.name = rest[0]
        elif key == "test":
            package.tests += [dependency(w)[0] for w in rest]
        elif key != "version":
            package.flags.add(key)
    return packages, requests, with_tests


# ---- keys ----

def own(p):
    return b"".join([
        string(p.name),
        string("arm64/linux" if "arm64" in p.flags else "amd64/linux"),
        u8("prebuilt" in p.flags),
        listing([listing([string(w) for w in cmd]) for cmd in p.cmds]),
        listing([string(k) + string(v) for k, v in sorted(p.args)]),
        listing(p.inputs),
        listing([string(n) + u8(kind) + string(glob) + u8(flags) for n, kind, glob, flags in sorted(p.outputs)]),
        u8("internet" in p.flags),
        u8("dns" in p.flags),
        listing([string(w) for w in p.allow]),
        listing([string(w) for w in p.prefer]),
    ])


class Keys:
    """Components by plain reachability: slow, and obviously right."""

    def __init__(self, packages, requests, with_tests):
        self.packages = packages
        self.certificates = [p.id for p in packages.values() if "certificates" in p.flags]
        self.reach = {name: self.closure(name) for name in packages}
        self.wanted = set()
        todo = list(requests)
        while todo:
            name = todo.pop()
            if name in self.wanted:
                continue
            self.wanted.add(name)
            todo += [target for _, target, _ in self.edges(name)]
            if with_tests:
                todo += packages[name].tests
            if self.staged(name) and packages[name].breaker:
                todo += [target for _, target, _ in self.edges(packages[name].breaker)]
        self.memo = {}

    def edges(self, name):
        p = self.packages[name]
        edges = [(0, target, subset) for target, subset in p.build] + [(1, target, subset) for target, subset in p.run]
        if "internet" in p.flags:
            edges += [(2, target, None) for target in self.certificates if target != name]
        return edges

    def closure(self, name):
        seen, todo = set(), [name]
        while todo:
            for _, target, _ in self.edges(todo.pop()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return seen

    def members(self, name):
        together = [n for n in self.packages if n == name or (n in self.reach[name] and name in self.reach[n])]
        return sorted(together, key=lambda n: self.packages[n].name.encode())

    def staged(self, name):
        members = self.members(name)
        return any(kind == 0 and target in members for m in members for kind, target, _ in self.edges(m))

    def edge_bytes(self, name, members):
        def one(kind, target, subset):
            inside = target in members
            place = u64(members.index(target)) if inside else self.spec(target, 2 if self.staged(target) else 1)
            return (u8(kind) + u8(inside) + place + u8(subset is not None) +
                    listing([string(o) for o in subset or []]))
        return listing([one(*edge) for edge in self.edges(name)])

    def component(self, name):
        members = self.members(name)
        if members[0] not in self.memo:
            staged = self.staged(name)
            parts = [string("minimal component 1"), VERSIONS, u64(len(members))]
            parts += [string(own(self.packages[m])) for m in members]
            parts += [self.edge_bytes(m, members) for m in members]
            parts.append(u8(staged))
            for m in members if staged else []:
                breaker = self.packages[m].breaker
                parts.append(u8(breaker is not None))
                if breaker:
                    parts += [string(own(self.packages[breaker])), self.edge_bytes(breaker, members)]
            self.memo[members[0]] = sha(b"".join(parts))
        return self.memo[members[0]]

    def spec(self, name, stage):
        return sha(string("minimal spec key 1") + self.component(name) + u8(stage) + string(self.packages[name].name))

    def build(self, name, trees):
        p = self.packages[name]
        rank = {n: i + 1 for i, n in reversed(list(enumerate(p.prefer)))}
        return sha(string("minimal build key 1") + VERSIONS +
                   listing([tree + struct.pack("<I", rank.get(owner, 0)) for owner, tree in trees]) + string(own(p)))


def lines(path):
    packages, requests, with_tests = read(path)
    keys = Keys(packages, requests, with_tests)
    trees = [(name, sha(name)) for name in ("one", "two", "three")]
    for name, p in packages.items():
        if name in keys.wanted:
            for stage in (0, 1, 2) if keys.staged(name) else (1,):
                yield f"spec {p.name} {stage} {keys.spec(name, stage).hex()}"
        yield f"build {p.name} {keys.build(name, trees).hex()}"


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--record":
        for path in sorted(Path(sys.argv[2]).glob("*.keys")):
            path.write_text("".join(line + "\n" for line in lines(path.parent.parent / (path.stem + ".plan"))))
    elif len(sys.argv) == 2:
        for line in lines(sys.argv[1]):
            print(line)
    else:
        sys.exit(__doc__)


main()
