# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steps of the measurements, on the simulated clock. After guest.sh:  . "${CBW_LIB%/*}/bench.sh"
#
# Each contender does the same work on disks of the same model, and leaves MODEL/ROW/CONTENDER.json: what fio says of
# it, or one object with figures. It stands on $origin, copies to $target, and is used as $device.

# shellcheck source=tests/lib/clock.sh
. "${CBW_LIB%/*}/clock.sh"

results=/run/out/results

# The disks take any data and give none: either as fast as they can, so that all that is measured is software, a
# nanosecond for each instruction; or as a disk of 1000 MiB/s and 80 us would.
# shellcheck disable=SC2034 # read by the measurements
models=(unlimited modelled)

# shellcheck disable=SC2034 # read by the measurements
disks() { # MODEL MIB [MIB/S-OF-THE-TARGET]: sets $origin, $target, $backup, $model and $mib
	remove_nulls
	[[ ! -d /sys/module/modelled ]] || rmmod modelled
	model=$1 mib=$2
	if [[ $1 == modelled ]]; then
		load_test_module modelled mib="$2,$2,$2" mbps="1000,${3:-1000},1000"
		origin=/dev/modelled0 target=/dev/modelled1 backup=/dev/modelled2
	else
		origin=$(mk_null origin "$2" memory_backed=0 irqmode=0)
		target=$(mk_null target "$2" memory_backed=0 irqmode=0)
	fi
	fio --name=warm-up --filename="$origin" --direct=1 --ioengine=libaio --rw=randrw --number_ios=64 > /dev/null
}

into_memory fio

# A contender that kernels before 7.2 do not bring. Its own records are on a disk that costs nothing.
# shellcheck disable=SC2034 # read by the measurements
clone=()
# shellcheck disable=SC2034
load_clone() {
	local file=$CBW_ROOT/.build/modules/clone/dm-clone.ko
	[[ $(modinfo -F vermagic "$file" 2> /dev/null) == "$(uname -r) "* ]] || return 0
	[[ -d /sys/module/dm_clone ]] || { modprobe dm_persistent_data && insmod "$file"; }
	clone=(clone)
}

# It copies from the origin to the target, too, but what is used is the target, and it has no point in time: a write of
# a region that is not copied yet has to wait for that.
clone_table() { # REGION-KIB BATCH 'FEATURE ARGUMENTS': up to 16 copies of a batch of regions at a time
	local meta=/dev/meta
	[[ -b $meta ]] || meta=$(mk_null meta 256 irqmode=0)
	dd if=/dev/zero of="$meta" bs=4k count=1 oflag=direct status=none
	echo "0 $(dev_sectors "$origin") clone $meta $target $origin $(($1 * 2)) $3 4 hydration_threshold $(($2 * 16)) hydration_batch_size $2"
}

# A snapshot's origin splits writes at chunks only if it has been resumed since.
set_up_snapshot() { # CHUNK-KIB
	local sectors
	sectors=$(dev_sectors "$origin")
	dmsetup create snapshot --table "0 $sectors snapshot-origin $origin"
	dmsetup suspend snapshot
	dmsetup create cow --table "0 $sectors snapshot $origin $target N $(($1 * 2))"
	dmsetup resume snapshot
}

# What cbw does otherwise than by default, as contenders of their own.
# shellcheck disable=SC2034 # read in cbw_table
declare -A variants=([cbw]="" [kcopyd]="engine kcopyd" [safe]="release safe")

set_up() { # CONTENDER CHUNK-KIB: sets $device
	device=/dev/mapper/$1
	case $1 in
	raw) device=$origin ;;
	linear) mk_linear linear "$origin" > /dev/null ;;
	snapshot) set_up_snapshot "$2" ;;
	clone) dmsetup create clone --table "$(clone_table "$2" 1 "1 no_hydration")" ;;
	*) CBW_FEATURES=${variants[$1]} cbw_create "$1" "$origin" "$target" $(($2 * 2)) "sync none" ;;
	esac
}

copied_chunks() { # CONTENDER CHUNK-KIB: prints how many it has copied
	case $1 in
	snapshot) dmsetup status cow | awk -v chunk="$2" '{ print int($4) / (chunk * 2) }' ;;
	clone) dmsetup status clone | awk '{ print int($7) }' ;;
	*) cbw_field "$1" cbw ;;
	esac
}

place() { # ROW CONTENDER: prints the file for the result
	mkdir -p "$results/$model/$1"
	echo "$results/$model/$1/$2.json"
}

record() { # ROW CONTENDER FIGURE VALUE
	printf '{ "%s": %s }\n' "$3" "$4" > "$(place "$1" "$2")"
}

measurement() { # ROW CONTENDER DEPTH FIO-OPTION...: sets $command
	command=(fio --name="$1" --filename="$device" --direct=1 --ioengine=libaio --iodepth="$3" --output-format=json
		--output="$(place "$1" "$2")" "${@:4}")
}

measure() { # ROW CONTENDER DEPTH FIO-OPTION...
	local command
	measurement "$@"
	"${command[@]}"
}

start_measuring() { # ROW CONTENDER DEPTH FIO-OPTION...: sets $fio, once I/O comes through
	local command stat=/sys/block/${origin#/dev/}/stat before
	measurement "$@"
	before=$(< "$stat")
	"${command[@]}" &
	fio=$!
	while [[ $(< "$stat") == "$before" ]]; do
		gone "$fio" && fail "fio has done nothing"
		sleep 0.01
	done
}

# --- backups of all ------------------------------------------------------------------------------------------------

# The event that tells of the end: of cbw it is the second, after that of its start.
declare -A events=([mirror]=1 [clone]=1 [kcopyd]=2 [cbw]=2)

# Copied in pieces of 1 MiB, as cbw does.
copy_table() { # CONTENDER
	local sectors
	sectors=$(dev_sectors "$origin")
	case $1 in
	mirror) echo "0 $sectors mirror core 1 2048 2 $origin 0 $target 0" ;;
	clone) clone_table 64 16 0 ;;
	*) CBW_FEATURES=${variants[$1]} cbw_table "$origin" "$target" 128 ;;
	esac
}

copied_all() { # CONTENDER
	case $1 in
	mirror) [[ $(dmsetup status job) =~ \ ([0-9]+)/([0-9]+)\  && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]] ;;
	clone) [[ $(dmsetup status job | cut -d' ' -f7) =~ ^([0-9]+)/([0-9]+)$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]] ;;
	*) [[ $(cbw_field job state) == completed ]] ;;
	esac
}

# As in life, a device in use gets the table. The others copy nothing by themselves.
prepare_copy() { # CONTENDER: sets $device
	device=$(mk_linear job "$origin")
	[[ ! -v events[$1] ]] || dmsetup load job --table "$(copy_table "$1")"
}

copy_all() { # CONTENDER: prints the seconds
	"$CBW_ROOT/tests/bench/copy-time" job "${events[$1]}"
	copied_all "$1" || fail "$1 has not copied everything: $(dmsetup status job)"
}

sweep() { # ROW CONTENDER
	local seconds
	seconds=$(copy_all "$2")
	record "$1" "$2" mib_per_s "$(awk "BEGIN { print $mib / $seconds }")"
}

# What fio says is of the time from the end of its ramp to its end by a signal.
sweep_busy() { # ROW CONTENDER
	local fio
	start_measuring "$1-io" "$2" 16 --bs=4k --rw=randrw --norandommap --time_based --runtime=1h --ramp_time=200ms
	sleep 0.19
	sweep "$1" "$2"
	kill -TERM "$fio"
	wait "$fio" || true
}
