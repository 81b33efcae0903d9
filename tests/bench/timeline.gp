# SPDX-License-Identifier: GPL-2.0-only
# Variable dir: that with fio's logs. Draws timeline.svg beside it.
set terminal svg size 1000,800 background "white" font "sans,12"
set output dir."/../timeline.svg"
set datafile separator ","
set multiplot layout 2,1 title "4k random writes, four at a time, on a disk of 1000 MiB/s and 80 us; half a second after the first one, 1 GiB is copied"
set grid
set key outside right
set xrange [0:4]
set xlabel "seconds"
names = "linear snapshot mirror cbw"
labels = "'no backup' 'dm-snapshot N, dd' 'dm-mirror' 'dm-cbw'"

set ylabel "IOPS"
set yrange [0:*]
plot for [i=1:4] dir."/".word(names, i)."_iops.log" using ($1/1000):2 with lines linewidth 2 title word(labels, i)

set ylabel "mean latency, us"
set logscale y
set yrange [*:*]
plot for [i=1:4] dir."/".word(names, i)."_clat.log" using ($1/1000):($2/1000) with lines linewidth 2 title word(labels, i)
