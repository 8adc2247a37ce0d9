"""Whether what a folder holds may be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from changepoint.batch.folder import Folder
from changepoint.batch.inputs import UNREADABLE
from changepoint.errors import ModelError


def readable_again(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the inputs that couldn't be read as the batch was planned, and can be now."""
    if then.get("version") != now["version"]:
        return []  # `compare` says so
    away = {file for job in then["jobs"] if job["away"] for file in job["files"]}
    away |= {file for file, told in then["inputs"].items() if told == UNREADABLE}
    return sorted(f for f in away if now["inputs"].get(f, UNREADABLE) != UNREADABLE)


def compare(then: Mapping[str, Any], now: Mapping[str, Any], folder: Folder) -> None:
    """Refuse to mix what differs."""
    differ = []
    if then.get("format") != now["format"]:
        differ.append("a changepoint made it whose tables were others")
    elif then.get("version") != now["version"]:
        differ.append(
            f"changepoint {then.get('version')} made it, and this is {now['version']}"
        )
    if then.get("model") != now["model"]:
        differ.append(
            f"it holds answers of another model ({then.get('recipe', {}).get('name')}), or of "
            "another text of that file"
        )
    if then.get("settings") != now["settings"]:
        differ.append("columns, by, date format or aggregation differ")
    before, after = then.get("inputs", {}), now["inputs"]
    for what, files in (
        ("new", [file for file in after if file not in before]),
        ("gone", [file for file in before if file not in after]),
        ("changed", [file for file in after if before.get(file, after[file]) != after[file]]),
    ):
        if files:
            some = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
            differ.append(f"inputs {what}: {some} ({len(files)})")
    if differ:
        raise ModelError(
            f"{folder.path} can't be gone on with: {'; '.join(differ)}. Use another --out, or "
            "--fresh (fresh=True) to start anew"
        )
