"""exporters/kinds, tested."""
