"""The read side, tested on journals that the collector's own writer wrote."""
