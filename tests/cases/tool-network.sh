#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# between two hosts, what has changed goes over a socket: the copy follows the backup, and a stream that is cut off is no copy
# timeout: 300
# needs: ip socat ss
# shellcheck disable=SC2034,SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/network.sh"

need_network
need_module veth
ip netns add near 2> /dev/null || skip "this kernel has no namespaces of networks"
ip netns add far
ip link add near type veth peer name far
for host in near far; do
	ip link set "$host" netns $host
	ip -n $host link set "$host" up
done
ip -n near addr add 192.0.2.1/24 dev near
ip -n far addr add 192.0.2.2/24 dev far

on() { # HOST COMMAND...: which has records of its own
	CBW_STATE=$CBW_TMP/$1 ip netns exec "$1" "${@:2}"
}

mib=16
origin=$(mk_null origin $mib)
target=$(mk_null target $mib)
copy=$(mk_null copy $((mib + 1)))
mk_linear cbw "$origin" > /dev/null
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=$mib oflag=direct status=none

write() { # CHUNK...
	local chunk
	for chunk; do
		dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek="$chunk" oflag=direct status=none
	done
}

receive() { # sets $receiver
	on far bash -c 'set -o pipefail; socat -u TCP-LISTEN:9000,reuseaddr STDOUT | cbw apply - "$1" "${@:2}"' - "$copy" "$@" 2> "$CBW_TMP/said" &
	receiver=$!
	retry 30 on far bash -c 'ss --no-header --listening --tcp --numeric "sport = :9000" | grep -q .' || fail "nobody listens"
}

send() { # [OPTION]...
	on near bash -c 'set -o pipefail; cbw export "$@" | socat -u STDIN TCP:192.0.2.2:9000' - "$target" "$@"
}

follows() { # the other host has what this one has
	wait "$receiver" || fail "the copy has failed: $(< "$CBW_TMP/said")"
	assert_same "$target" "$copy" $((mib << 20))
	assert_eq "$(on far cbw list --json | json '[r["complete"] for r in j]')" "[True]" "the records over there"
}

tool_near() {
	CBW_STATE=$CBW_TMP/near tool "$@"
}

tool_near attach cbw
tool_near backup cbw "$target" --quiet
receive
send
follows

# Only what has changed goes over, each time.
for chunk in 3 77 255; do
	write "$chunk" $((chunk / 2))
	tool_near backup cbw "$target" --sync incremental --quiet
	receive
	before=$(on near cat /sys/class/net/near/statistics/tx_bytes)
	send
	follows
	sent=$(($(on near cat /sys/class/net/near/statistics/tx_bytes) - before))
	((sent > 2 * 65536 && sent < mib << 19)) || fail "$sent bytes were sent for 128 KiB"
done

# The network breaks in the midst of it: there is no copy, until the same stream has come through.
write {0..127}
tool_near backup cbw "$target" --sync incremental --quiet
receive
on near bash -c 'set -o pipefail; cbw export "$1" | head -c 3000000 | socat -u STDIN TCP:192.0.2.2:9000' - "$target" 2> /dev/null || true
! wait "$receiver" || fail "half of a stream was taken for a whole one"
grep -qx 'cbw: the stream has no end: a part of it is missing' "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
assert_eq "$(on far cbw list --json | json '[r["complete"] for r in j]')" "[False]" "the record over there"
receive
send
follows

# Another host may not be one that follows: it refuses, and says what helps.
write 9
tool_near backup cbw "$target" --sync incremental --quiet
write 10
tool_near backup cbw "$target" --sync incremental --quiet
receive
send 2> /dev/null || true
! wait "$receiver" || fail "a stream was left out, and nobody minds"
grep -q "'cbw export --full' makes a stream of all" "$CBW_TMP/said" || fail "it said: $(< "$CBW_TMP/said")"
receive --overwrite --force
send --full
follows
tool_near detach cbw
ip netns del near
ip netns del far
