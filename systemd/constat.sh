#!/bin/sh
# The installed `constat`: the settings of this machine, unless told otherwise.
CONSTAT_CONFIG="${CONSTAT_CONFIG:-/etc/constat/constat.toml}" exec /opt/constat/current/bin/python -I -m exporters "$@"
