"""How good a forecast was: metrics over arrays, from which every comparison and selection is built."""
