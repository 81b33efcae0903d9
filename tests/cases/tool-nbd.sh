#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# backups to an NBD server: the tool connects and disconnects, whatever happens, goes on after a cut, and encrypts what leaves the machine
# timeout: 600
# needs: nbd-client nbdkit ip ss openssl
# shellcheck disable=SC2034,SC2154 # the names are those of tool.sh and network.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"
. "${CBW_LIB%/*}/network.sh"

need_network
need_module nbd
export=$CBW_TMP/export
truncate -s 8M "$export"
make_volume 8
dd if=/dev/urandom of=/dev/mapper/cbw bs=1M count=8 oflag=direct status=none
url=nbd://127.0.0.1/disk

left_nothing() {
	retry 30 eval '! connected' || fail "a device is connected still"
	volume_is_own "$table"
}

is_right() {
	assert_same /dev/mapper/cbw "$export" $((8 << 20))
}

write() { # CHUNK
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K count=1 seek="$1" oflag=direct status=none
}

of_record() { # FIELD
	cbw list --json | json "j[0][\"$1\"]"
}

# Nobody is there, or not what is wanted.
wrong_use 1 "cannot reach $url: Connection refused" backup cbw --to $url
wrong_use 2 '--insecure needs --to nbd://...' backup cbw --to /tmp/ --insecure
wrong_use 1 'nbd://:1/x is not of the form .*' backup cbw --to nbd://:1/x
nbdkit --foreground --port 10809 --filter=exportname file "$export" exportname=disk exportname-strict=true 2> /dev/null &
server=$!
retry 30 listens 10809
wrong_use 1 'nbd://127.0.0.1/other: the server has no such export' backup cbw --to nbd://127.0.0.1/other
left_nothing
cut_off
serve

# A full one, with its record; and it can be read again.
assert_eq "$(tool backup cbw --to $url --dry-run | sed -n 2p)" "nbd-client '127.0.0.1' 10809 \"\$NBD\" -N 'disk'" "the plan"
left_nothing
tool backup cbw --to $url --checksum --quiet
is_right
left_nothing
assert_eq "$(of_record kind) $(of_record target) $(of_record complete) $(of_record there)" "nbd $url True True" "the record"
tool verify $url
tool verify $url /dev/mapper/cbw
wrong_use 1 "$url holds the only complete backup of cbw; --overwrite overwrites it" backup cbw --to $url
tool restore $url "$target"
assert_same "$target" "$export"
left_nothing

# Incremental ones go on from it.
tool attach cbw
tool backup cbw --to $url --overwrite --quiet
write 7
tool backup cbw --to $url --sync incremental --quiet
is_right
tool detach cbw
left_nothing

# Cut in the midst of it: it stops, and goes on when the server is there again.
cp /dev/mapper/cbw "$CBW_TMP/image"
tool backup cbw --to $url --overwrite --no-wait --speed 1M --on-target-error stop
connected || fail "nothing is connected"
retry 30 eval '(($(cbw_field cbw sweep) > 8))' || fail "it does not begin"
cut_off
await_status state=paused reason=target-error
write 2
wrong_use 1 "cannot reach $url: Connection refused" resume cbw
assert_status state=paused reason=target-error
serve
tool resume cbw
tool speed cbw 0
tool wait cbw --quiet
assert_same "$CBW_TMP/image" "$export"
left_nothing

# Or it fails; a writer does not mind.
tool_begins backup cbw --to $url --overwrite --speed 1M --quiet
retry 30 eval 'has_job && (($(cbw_field cbw sweep) > 8))' || fail "it does not begin"
cut_off
volume_works
tool_ends 1 'cbw: the backup of cbw has failed: .*'
left_nothing
serve

# A signal, and one that nobody can catch.
tool_begins backup cbw --to $url --overwrite --speed 1M --quiet
retry 30 eval 'has_job && (($(cbw_field cbw sweep) > 8))' || fail "it does not begin"
kill -TERM "$pid"
tool_ends 1 'cbw: the backup of cbw was cancelled'
left_nothing
tool_begins backup cbw --to $url --overwrite --speed 1M --quiet
retry 30 eval 'has_job && (($(cbw_field cbw sweep) > 8))' || fail "it does not begin"
kill -KILL "$pid"
wait "$pid" || true
connected || fail "the job has lost its target device"
tool cancel cbw
left_nothing

# Killed at each step before the job runs, it leaves nothing that repair does not put right.
for ((step = 1; step < 40; step++)); do
	tool_dies after:$step backup cbw --to $url --overwrite --no-wait --paused || break
	tool repair
	! has_job || tool cancel cbw
	retry 30 eval '! connected' || fail "killed after step $step, a device is connected still"
done
! has_job || tool cancel cbw
((step > 3)) || fail "it was killed $step times only"
left_nothing
cut_off

# A socket of this machine.
nbdkit --foreground --unix "$CBW_TMP/socket" file "$export" 2> /dev/null &
server=$!
retry 30 test -S "$CBW_TMP/socket"
tool backup cbw --to "nbd+unix:///disk?socket=$CBW_TMP/socket" --overwrite --quiet
is_right
left_nothing
cut_off

# What leaves the machine is encrypted, or not sent. The address is taken for another machine's.
ip addr add 192.0.2.1/32 dev lo
far=nbd://192.0.2.1/disk
sends_nothing() {
	local before
	before=$(sha256sum < "$export")
	write 5
	expect_fail 'nbd-client: |nothing tells whether 192.0.2.1 is who it says' cbw backup cbw --to $far --overwrite
	left_nothing
	assert_eq "$(sha256sum < "$export")" "$before" "what the server has"
}
serve
sends_nothing
tool backup cbw --to $far --overwrite --insecure --quiet
is_right
left_nothing
cut_off
mkdir -p "$CBW_TMP/pki" /etc/cbw/pki
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=ca -keyout "$CBW_TMP/pki/ca-key.pem" -out "$CBW_TMP/pki/ca-cert.pem" 2> /dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=192.0.2.1 -keyout "$CBW_TMP/pki/server-key.pem" -out "$CBW_TMP/pki/request" 2> /dev/null
openssl x509 -req -in "$CBW_TMP/pki/request" -CA "$CBW_TMP/pki/ca-cert.pem" -CAkey "$CBW_TMP/pki/ca-key.pem" -CAcreateserial -days 30 \
	-extfile <(echo subjectAltName=IP:192.0.2.1) -out "$CBW_TMP/pki/server-cert.pem" 2> /dev/null
serve --tls=require --tls-certificates="$CBW_TMP/pki"
sends_nothing
cp "$CBW_TMP/pki/ca-cert.pem" /etc/cbw/pki/
write 9
tool backup cbw --to $far --overwrite --quiet
is_right
left_nothing
wrong_use 1 "$far: the server wants TLS" backup cbw --to $far --overwrite --insecure
cut_off
