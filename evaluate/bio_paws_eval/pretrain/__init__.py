"""Pre-training from scratch: sources -> documents -> tokenizer -> packed tokens -> model -> perplexities."""

from __future__ import annotations

import hashlib
from pathlib import Path


def code_digest() -> str:
    """Digest of this package's source files: what they made before a change is not taken for what they make now."""
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    ).hexdigest()
