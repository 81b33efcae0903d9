/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is to know of jobs and backups, for the text-file collector of Prometheus. */
#ifndef CBW_PROMETHEUS_H
#define CBW_PROMETHEUS_H

/* Prints the metrics of all volumes to standard output. 0 or -1, error said. */
int prometheus_print(void);

#endif
