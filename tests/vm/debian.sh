# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Host side: systems of Debian in directories that are made once and kept. A directory without the file "complete" is
# never used: the next call goes on with it where the last one was stopped.

# complete DIR COMMAND...: fills the directory, once; who comes meanwhile waits. What is printed goes to DIR/log.
complete() {
	local dir=$1 lock
	[[ -e $dir/complete ]] && return
	mkdir -p "$dir" || die "cannot write to ${dir%/*}"
	exec {lock}> "$dir/lock"
	flock "$lock"
	if [[ ! -e $dir/complete ]]; then
		echo "${0##*/}: making $dir, see its log" >&2
		"${@:2}" "$dir" >> "$dir/log" 2>&1 < /dev/null {lock}>&- || {
			tail -n 20 "$dir/log" >&2
			return 1
		}
		: > "$dir/complete"
	fi
	exec {lock}>&-
}

# The mirrors are those that apt uses here.
mirror() { # LABEL
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Identifier: Packages' | awk -v label="$1" '$1 == label { print $2; exit }'
}

# What apt knows of its mirrors stands in their lists.
know_mirrors() {
	[[ -n $(mirror Debian) ]] || apt-get update -q > /dev/null 2>&1
}

sources() { # SUITE
	echo "deb $(mirror Debian) $1 main"
	[[ $1 == sid ]] || echo "deb $(mirror Debian-Security) $1-security main"
	[[ $1 != trixie ]] || echo "deb $(mirror Debian) $1-backports main"
}

in_chroot() { # ROOT COMMAND...
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount sh -c 'cd / && mount -t proc proc "$1/proc" && exec chroot "$@"' sh "$1" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive INITRD=No "${@:2}"
}

# In a mount namespace: what debootstrap mounts does not outlive it.
bootstrap() { # SUITE ROOT PACKAGES
	rm -rf --one-file-system "$2"
	unshare --mount debootstrap --variant=minbase --include="$3" "$1" "$2" "$(mirror Debian)"
}
