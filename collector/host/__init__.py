"""The only door to the machine: its clocks, its sockets, its own health."""
