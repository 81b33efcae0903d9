#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# a slow read of the origin holds writes and the next table, for cbw_timeout at most: then the job, or its views, have ended
# timeout: 240
# shellcheck disable=SC2034,SC2154 # the names are those of faults.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/faults.sh"

mk_view() {
	say dmsetup create view --readonly --table "0 8192 cbw-snapshot $origin"
}

# As one limits a program that makes backups: its reads of the origin wait, those of a copy do not.
limit_readers() { # BYTES-PER-SECOND
	make_group readers
	echo "$(stat -c %Hr:%Lr /dev/origin0) rbps=$1" > "$group/io.max"
}

discard() { # CHUNK
	blkdiscard --offset $(($1 * 65536)) --length 65536 /dev/mapper/cbw
}

begin_read() { # CHUNK: sets $reader
	(echo $BASHPID > "$group/cgroup.procs" &&
		exec dd if=/dev/mapper/view of=/dev/null bs=64k skip="$1" count=1 iflag=direct status=none) 2> /dev/null &
	reader=$!
	retry 30 in_flight view || fail "the read does not come"
}

base[origin]=$(mk_null origin0 4 discard=1)
fault_pair 4
# A read of a chunk takes 8 seconds, or 16 where all is slow: always longer than the timeout of some, and shorter than
# that of the others.
slow=$((${CBW_PATIENCE:-1} > 1 || ${CBW_LAG:-0} > 0))
timeout=$((slow ? 5000 : 1000))
limit_readers $((slow ? 4096 : 8192))

# The next table waits: what then passes the job does not see.
cbw_create cbw "$origin" "$target" 128 "sync none"
mk_view
begin_read 1
dmsetup load cbw --table "0 8192 linear $origin 0"
say dmsetup resume cbw &
resume=$!
sleep 2
! gone $resume || fail "the next table does not wait for a read of the origin"
ends_as ok $resume
ends_as ok $reader
dmsetup remove view
dmsetup remove cbw

# Writes of all kinds wait.
cbw_create cbw "$origin" "$target" 128 "sync none"
mk_view
begin_read 6
begin_held_put 6
put=$!
discard 6 &
discard=$!
await_status held=2
! gone $reader || fail "the read is not slow enough to test this"
ends_as ok $reader
ends_as ok $put
ends_as ok $discard
dmsetup remove view
dmsetup remove cbw

# But not for one that is void already.
dd if="$pit" of="$origin" bs=1M oflag=direct status=none
cbw_create cbw "$origin" "$target" 128 "sync none"
mk_view
begin_read 2
dmsetup message cbw 0 cancel
dmsetup load cbw --table "0 8192 linear $origin 0"
say dmsetup resume cbw
! gone $reader || fail "the read is not slow enough to test this"
ends_as error $reader
dmsetup remove view
dmsetup remove cbw

# Under break-write it is the write that fails, even of the last chunk that was pending, and the view goes on.
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout $timeout on_cbw_error break-write"
mk_view
for chunk in {0..2} {4..63}; do
	put "$chunk"
done
begin_read 3
begin_put 3
ends_as error $!
assert_status state=running held=0
ends_as ok $reader
put 3
dmsetup remove view
dmsetup remove cbw

# With the policy of the default it is the job.
cbw_create cbw "$origin" "$target" 128 "sync none cbw_timeout $timeout"
mk_view
begin_read 4
begin_put 4
ends_as ok $!
assert_status state=failed reason=cbw-timeout
ends_as error $reader
dmsetup remove view
dmsetup remove cbw

# A job that has completed stays so.
blockdev --flushbufs "$origin"
dd if="$origin" of="$pit" bs=1M iflag=direct status=none
cbw_create cbw "$origin" "$target" 128 "paused cbw_timeout $timeout on_cbw_error break-write"
mk_view
begin_read 5
dmsetup message cbw 0 resume
cbw_wait cbw completed
begin_put 5
ends_as ok $!
assert_status state=completed reason=- held=0
[[ $(dmsetup status view) == *" invalid "* ]] || fail "the view goes on: $(dmsetup status view)"
expect_fail 'no backup job that could be viewed' dmsetup create other --readonly --table "0 8192 cbw-snapshot $origin"
ends_as error $reader
assert_same "$pit" "$target"
