"""How good a forecast was: losses, scales, and windows of days that a model does not see."""
