#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# whatever is wrong gets one sentence and the right exit status from the tool, and nothing is changed
# timeout: 240
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

origin=$(mk_null origin 4)
target=$(mk_null target 4)
small=$(mk_null small 2)
other=$(mk_null other 4)
sectors=$(dev_sectors "$origin")
mk_linear cbw "$origin" > /dev/null
mk_linear second "$other" > /dev/null
table=$(dmsetup table cbw)

# --- what is not understood ------------------------------------------------------------------------------------

wrong_use 2 "there is no verb 'bakcup': .*" bakcup cbw "$target"
while IFS=';' read -r message arguments; do
	# shellcheck disable=SC2086 # words are wanted
	wrong_use 2 "$message" $arguments
done <<-END
	backup takes volumes, and then as many target devices, or --to;backup
	backup takes volumes, and then as many target devices, or --to;backup cbw
	backup takes volumes, and then as many target devices, or --to;backup cbw second $target
	backup does not know the option '--fast';backup --fast cbw $target
	backup: the option '--chunk' needs a value;backup cbw $target --chunk
	--chunk is a power of two, 4K to 1G, not '3K';backup cbw $target --chunk 3K
	--chunk is a power of two, 4K to 1G, not '2G';backup cbw $target --chunk 2G
	--sync is one of full\\|top\\|incremental\\|none, not 'ful';backup cbw $target --sync ful
	--sync is one of full\\|top\\|incremental\\|none, not 'full\\|none';backup cbw $target --sync full|none
	--engine is one of kcopyd\\|buffered, not 'fast';backup cbw $target --engine fast
	--zeroes is one of copy\\|write-zeroes\\|skip, not 'none';backup cbw $target --zeroes none
	--buf-size cannot be so little: '10';backup cbw $target --buf-size 10
	--workers cannot be '65';backup cbw $target --workers 65
	--cbw-timeout cannot be '10';backup cbw $target --cbw-timeout 10
	--cbw-timeout cannot be '10K';backup cbw $target --cbw-timeout 10K
	--speed cannot be '-1';backup cbw $target --speed -1
	--speed cannot be so little: '10';backup cbw $target --speed 10
	--then needs --sync none;backup cbw $target --then true
	--sync none never ends by itself: .*;backup cbw $target --sync none
	pause needs a volume;pause
	wait needs a volume;wait --quiet
	stats needs a volume;stats
	speed needs a volume and a size;speed cbw
	a speed is a size for each second, .*, not 'fast';speed cbw fast
	it is 'snapshot create VOLUME' or 'snapshot remove VOLUME';snapshot make cbw
	--release is for 'snapshot create';snapshot remove cbw --release
	repair looks at all volumes, and takes none;repair cbw
	attach needs a volume;attach --chunk 64K
	--chunk is a power of two, 4K to 1G, not '1K';attach cbw --chunk 1K
	detach needs a volume;detach
END

# --- what cannot be done ---------------------------------------------------------------------------------------

refused() { # REGEX ARGUMENT...
	wrong_use 1 "$@"
	volume_is_own "$table"
}

refused "$target may hold something: --zeroes skip is for .*" backup cbw "$target" --engine buffered --zeroes skip

# New thin volumes: what is not written must be zeroes there, whatever is written beside it.
need_module dm_thin_pool
skip=(--engine buffered --zeroes skip --quiet)
for pool in zeroes:0 others:"1 skip_block_zeroing"; do
	name=${pool%%:*}
	dmsetup create "$name" --table "0 16384 thin-pool $(mk_null "$name-meta" 4) $(mk_null "$name-data" 8) 128 0 ${pool#*:}"
	dmsetup message "$name" 0 "create_thin 0"
done
dmsetup create thin --table "0 $sectors thin /dev/mapper/others 0"
refused "/dev/mapper/thin may hold something: --zeroes skip is for .*" backup cbw thin "${skip[@]}"
dmsetup remove thin
dmsetup create thin --table "0 $sectors thin /dev/mapper/zeroes 0 $other"
refused "/dev/mapper/thin may hold something: --zeroes skip is for .*" backup cbw thin "${skip[@]}"
dmsetup remove thin
dmsetup create thin --table "0 $sectors thin /dev/mapper/zeroes 0"
tool backup cbw thin "${skip[@]}"
dmsetup remove thin
dmsetup remove zeroes others

refused "there is no block device 'none'" backup none "$target"
refused "there is no block device '/dev/none'" backup cbw /dev/none
refused ".* is the volume itself" backup cbw cbw
refused ".* is named twice" backup cbw cbw "$target" "$small"
refused "two backups would be $target" backup cbw second "$target" "$target"
refused "$small is too small: it has 2097152 bytes, and /dev/mapper/cbw has 4194304" backup cbw "$small"
refused "$origin is not a device-mapper device, and nothing can be put under .*" backup "$origin" "$target"
refused "cbw has no job" pause cbw
refused "cbw has no job" wait cbw
refused "cbw has no job" snapshot create cbw
refused "cbw has no job" detach cbw
refused "$origin is not a device-mapper device, and nothing can be put under .*" attach "$origin"

mkfs.ext4 -q "$target"
mkdir "$CBW_TMP/mnt"
mount "$target" "$CBW_TMP/mnt"
refused "$target is mounted on $CBW_TMP/mnt" backup cbw "$target" --force
umount "$CBW_TMP/mnt"
refused "the kernel does not take a table for cbw: Feature max_copy must not be less than the chunk size" \
	backup cbw "$target" --force --chunk 1M --max-copy 64K

dmsetup load second --table "0 $sectors linear $other 0"
refused "second has a table that is loaded and not live: .*" backup second "$target"
dmsetup clear second
dmsetup suspend second
refused "second is suspended: .*" backup second "$target"
dmsetup resume second
dmsetup create frozen --readonly --table "0 $sectors linear $other 0"
refused "frozen is read-only: .*" backup frozen "$target"
dmsetup create part --table "0 8 linear $other 0"
dmsetup create part-cbw --table "0 8 linear $other 0"
refused "the device part-cbw of an earlier job is left behind: .*" backup part "$target"
need_module dm_mirror
dmsetup create mirror --table "0 4096 mirror core 2 1024 nosync 2 $small 0 $other 0"
refused "mirror has the target 'mirror', which keeps state .*" backup mirror "$target"

tool backup second "$target" --force --speed 1K --no-wait
refused "second has a job already: see 'cbw status'" backup second "$origin"
refused "second-cbw is a device of a job itself" backup second-cbw "$origin"
refused "second has a job already: see 'cbw status'" attach second
tool cancel second

status=0
setpriv --reuid 65534 --clear-groups cbw status > "$CBW_TMP/said" 2>&1 || status=$?
assert_eq "$status $(< "$CBW_TMP/said")" "1 cbw: only root may do that" "what is said to any user"
dmsetup remove_all
rmmod dm_cbw
wrong_use 1 "the kernel has no module dm_cbw: 'make install' .*" status
