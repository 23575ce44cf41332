"""How many 4 kB messages one core signs in a second, by the adapter and by stock dkimpy.

    python -m tests.message.bench_sign [SECONDS]

Both sign the same messages with the same RSA-2048 key in the same run; the ratio is what
the adapter gains. The rate of the adapter is what the sender's own rate is held against.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from message.signing import PLAIN, ed_signer, pem, rsa_signer

from sendgate.message.sign import sign

BODY = b"".join(
    b"A line of the letter, the same for all %4d who get it.\r\n" % n for n in range(66)
)
MESSAGE = PLAIN + BODY


def rate(work: Callable[[bytes], object], seconds: float) -> float:
    """Messages a second, each with a subject of its own."""
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        work(MESSAGE.replace(b"What is new", b"What is new %d" % done))
        done += 1
    return done / (time.process_time() - start)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    import dkim

    rsa, ed, key = rsa_signer(), ed_signer(), pem()
    stock = rate(lambda octets: dkim.sign(octets, b"s1", b"news.example.com", key), seconds)
    now = datetime.now(UTC)
    ours = rate(lambda octets: sign(octets, [rsa], now), seconds)
    both = rate(lambda octets: sign(octets, [rsa, ed], now), seconds)
    print(f"messages of {len(MESSAGE)} octets, CPU seconds of one core")
    print(f"stock dkimpy, RSA-2048      {stock:7.0f} a second")
    print(f"the adapter, RSA-2048       {ours:7.0f} a second, {ours / stock:.1f} times stock")
    print(f"the adapter, RSA + Ed25519  {both:7.0f} a second")


if __name__ == "__main__":
    main()
