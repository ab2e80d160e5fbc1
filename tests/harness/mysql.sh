#!/usr/bin/env bash
# Puts MySQL's programs into DIRECTORY/bin. Debian has them in its unstable release alone: the packages, and all that
# they need down to the C library, are unpacked side by side and run by a loader of their own, so that nothing of it
# touches this system.
#
# usage: mysql.sh DIRECTORY
# Exit code 3 where the packages cannot be had.
set -euo pipefail

PROGRAMS=(sbin/mysqld bin/mysql bin/mysqldump bin/mysql_tzinfo_to_sql)

main() {
    [ ! -e "$1/installed" ] || exit 0
    command -v apt-get >/dev/null || cannot "there is no apt-get"
    mkdir -p "$1"
    home=$(cd "$1" && pwd)
    rm -rf "${home:?}"/*
    fetch
    for package in "$home"/cache/archives/*.deb; do
        case ${package##*/} in
        # For programs that are not run here.
        perl* | libperl*) ;;
        *) dpkg-deb --extract "$package" "$home/tree" ;;
        esac
    done
    wrap
    rm -r "$home/cache" "$home/state"
    touch "$home/installed"
}

# By apt, for the signatures and for what depends on what, as if nothing were installed.
fetch() {
    local mirror
    mirror=$(mirror_in_use)
    [ -n "$mirror" ] || cannot "this system gets no packages of Debian"
    mkdir -p "$home"/state/lists/partial "$home"/cache/archives/partial
    : >"$home/state/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror unstable main" >"$home/state/sources.list"
    if ! { apt update && apt install --download-only -y mysql-server-core mysql-client-core; }; then
        cannot "apt-get has failed, see above"
    fi
}

# From where this system has its own packages.
mirror_in_use() {
    # shellcheck disable=SC2016 # apt-get's own
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

apt() {
    apt-get -q -o Dir::State="$home/state" -o Dir::State::status="$home/state/status" -o Dir::Cache="$home/cache" \
        -o Dir::Etc::sourcelist="$home/state/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root \
        -o Debug::NoLocking=1 -o APT::Install-Recommends=false "$@"
}

wrap() {
    local loader
    loader=$(find "$home/tree" -name 'ld-linux*.so.*' -type f | head -n 1)
    mkdir "$home/bin"
    for program in "${PROGRAMS[@]}"; do
        printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
            "$loader" "$(dirname "$loader")" "$home/tree/usr/$program" >"$home/bin/${program##*/}"
        chmod 755 "$home/bin/${program##*/}"
    done
    "$home/bin/mysqld" --version >&2 || cannot "its program does not start"
}

cannot() {
    echo "MySQL cannot be had: $*" >&2
    exit 3
}

main "$@"
