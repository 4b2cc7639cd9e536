"""`python -m website`: makes the documentation site from `docs/`, the examples and the docstrings.

You need the extra `docs`. What it makes lies in `build/website/site`; open `index.html` there.
"""
