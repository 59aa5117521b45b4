"""Print the contract as a page, for ``docs/semantics.md``."""

import sys

from unifiedml.contract._page import page

sys.stdout.write(page())
