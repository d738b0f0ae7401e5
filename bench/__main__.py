"""Every bench, one after the other, within half an hour on two cores.

    python -m bench --data PATH [--only NAME]

Each prints its table, and its output is kept in bench/results/NAME.txt. One that takes longer than its
minutes is ended, and said to be.
"""

import argparse
import subprocess
import sys
from pathlib import Path

_RESULTS = Path(__file__).parent / "results"
_MINUTES = 60  # seconds

# Name, arguments, minutes. "DATA" stands for the folder.
_BENCHES = (
    ("retrieval", ("--data", "DATA", "--quick"), 8),
    ("quoting", ("--data", "DATA", "--questions", "150"), 3),
    ("speed", ("--data", "DATA", "--rounds", "2", "--questions", "60"), 5),
    ("scale", ("--sizes", "1000,10000,100000"), 6),
    ("service", (), 3),
    ("wire", ("--chats", "3000", "--memory-s", "120"), 5),
)


def main() -> None:
    """Run them; exit 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=[name for name, _, _ in _BENCHES])
    arguments = parser.parse_args()
    _RESULTS.mkdir(exist_ok=True)
    wanted = [bench for bench in _BENCHES if arguments.only in (None, bench[0])]
    failed = [name for name, given, minutes in wanted if not _run(name, given, minutes, arguments.data)]
    if failed:
        raise SystemExit(f"These did not end well: {', '.join(failed)}")


def _run(name: str, given: tuple[str, ...], minutes: int, data: Path) -> bool:
    command = [
        sys.executable,
        "-m",
        f"bench.{name}",
        *(str(data) if each == "DATA" else each for each in given),
    ]
    print(f"\n== bench.{name} {' '.join(given)}", flush=True)
    with (_RESULTS / f"{name}.txt").open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            said, _ = process.communicate(timeout=minutes * _MINUTES)
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[0] + f"\nended after {minutes} minutes"
        kept.write(said)
    print(said, flush=True)
    return process.returncode == 0


if __name__ == "__main__":
    main()
