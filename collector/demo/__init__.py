"""A small provider on loopback that fails on a script: the world of `constat demo` and of the tests."""
