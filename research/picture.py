"""Draw the README's picture: a real run of `zhanr classify`, as SVG.

python research/picture.py docs/classify.svg classify --timeline demo
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 104


def main(target: Path, arguments: list[str]) -> None:
    """Run the command line in colour and save what it prints."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    command = [sys.executable, "-m", "zhanr", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(f"$ zhanr {' '.join(arguments)}", style="bold", highlight=False)
    console.print(Text.from_ansi(done.stdout), soft_wrap=False)
    svg = console.export_svg(title="zhanr")
    target.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL), encoding="utf-8")  # no font from afar


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
