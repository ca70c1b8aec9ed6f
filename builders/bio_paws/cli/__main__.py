"""`python -m bio_paws.cli` is `bio-paws`."""

import sys

from bio_paws.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
