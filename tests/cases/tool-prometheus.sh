#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# the metrics tell what a job, a tracked volume and the records tell, and the buckets of the histogram add up
# timeout: 300
# shellcheck disable=SC2154 # the names are those of tool.sh
. "$CBW_LIB"
. "${CBW_LIB%/*}/tool.sh"

make_volume

overwrite() { # CHUNK COUNT
	dd if=/dev/urandom of=/dev/mapper/cbw bs=64K seek="$1" count="$2" oflag=direct status=none
}

# Each scrape with its time is added to what tests/packages/metrics looks at.
scrape() {
	cbw status --prometheus > "$CBW_TMP/metrics"
	sed "s/^[^#].*/& $(date +%s)/" "$CBW_TMP/metrics" >> /run/out/tool-prometheus.recorded
}

value() { # METRIC [LABEL="VALUE"]
	local value
	value=$(sed -nE "s/^$1\{volume=\"cbw\"${2:+,$2}\} //p" "$CBW_TMP/metrics")
	[[ -n $value ]] || fail "there is no $*"
	echo "$value"
}

says() { # METRIC VALUE [LABEL="VALUE"]
	assert_eq "$(value "$1" "${3:-}")" "$2" "$1 ${3:-}"
}

none_of() { # METRIC
	! grep "^$1" "$CBW_TMP/metrics" || fail "there is $1"
}

wrong_use 2 "--prometheus tells of all volumes, and is no JSON" status --prometheus cbw
wrong_use 2 "--prometheus tells of all volumes, and is no JSON" status --prometheus --json
scrape
assert_eq "$(< "$CBW_TMP/metrics")" "" "what is said where there is nothing"

tool attach cbw
overwrite 3 2
scrape
says cbw_changed_bytes 131072
says cbw_incremental_possible 0
none_of cbw_job
none_of cbw_backup

tool backup cbw "$target" --overwrite --paused --no-wait
overwrite 8 4
scrape
says cbw_job_state 1 'state="paused"'
says cbw_job_state 0 'state="running"'
says cbw_job_bytes 4194304
says cbw_job_done_bytes 262144
says cbw_job_copied_bytes_total 262144 'by="cbw"'
says cbw_job_copied_bytes_total 0 'by="sweep"'
says cbw_job_errors_total 0 'side="target"'
says cbw_job_held_writes 0
says cbw_changed_bytes 262144
none_of cbw_backup

# As many as the tool itself says, and no bucket has less than one before it.
says cbw_job_hold_seconds_count "$(cbw stats cbw --json | json 'j[0]["held"]')"
says cbw_job_hold_seconds_bucket "$(value cbw_job_hold_seconds_count)" 'le="\+Inf"'
assert_eq "$(grep -c '^cbw_job_hold_seconds_bucket' "$CBW_TMP/metrics")" 32 "buckets"
sed -nE 's/^cbw_job_hold_seconds_bucket.* //p' "$CBW_TMP/metrics" | sort -nc || fail "the buckets do not add up"
python3 - "$(value cbw_job_hold_seconds_sum)" "$(value cbw_job_longest_hold_seconds)" "$(value cbw_job_hold_seconds_count)" <<-END
	import sys
	total, longest, count = map(float, sys.argv[1:])
	assert 0 < longest / 2 <= total <= longest * count, sys.argv
END

tool speed cbw 64K
tool resume cbw
for i in {1..4}; do
	sleep 2
	overwrite $((20 + i)) 1
	scrape
done
tool speed cbw 0
tool wait cbw --quiet
scrape
none_of cbw_job
says cbw_incremental_possible 1
says cbw_backup_last_size_bytes 4194304
pit=$(cbw list --json | json 'j[-1]["pit"]')
says cbw_backup_last_timestamp_seconds "$(date -d "$pit" +%s)"

# One that is not complete is no good backup, and the one before it is not there any more.
tool backup cbw "$target" --sync incremental --paused --no-wait
scrape
none_of cbw_backup
tool cancel cbw
cbw wait cbw --quiet 2> /dev/null || true
tool detach cbw
