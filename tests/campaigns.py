"""A campaign in a folder, small and whole, for tests to bend."""

from __future__ import annotations

from pathlib import Path

from sendgate.config import Config, load_config
from sendgate.send.campaign import Campaign
from sendgate.send.campaign_file import load_campaign

CONFIG = """
[[sender]]
name = "newsletter"
from = "news.example.com"
return-path = "12345m.example.com"
sender = "own"
"""
CAMPAIGN = """
name = "november-news"
kind = "marketing"
sender = "newsletter"
[message]
from = "Example News <hello@news.example.com>"
reply-to = "support@example.com"
subject = "Hello {{ first_name }}"
html = "news.html.j2"
text = "news.txt.j2"
[contacts]
file = "contacts.csv"
[unsubscribe]
url = "https://www.example.com/u/{token}"
[dkim]
keys = [{ domain = "news.example.com", selector = "s1", file = "s1.pem" }]
[transport]
kind = "direct"
port = 25
helo = "mail.example.com"
source-addresses = ["192.0.2.10"]
tls = "opportunistic"
[gate]
recheck = "1h"
[limits]
rate = "100/s"
unengaged-after = ""
"""
HTML = '<p>Hello {{ first_name }}</p>\n<p><a href="{{ unsubscribe_url }}">Stop</a></p>\n'
TEXT = "Hello {{ first_name }}\n\nStop: {{ unsubscribe_url }}\n"
CONTACTS = """email,first_name,consent_at,consent_source,consent_proof,direct
joe@example.net,Joe,2026-05-01,form,https://crm.example/1,yes
"""


def written(folder: Path, toml: str = CAMPAIGN, **files: str) -> Path:
    """Write a campaign and its files; `html`, `text` and `contacts` replace the usual ones."""
    named = {"html": "news.html.j2", "text": "news.txt.j2", "contacts": "contacts.csv"}
    contents = {"html": HTML, "text": TEXT, "contacts": CONTACTS, **files}
    for key, content in contents.items():
        (folder / named.get(key, key)).write_text(content, encoding="utf-8")
    path = folder / "campaign.toml"
    path.write_text(toml, encoding="utf-8")
    return path


def config(folder: Path, text: str = CONFIG) -> Config:
    """Read a configuration with one sender."""
    (folder / "sendgate.toml").write_text(text, encoding="utf-8")
    return load_config(None, lambda _: None, str(folder))


def campaign(folder: Path, toml: str = CAMPAIGN, **files: str) -> Campaign:
    """Read the campaign that `written` writes."""
    return load_campaign(written(folder, toml, **files), config(folder), lambda _: None)
