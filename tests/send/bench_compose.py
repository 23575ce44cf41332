"""How many personalised messages of about 4 kB one core composes in a second.

    python -m tests.send.bench_compose [MESSAGES]

Both parts are rendered, the style sheet is inlined, and each message has its own subject,
link, return path and Message-ID. Signing is not in it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sendgate.config import Config
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign
from sendgate.send.campaign_file import load_campaign
from sendgate.send.compose import Composer
from sendgate.send.tokens import Tokens

TOML = """
name = "bench"
kind = "marketing"
[message]
from = "Example News <hello@news.example.com>"
subject = "Hello {{ first_name }}, news from {{ city }}"
html = "news.html.j2"
text = "news.txt.j2"
[contacts]
file = "contacts.csv"
[unsubscribe]
url = "https://www.example.com/u/{token}"
"""
ROW = '<tr><td class="day">{{ day }}</td><td>Something to do in {{ city }}, every day.</td></tr>\n'
HTML = f"""<!DOCTYPE html>
<html><head><style>p {{ color: #333; margin: 0 }} .day {{ font-weight: bold }}
a:hover {{ color: red }} @media (max-width: 600px) {{ table {{ width: 100% }} }}</style></head>
<body><p>Hello {{{{ first_name }}}} — it is good to have you here.</p>
<table>{{% for day in ["Monday", "Tuesday", "Friday"] %}}
{ROW}{{% endfor %}}</table>
{"<p>A paragraph of the letter, which is the same for everybody who gets it.</p>" * 12}
<p><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p></body></html>
"""
TEXT = (
    "Hello {{ first_name }} — it is good to have you here.\n\n"
    + "A paragraph of the letter, which is the same for everybody.\n" * 12
    + "\nUnsubscribe: {{ unsubscribe_url }}\n"
)


def prepare(folder: Path) -> Campaign:
    """Write the campaign and read it."""
    (folder / "news.html.j2").write_text(HTML, encoding="utf-8")
    (folder / "news.txt.j2").write_text(TEXT, encoding="utf-8")
    (folder / "contacts.csv").write_text("email,first_name,city\n", encoding="utf-8")
    (folder / "campaign.toml").write_text(TOML, encoding="utf-8")
    return load_campaign(folder / "campaign.toml", Config(), lambda _: None)


def main() -> None:
    """Compose and print the rate."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        composer = Composer(prepare(Path(folder)), Tokens(b"a key for a benchmark"), 1)
    composer.check(["first_name", "city"])
    date = datetime.now(UTC)
    octets = 0
    start = time.perf_counter()
    for number in range(1, count + 1):
        address = Address.parse(f"user{number}@example.net")
        fields = {"first_name": f"Joé {number}", "city": "Köln"}
        octets += len(composer.compose(number, address, fields, date).data)
    seconds = time.perf_counter() - start
    print(f"{count} messages of {octets // count} octets in {seconds:.2f} s: "
          f"{count / seconds:.0f} a second")  # fmt: skip


if __name__ == "__main__":
    main()
