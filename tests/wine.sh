#!/bin/sh
# wine.sh - runs a Windows program under Wine, without a display.  ctest and the end-to-end
# tests start every program of a Windows build with it.  It replaces itself with the program
# (exec), so that a signal sent to its process arrives there.
#
# usage: wine.sh PROGRAM [ARGUMENT...]
#        wine.sh --prepare   creates the Wine prefix and starts Wine's services
#        wine.sh --stop      ends everything that runs in the prefix

root=$(cd "$(dirname "$0")/.." && pwd)
for folder in /usr/lib/wine /usr/lib/x86_64-linux-gnu/wine /usr/bin; do
    [ -x "$folder/wine64" ] && break
done
[ -x "$folder/wine64" ] || {
    echo "wine.sh: wine64 is not installed: run tools/setup --windows" >&2
    exit 2
}
server=$folder/wineserver64
[ -x "$server" ] || server=$folder/wineserver

# A separate prefix: the user's own is not changed.
export WINEPREFIX="${LOGPORT_WINE_PREFIX:-$root/build-windows-wine}"
# All other messages would be mixed into the program's own.
export WINEARCH=win64 WINEDEBUG="${LOGPORT_WINEDEBUG:--all,err+virtual}"
# With LC_ALL=C Wine corrupts arguments that are not ASCII.
export LC_ALL=C.UTF-8
# By default winedbg.exe handles a crash and exits with 0.  Without mscoree and mshtml Wine
# offers to download Mono and Gecko.
export WINEDLLOVERRIDES='mscoree,mshtml,winedbg.exe='
unset DISPLAY WAYLAND_DISPLAY

# Wine's loader has the heap of brk() at a random address in the GiB after 0x7d000000, which in about
# one of 2,000 starts covers 0x7ffe0000, where Windows has a page that all processes share.  The
# program then exits with 1 before any of its code runs ("failed to map the shared user data:
# c0000018", which WINEDEBUG=-all hides).  With fixed addresses the heap is at 0x7d005000, and that of
# programs started by the program, too.  Where that is not permitted, it stays as it is.
fixed='setarch -R'
$fixed true 2>/dev/null || fixed=

prepare() {
    mkdir -p "$WINEPREFIX" || exit 2
    (
        flock 9
        # The server stays for 300 s after the last program.  Fails if a server already runs.
        "$server" -p300 2>/dev/null 9>&-
        if [ ! -e "$WINEPREFIX/ready" ]; then
            "$folder/wine64" wineboot -i >"$WINEPREFIX/boot.log" 2>&1 9>&- &&
                "$folder/wine64" winecfg -v win10 >>"$WINEPREFIX/boot.log" 2>&1 9>&- &&
                touch "$WINEPREFIX/ready"
            # The services of these programs are about to end: keep_services starts others.
            "$server" -k 2>/dev/null
            "$server" -w 2>/dev/null
            "$server" -p300 2>/dev/null 9>&-
        fi
    ) 9>"$WINEPREFIX.lock"
    [ -e "$WINEPREFIX/ready" ] || {
        echo "wine.sh: creating the Wine prefix failed: see $WINEPREFIX/boot.log" >&2
        exit 2
    }
}

# Wine's services start with the first program and end with the last.  They inherit the first
# program's output, so that a reader of that output never sees its end; and a program that
# starts while they end may fail.  So one idle program keeps them running: a shell whose input
# never comes.  It holds the lock, so that there is only one.  (Not a program that is a service: it
# would take the connection of the next service to the service control manager.)
keep_services() {
    flock -n "$WINEPREFIX.keeper" true || return 0
    # It returns when the services run.  Two programs that start them at a time may start two service
    # managers, and each service is then known to one of the two.
    flock -o "$WINEPREFIX.starting" $fixed "$folder/wine64" cmd /c exit </dev/null >/dev/null 2>&1
    [ -p "$WINEPREFIX.idle" ] || mkfifo "$WINEPREFIX.idle" 2>/dev/null
    flock -n -o "$WINEPREFIX.keeper" timeout -s KILL 900 $fixed "$folder/wine64" cmd \
        <>"$WINEPREFIX.idle" >/dev/null 2>&1 &
}

case $1 in
--prepare)
    prepare
    keep_services
    exit
    ;;
--stop) # only the server of this prefix, and every program in it
    "$server" -k 2>/dev/null
    exit 0
    ;;
esac
[ -e "$WINEPREFIX/ready" ] || prepare
keep_services
exec $fixed "$folder/wine64" "$@"
