"""Create .venv with everything the project needs. Run by make; parses on any Python 3.

Looks for a Python >= 3.12 ($PYTHON, the running one, the usual names, one that uv knows),
installs the package in editable mode with the versions of constraints.txt, by uv where it is
on PATH and by pip elsewhere, and touches the stamp file that make compares dates with.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, ".stamp")
OLDEST = (3, 12)


def version(python):
    """(major, minor) of an interpreter; (0, 0) if it doesn't run."""
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        out = subprocess.check_output([python, "-c", code], stderr=subprocess.DEVNULL)
        major, minor = out.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return (0, 0)
    return (int(major), int(minor))


def candidates(uv):
    """Interpreters in order of preference."""
    names = [os.environ.get("PYTHON"), sys.executable]
    names += ["python3.13", "python3.14", "python3.12", "python3"]
    for name in names:
        path = name and shutil.which(name)
        if path:
            yield path
    if uv:
        find = [uv, "python", "find", "--no-python-downloads", ">=%d.%d" % OLDEST]
        try:
            yield subprocess.check_output(find, stderr=subprocess.DEVNULL).decode().strip()
        except (OSError, subprocess.CalledProcessError):
            pass


def main():
    """Build the environment, or stop with one sentence."""
    if os.path.islink(VENV):  # building it anew would empty what it points to
        sys.exit(".venv is a link, to %s: remove it, and run make again" % os.readlink(VENV))
    uv = shutil.which("uv")
    python = next((p for p in candidates(uv) if version(p) >= OLDEST), None)
    if python is None:
        sys.exit(
            "changepoint needs Python %d.%d or newer and found none. Install one (your "
            "system's packages, pyenv, conda, or `uv python install 3.13`) and run make again, "
            "or name it: make test PYTHON=/path/to/python3.13" % OLDEST
        )
    subprocess.check_call([python, "-m", "venv", "--clear", VENV])
    bin_folder = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
    inside = os.path.join(bin_folder, "python")
    install = (
        [uv, "pip", "install", "--python", inside] if uv else [inside, "-m", "pip", "install"]
    )
    subprocess.check_call(
        [*install, "--quiet", "--constraint", "constraints.txt", "--editable", ".[dev]"],
        cwd=ROOT,
    )
    with open(STAMP, "w"):
        pass


if __name__ == "__main__":
    main()
