"""The README and the pages of `docs/`: generated parts, links and shell blocks are checked against the code.

Nothing imports this folder; `python -m tests.docs.generate` (`make docs`) writes the generated parts.
"""
