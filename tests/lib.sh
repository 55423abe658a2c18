# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the system and guest tests share: a temporary folder and children that are gone at the end,
# whatever happened; a target to test. Source it first.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${HOLDFAST_BUILD:-$(dirname "$here")/build}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/holdfast-test.XXXXXX")
children=()

cleanup() {
    local status=$? child
    for child in "${children[@]}"; do
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT HUP

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# eventually SECONDS COMMAND...: waits, with a bound, until COMMAND succeeds.
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# start_target SOCKET ARGUMENT...: sets target_pid; returns when it listens (the socket's name
# appears only then). What it says is in $work/target.log.
start_target() {
    local socket=$1
    shift
    "$build/holdfast-target" --socket-path="$socket" "$@" >>"$work/target.log" 2>&1 &
    target_pid=$!
    children+=("$target_pid")
    eventually 10 target_listens_or_died "$socket" && [ -S "$socket" ] && return 0
    cat "$work/target.log" >&2
    fail "holdfast-target does not listen on $socket"
}

target_listens_or_died() {
    [ -S "$1" ] || is_gone "$target_pid"
}

# stop_target: SIGTERM; it must drain, flush, remove its socket and exit with 0.
stop_target() {
    local status=0
    kill -TERM "$target_pid"
    wait "$target_pid" || status=$?
    [ "$status" = 0 ] && return 0
    cat "$work/target.log" >&2
    fail "holdfast-target ended with status $status on SIGTERM"
}
