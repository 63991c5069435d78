"""Stage 0: the games of Debian whose music and sounds the encoder is made with, unpacked into a folder each.

    python -m research.encoder.packages FOLDER      needs apt-get and dpkg, and 5 GB

None of their recordings becomes part of a model file: the music is what the teachers are asked about, and the sounds
are what a genre classifier must not answer for.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PACKAGES = Path(__file__).with_name("packages.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name in PACKAGES.read_text(encoding="utf-8").split():
        if not (folder / name).is_dir() and not unpack(name, folder):
            print(f"left out: this Debian has no package {name}", file=sys.stderr)


def unpack(name: str, folder: Path) -> bool:
    """Download one package and unpack it to `folder / name`; False where there is none of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["apt-get", "download", "-qq", name], cwd=folder, check=False).returncode:
        return False
    (archive,) = folder.glob(f"{name}_*.deb")
    subprocess.run(["dpkg", "-x", archive.name, name], cwd=folder, check=True)
    archive.unlink()
    return True


if __name__ == "__main__":
    main()
