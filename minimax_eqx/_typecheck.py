"""The run-time type checker of this package."""

from beartype import BeartypeConf, beartype

# Where a float is asked for, an int will do, as everywhere in Python's numeric tower.
typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
