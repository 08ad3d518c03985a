"""Values that pages take from the code: `{{ upload-expiry }}` in a page becomes "a day".

    python -m guide.values        (with `tools` on the path)

Writes `build/guide/values.json`. A value reads as prose: "50 MiB", "ten", "a day".
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from grid_datastores import settings
from grid_datastores.cli import server as serving
from grid_datastores.cli.output import EXIT_UNPRINTED
from grid_datastores.domain import errors, naming
from grid_datastores.gateway import http_uploads, repeating
from grid_datastores.server import serve, signing_in
from grid_datastores.server.connections import CLIENT_TIMEOUT
from grid_datastores.service import turns
from grid_datastores.service.accounts import TOKEN_LIFETIME
from grid_datastores.service.listing import MAX_KEPT
from grid_datastores.service.reading import MAX_CHECKED
from grid_datastores.service.removal import READERS_TIMEOUT
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.storage import manifest, packing
from grid_datastores.system.signals import Terminated
from grid_datastores.wire.datastores import MAX_IDS
from living_spec.beginning import NOT_BEGUN

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
FILE = ROOT / "build" / "guide" / "values.json"
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_SIZES = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"), (1, "bytes"))


def values() -> Mapping[str, str]:
    """All values, by name."""
    return {
        "busy-timeout": duration(errors.Busy.TIMEOUT),
        "checked-for-part": size(MAX_CHECKED),
        "client-timeout": duration(int(CLIENT_TIMEOUT)),
        "default-address": _default_address(),
        "exit-not-begun": str(int(NOT_BEGUN)),
        "exit-refusal": str(errors.Refusal.exit_code),
        "exit-sighup": str(Terminated(signal.SIGHUP).exit_code),
        "exit-sigterm": str(Terminated(signal.SIGTERM).exit_code),
        "exit-unprinted": str(EXIT_UNPRINTED),
        "exit-usage": str(errors.InvalidInput.exit_code),
        "fetch-floor": size(turns.FLOOR),
        "fetch-floor-doubles": duration(int(turns.FLOOR_DOUBLES)),
        "fetch-turn": duration(int(turns.TURN)),
        "first-user": serve.FIRST_USER,
        "large-file": size(packing.LARGE_FILE),
        "link-lifetime": duration(int(signing_in.LINK_LIFETIME)),
        "max-fetches": number(turns.MAX_FETCHES),
        "max-fetches-per-user": number(turns.MAX_FETCHES_PER_USER),
        "max-ids": number(MAX_IDS),
        "max-kept": number(MAX_KEPT),
        "max-name": str(naming.MAX_NAME_LENGTH),
        "max-path-bytes": number(manifest.MAX_PATH_LENGTH),
        "max-path-part-bytes": number(manifest.MAX_NAME_LENGTH),
        "max-ratio": number(FetchLimits().ratio),
        "max-source-files": number(FetchLimits().files),
        "max-source-size": size(FetchLimits().total_bytes),
        "max-wrong-keys": number(signing_in.MAX_WRONG_KEYS),
        "pack-size": size(packing.PACK_SIZE),
        "part-size": size(http_uploads.PART_SIZE),
        "ratio-from": size(FetchLimits().ratio_from),
        "repeating-time": duration(int(repeating.MAX_TIME)),
        "token-lifetime": duration(int(TOKEN_LIFETIME.total_seconds())),
        "readers-timeout": duration(int(READERS_TIMEOUT.total_seconds())),
        "upload-expiry": duration(settings.UPLOAD_EXPIRY.default),
        "wrong-key-period": duration(int(signing_in.PERIOD)),
    }


def number(count: int) -> str:
    """A number as prose has it: `ten`, `63`, `1,000,000`."""
    return _SMALL[count] if count < len(_SMALL) else f"{count:,}"


def duration(seconds: int) -> str:
    """Seconds as a duration in its largest whole unit: `a day`, `an hour`, `five minutes`, `90 seconds`."""
    unit, name = next((unit, name) for unit, name in _UNITS if seconds % unit == 0)
    count = seconds // unit
    if count == 1:
        return f"an {name}" if name == "hour" else f"a {name}"
    return f"{number(count)} {name}s"


def size(count: int) -> str:
    """A number of bytes in its largest whole unit: `50 MiB`."""
    unit, name = next((unit, name) for unit, name in _SIZES if count % unit == 0)
    return f"{count // unit:,} {name}"


def _default_address() -> str:
    defaults = {parameter.name: parameter.default for parameter in serving.serve.params}
    return f"http://{defaults['host']}:{defaults['port']}"


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(values(), ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
