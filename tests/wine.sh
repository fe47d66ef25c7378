#!/bin/sh
# wine.sh - runs a Windows program under Wine, without a display: what ctest and
# the end-to-end tests put before each program of a Windows build.  The
# process that it starts is the program's own: a signal sent to it arrives there.
#
# usage: wine.sh PROGRAM [ARGUMENT…]   (or --prepare, --stop: its Wine prefix)

root=$(cd "$(dirname "$0")/.." && pwd)
for folder in /usr/lib/wine /usr/lib/x86_64-linux-gnu/wine /usr/bin; do
    [ -x "$folder/wine64" ] && break
done
[ -x "$folder/wine64" ] || {
    echo "wine.sh: there is no wine64: run tools/setup --all" >&2
    exit 2
}
server=$folder/wineserver64
[ -x "$server" ] || server=$folder/wineserver

# Its own prefix: the user's is not touched.
export WINEPREFIX="${LOGPORT_WINE_PREFIX:-$root/build-windows-wine}"
export WINEARCH=win64 WINEDEBUG=-all
# With LC_ALL=C arguments that are not ASCII are mangled.
export LC_ALL=C.UTF-8
# winedbg.exe: by default it takes a crash for itself and exits with 0.
# The others would offer to download themselves.
export WINEDLLOVERRIDES='mscoree,mshtml,winedbg.exe='
unset DISPLAY WAYLAND_DISPLAY

prepare() {
    mkdir -p "$WINEPREFIX" || exit 2
    (
        flock 9
        # Kept for so many seconds after the last program; refused when one runs.
        "$server" -p300 2>/dev/null 9>&-
        if [ ! -e "$WINEPREFIX/ready" ]; then
            "$folder/wine64" wineboot -i >"$WINEPREFIX/boot.log" 2>&1 9>&- &&
                "$folder/wine64" winecfg -v win10 >>"$WINEPREFIX/boot.log" 2>&1 9>&- &&
                touch "$WINEPREFIX/ready"
        fi
    ) 9>"$WINEPREFIX.lock"
    [ -e "$WINEPREFIX/ready" ] || {
        echo "wine.sh: cannot make a Wine prefix: see $WINEPREFIX/boot.log" >&2
        exit 2
    }
}

# Wine's services begin with the first program and end with the last.  They
# inherit its output, so that whoever reads that never sees its end; and a
# program that begins while they end may fail.  So one program is kept
# that does nothing: a service that nobody called.  It holds the lock.
keep_services() {
    flock -n "$WINEPREFIX.keeper" true || return 0
    flock -n -o "$WINEPREFIX.keeper" timeout -s KILL 900 "$folder/wine64" spoolsv.exe \
        </dev/null >/dev/null 2>&1 &
    "$folder/wine64" cmd /c exit </dev/null >/dev/null 2>&1 # back when they have begun
}

case $1 in
--prepare)
    prepare
    keep_services
    exit
    ;;
--stop) # the server of this prefix only, and with it whatever runs there
    "$server" -k 2>/dev/null
    exit 0
    ;;
esac
[ -e "$WINEPREFIX/ready" ] || prepare
keep_services
exec "$folder/wine64" "$@"
