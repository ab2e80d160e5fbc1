#!/bin/sh
# Keeps one server for a test process and ends it with that process, however that ends: standard input is a pipe
# from it, and the end of the pipe is the signal.
#
# usage: keeper.sh PREPARE START STOP
#   PREPARE  shell text that makes ready what the server needs in $DIR
#   START    shell text that becomes the server (by exec), on $PORT
#   STOP     the signal that stops it fast and in order
# Orders, one a line: `start PORT`, `kill`, `state`. Each is answered by one line. The first two lines of output are
# the directory, and `prepared` or `failed`; what the server says goes to $DIR/log.

prepare=$1 start=$2 stop=$3
# A handler, unlike an ignored signal, is not handed on to the server. The end of the pipe still comes.
trap : HUP INT PIPE TERM

DIR=$(mktemp -d "${TMPDIR:-/tmp}/tokenkeeper-test.XXXXXX") || exit 1
export DIR
server=

# Also false for a process that has ended and was not waited for.
running() {
    { read -r _ _ state _ <"/proc/$1/stat"; } 2>/dev/null && [ "$state" != Z ]
}

await_end() { # PROCESS TENTHS
    tenths=$2
    while running "$1" && [ "$tenths" -gt 0 ]; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
}

# For PREPARE: $DIR/data as `made` makes it, or a copy of what the first one of that name has made in this run of the
# tests. Making it takes a second of a core, and the suites start some hundred servers.
copied_or_made() { # NAME
    template=${TOKENKEEPER_TEST_TEMPLATES-}/$1
    [ -n "${TOKENKEEPER_TEST_TEMPLATES-}" ] || { made; return; }
    if [ ! -d "$template" ]; then
        made || return
        # Whoever comes second finds it there.
        cp -a "$DIR/data" "$template.$$" && mv -nT "$template.$$" "$template"
        rm -rf "$template.$$"
        return 0
    fi
    cp -a "$template" "$DIR/data"
}

# With its children: a PostgreSQL whose backends live on does not start again.
kill_hard() {
    [ -n "$server" ] || return 0
    family="$server $(cat "/proc/$server/task/$server/children" 2>/dev/null)"
    # shellcheck disable=SC2086 # a list of numbers
    kill -9 $family 2>/dev/null
    for process in $family; do
        await_end "$process" 50
    done
    wait "$server" 2>/dev/null
    server=
}

echo "$DIR"
if (eval "$prepare") </dev/null >>"$DIR/log" 2>&1; then echo prepared; else echo failed; fi

while read -r order argument; do
    case $order in
    start)
        PORT=$argument sh -c "$start" </dev/null >>"$DIR/log" 2>&1 &
        server=$!
        echo started
        ;;
    kill)
        kill_hard
        echo killed
        ;;
    state) if [ -n "$server" ] && running "$server"; then echo running; else echo ended; fi ;;
    esac
done

if [ -n "$server" ]; then
    kill -"$stop" "$server" 2>/dev/null
    await_end "$server" 50
    kill_hard
fi
rm -rf "$DIR"
