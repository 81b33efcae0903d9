#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# with udev, what LVM's caches, integrity, mirrors and raid are is refused, unharmed; a thin volume may have an external origin
# tier: long
# timeout: 900
# memory: 3G
. "$CBW_LIB"
. "${CBW_LIB%/*}/udev.sh"

make() { # LVCREATE-ARGUMENT...
	say lvcreate -q -y "$@" > /dev/null
}

drop() { # VOLUME...
	say lvremove -q -y "${@/#/vg0/}" > /dev/null
}

# Neither its table nor what it holds changes, LVM minds nothing, and the way that there is leads to a backup.
refuse() { # DM-NAME TARGET-TYPE [ADVICE]
	local table sum
	table=$(dmsetup table "$1")
	[[ $table == *" $2 "* ]] || fail "$1 is not of the kind $2: $table"
	sum=$(sum_of "/dev/mapper/$1" $((16 << 20)))
	wrong_use 1 "$1 has the target '$2', which keeps state that two tables must not share: ${3:-$below_another}" backup "$1" "$target" --force
	wrong_use 1 "$1 has the target '$2', .*" attach "$1"
	volume_is_own "$table" "$1"
	assert_eq "$(sum_of "/dev/mapper/$1" $((16 << 20)))" "$sum" "what $1 holds"
	lvs -a > "$CBW_TMP/output" 2>&1
	! grep -E 'WARNING|XX' "$CBW_TMP/output" || fail "LVM complains"
}

refuse_filled() { # LV TARGET-TYPE [ADVICE]
	fill "/dev/vg0/$1" 16
	refuse "vg0-$1" "${@:2}"
	mk_linear above "/dev/vg0/$1" > /dev/null
	tool backup above "$target" --force --overwrite --quiet
	dmsetup remove --retry above
	assert_same "/dev/vg0/$1" "$target" $((16 << 20))
}

below_another='while it is not in use, give it a linear device of its own, and back up that one from then on'
start_udev
make_groups 160
target=$(mk_null target 17)

need_module dm_cache
need_module dm_cache_smq
make -L 16M -n cached vg0
make --type cache-pool -L 12M -n cache vg0
say lvconvert -q -y --type cache --cachepool vg0/cache vg0/cached
refuse_filled cached cache
say lvconvert -q -y --uncache vg0/cached
drop cached

need_module dm_writecache
make -L 16M -n cached vg0
make -an -Zn -Wn -L 12M -n fast vg0
say lvconvert -q -y --type writecache --cachevol vg0/fast vg0/cached
refuse_filled cached writecache
drop cached

need_module dm_raid
one_image='of raid1 back up an image, such as vg0-safe_rimage_0; of another, .*'
vgextend -q vg0 "$(mk_null disk-third 64 discard=1)" > /dev/null
make --type raid5 -i 2 --nosync -L 16M -n safe vg0
refuse_filled safe raid "$one_image"
drop safe
need_module dm_integrity
make --type raid1 -m 1 --raidintegrity y -L 16M -n safe vg0
refuse_filled safe raid "$one_image"
refuse vg0-safe_rimage_0 integrity
drop safe
need_module dm_mirror
make --type mirror -m 1 --mirrorlog core --nosync -L 16M -n safe vg0
refuse_filled safe mirror
drop safe

# A thin volume whose blocks are another's until they are written to.
need_module dm_thin_pool
make -L 16M -n outer vg0
fill /dev/vg0/outer 16
say lvchange -an vg0/outer
say lvchange -pr vg0/outer
make --type thin-pool -L 20M -n pool vg0
make -s -n thin --thinpool vg0/pool vg0/outer
table=$(dmsetup table vg0-thin)
[[ $table =~ ^0\ 32768\ thin\ ([0-9:]+)\ [0-9]+\ [0-9:]+$ ]] || fail "the thin volume has no external origin: $table"
pool=${BASH_REMATCH[1]}
dd if=/dev/urandom of=/dev/vg0/thin bs=64K count=16 seek=40 oflag=direct status=none
sum=$(sum_of /dev/vg0/thin $((16 << 20)))
tool backup vg0/thin "$target" --force --overwrite --no-wait --paused
assert_eq "$(dmsetup table vg0-thin | grep -o ' below [0-9:]*')" " below $pool" "what LVM must find"
dd if=/dev/urandom of=/dev/vg0/thin bs=64K count=16 seek=60 oflag=direct status=none
tool resume vg0/thin
tool wait vg0/thin --quiet
volume_is_own "$table" vg0-thin
assert_eq "$(sum_of "$target" $((16 << 20)))" "$sum" "the backup"

# LVM tells the pool of a snapshot, though the job is in between.
sum=$(sum_of /dev/vg0/thin $((16 << 20)))
tool_begins backup vg0/thin "$target" --force --overwrite --quiet --speed 64K
retry 60 has_job vg0-thin
say lvcreate -q -s -n old vg0/thin
tool_ends 1 'cbw: the backup of vg0-thin has failed: somebody else has given the volume another table'
volume_is_own "$table" vg0-thin
say lvchange -q -ay -K vg0/old
assert_eq "$(sum_of /dev/vg0/old $((16 << 20)))" "$sum" "LVM's snapshot"
