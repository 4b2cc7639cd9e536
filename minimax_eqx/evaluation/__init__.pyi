from ._tail import tail as tail
