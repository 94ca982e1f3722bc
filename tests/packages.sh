#!/bin/bash
# Install the Debian packages named as arguments, without starting any service, where that is allowed.
#
# What cannot be installed is said and left: the tests that need it are skipped by name, or fail with CI=true.
set -euo pipefail

[ $# -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not root, or no apt-get: tests that need these are skipped: $*" >&2
    exit 0
fi

# Debian starts a service when its package is installed, unless this file says no (101: forbidden by policy).
policy=/usr/sbin/policy-rc.d
aside=""
if [ -e $policy ] || [ -L $policy ]; then
    aside=$policy.aside-$$
    mv $policy $aside
fi
restore() {
    rm -f $policy
    [ -z "$aside" ] || mv "$aside" $policy
}
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >$policy
chmod 755 $policy

export DEBIAN_FRONTEND=noninteractive
# chrony pushes another time daemon out: only a machine that is there to be thrown away may lose a package.
keep=--no-remove
[ "${CI:-}" != true ] || keep=
install() { apt-get install --yes --quiet=2 --no-install-recommends $keep "$@" </dev/null >&2; }

apt-get update --quiet=2 >&2 || echo "apt-get update failed: trying with the lists that are here" >&2
install "$@" && exit 0
echo "not all at once: one by one" >&2
for package in "$@"; do
    install "$package" || echo "could not install $package: tests that need it are skipped" >&2
done
