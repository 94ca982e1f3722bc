#!/bin/sh
# The installed `constat`: the settings and the data of this machine, unless told otherwise.
export CONSTAT_CONFIG="${CONSTAT_CONFIG:-/etc/constat/constat.toml}"
export STATE_DIRECTORY="${STATE_DIRECTORY:-/var/lib/constat}"
exec /opt/constat/current/bin/python -I -m exporters "$@"
