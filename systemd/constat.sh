#!/bin/sh
# The installed `constat`: the settings and the data of this machine, unless told otherwise.
export CONSTAT_CONFIG="${CONSTAT_CONFIG:-/etc/constat/constat.toml}"
export STATE_DIRECTORY="${STATE_DIRECTORY:-/var/lib/constat}"
# What the collector gets by LoadCredential=: `check` and `once` sign as it does, for those who may read them.
export CREDENTIALS_DIRECTORY="${CREDENTIALS_DIRECTORY:-/etc/constat/credentials}"
case "$(id -u):${1:-}" in
# An index that root makes is one that the exporter cannot write any more.
0:rebuild | 0:serve) exec runuser -u constat-exporter -- "$0" "$@" ;;
esac
exec /opt/constat/current/bin/python -I -m exporters "$@"
