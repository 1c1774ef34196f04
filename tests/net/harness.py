"""What the Python test programs here share: TAP, the driver ($BUILD/unit/cache_fetch), canaries, and doing it all as an
ordinary user too when started by root."""
import os
import shutil
import stat
import subprocess
import sys

ROOT = os.environ["TEST_DIR"]
NOBODY = 65534
# Copies, as an ordinary user may not get to the build directory. The driver looks for the worker in $BUILD.
BUILD = os.path.join(ROOT, "bin")
DRIVER = os.path.join(BUILD, "cache_fetch")
os.makedirs(BUILD, exist_ok=True)
for program in ("unit/cache_fetch", "minimal-worker"):
    shutil.copy(os.path.join(os.environ["BUILD"], program), BUILD)
os.environ["BUILD"] = BUILD


class Tap:
    def __init__(self):
        self.count = 0
        self.bad = 0

    def report(self, name, problem):
        self.count += 1
        if not problem:
            print("ok %d - %s" % (self.count, name), flush=True)
            return
        self.bad += 1
        print("not ok %d - %s" % (self.count, name))
        for line in str(problem).splitlines():
            print("# " + line)
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why), flush=True)

    def end(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.bad else 0)


def users():
    """(label, prefix of a command, uid) for each kind of user that the tests run as."""
    if os.geteuid() != 0:
        return [("user", [], os.geteuid())]
    drop = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]
    return [("root", [], 0), ("user", drop, NOBODY)]


def scratch(name, uid):
    """A fresh directory that belongs to the user."""
    path = os.path.join(ROOT, name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o755)
    if os.geteuid() == 0:
        os.chown(path, uid, uid)
    return path


def drive(user, *args, timeout=120):
    """Exit code and output of the driver."""
    done = subprocess.run(user[1] + [DRIVER] + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout)
    return done.returncode, done.stdout.decode("utf-8", "replace").rstrip("\n")


def tree(path):
    """{relative path: (kind, mode or target, content)} of all below path, as bytes."""
    path = os.fsencode(path)
    found = {}
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            full = os.path.join(folder, name)
            st = os.lstat(full)
            key = os.path.relpath(full, path)
            if stat.S_ISLNK(st.st_mode):
                found[key] = ("link", os.readlink(full))
            elif stat.S_ISDIR(st.st_mode):
                found[key] = ("dir", stat.S_IMODE(st.st_mode))
            elif stat.S_ISREG(st.st_mode):
                with open(full, "rb") as file:
                    found[key] = ("file", stat.S_IMODE(st.st_mode), file.read() if st.st_size < 1 << 20 else st.st_size)
            else:
                found[key] = ("other", st.st_mode)
    return found
