# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the tests over a network, which is this machine's own. After guest.sh:  . "${CBW_LIB%/*}/network.sh"
#
# shellcheck disable=SC2154 # $export is the test's

need_network() {
	ip link set lo up || skip "this kernel has no network"
}

listens() { # PORT
	ss --no-header --listening --tcp --numeric "sport = :$1" | grep -q .
}

# An NBD server with the file $export. When it is killed, connections are cut; what it has been told to write stays.
serve() { # [OPTION]...: sets $server
	nbdkit --foreground --port 10809 "$@" file "$export" 2>> "$CBW_TMP/server" &
	server=$!
	retry 30 listens 10809 || fail "the server does not begin: $(< "$CBW_TMP/server")"
}

cut_off() {
	kill -KILL "$server"
	wait "$server" || true
}

connected() { # is any device?
	compgen -G '/sys/block/nbd*/pid' > /dev/null
}
