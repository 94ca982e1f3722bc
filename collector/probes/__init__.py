"""One kind of probe per file, each with one SPEC."""
