/* SPDX-License-Identifier: GPL-2.0-only */
/* The device-mapper target "cbw-snapshot": the point in time of a job, to be read. */
#ifndef DM_CBW_SNAPSHOT_H
#define DM_CBW_SNAPSHOT_H

/* May sleep. 0 or -errno. */
int cbw_snapshot_init(void);
void cbw_snapshot_exit(void);

#endif
