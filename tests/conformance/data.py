"""The data of tests/venues/: one folder for each venue, named as the venue is.

- `decode/<channel>.json`: cases of one channel of facts. `id`, `symbol` (how the id is listed), `symbols` (those of
  further ids), `option` (an interval), `before` (texts that came earlier, where readers remember), `frame` (the text as
  sent), `facts`: each with its `kind`, one of the channel's nouns, and every field that is not None; numbers as plain
  text. `empty`: fields that the venue sends as empty text where it has nothing to say; here and in calls
- `calls/<call>.json`: cases of one REST call. `question`, then `method`, `url`, `weight`, `most`, `parts` (the URLs of
  further requests, where the question is several), or `refuses` (the UsageError's words); with a `body`, its `result`
  as above (of the call `book`: `seq`, `bids`, `asks`), `limits` (units of pools) where it tells of any, and
  `more` (the URL of the page that follows, or null) of a page; `odd`: how many rows of it are passed over; `lacks` as
  in acts
- `acts/<act>.json`: cases of one thing that is asked or done with an account. `wish` (fields of a Wish), `ref`,
  `inquiry` or `countdown` (with `all` of no one instrument), and where the venue has an act `account` what that
  says; `kind` of the instrument, where the venue has several, and its `code`. Then `method`, `url`, `headers`, `sends`
  (the body), `message` (what a message says in its place, where that is other words), `weight`, `pool`, `then` and
  `otherwise` (the URLs of what is asked after it, and where it knows no such order), or `refuses` (the words of a
  UsageError, with which nothing is asked); with the answer's
  `body`, its `result` as for calls, `more`, `raises` (`OrderNotFound`, or the kind of a DecodeError). `lacks`: fields
  that are absent from other answers of this form, `empty` as above; `words`: fields in which only certain words stand
- `errors/*.json`: `status`, `headers`, `body`, then what they mean: `raises` (a class, or null), `code`, `retry`,
  `wait` (seconds from now), `says` (the whole text); `used` (units of pools)
- `books/*.json`: cases of one `channel` in the steps of tests/unit/engine/replay.py, played with the declared shape
  and rule; then with one frame lost, doubled, swapped or changed, for which frames are needed that follow each other
- `sessions/*.json`: transcripts through the real desk and sessions; see transcript.py
- `NOTES.md`: the evidence for each of these files, by its name
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidebook.venue import Venue
from tidebook.venues import every

Json = Any
ROOT = Path(__file__).parents[1] / "venues"
KINDS = ("decode", "calls", "acts", "errors", "books", "sessions")


@dataclass(frozen=True)
class Case:
    """One case of one file: `subject` is the channel, call or act that the file is about."""

    venue: Venue
    file: Path
    subject: str
    data: dict[str, Json]

    def __str__(self) -> str:
        return f"{self.venue.name} {self.file.parent.name}/{self.file.stem}: {self.data['about']}"


def folder(venue: Venue) -> Path:
    return ROOT / venue.name


def files(venue: Venue, kind: str) -> list[Path]:
    return sorted((folder(venue) / kind).glob("*.json"))


def cases(kind: str) -> list[Case]:
    """All cases of a kind, of all venues."""
    found = []
    for venue in every().values():
        for file in files(venue, kind):
            content = json.loads(file.read_text("utf-8"))
            subject = content.get("channel") or content.get("call") or content.get("act") or ""
            found += [Case(venue, file, subject, data) for data in content["cases"]]
    return found
