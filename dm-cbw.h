/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-cbw: point-in-time backup of a live block device by copy-before-write.
 *
 * The units, each of which knows only those below it:
 *
 *   dm-cbw.c         the target cbw: table line, status, messages, device-mapper's methods
 *   dm-cbw-snapshot  the target cbw-snapshot: reads of a job's point in time
 *   dm-cbw-args      the words of a table line
 *   dm-cbw-backup    the job that saves a point in time: what a write waits for
 *   dm-cbw-mirror    the job that follows the origin
 *   dm-cbw-track     the job that only notes what is written
 *   dm-cbw-copying   what jobs that copy have in common: held writes, errors, timeouts,
 *                    suspend, teardown
 *   dm-cbw-both      writes that are done on both devices
 *   dm-cbw-job       what every job has: its state, events, the list of all jobs
 *   dm-cbw-late      what outlives its table because a device hangs
 *   dm-cbw-changes   the tracking map of a mapped device
 *   dm-cbw-commit    no write goes on before its bits are durable
 *   dm-cbw-metadata  the tracking map on its metadata device
 *   dm-cbw-marks     was an origin written to while nobody looked?
 *   dm-cbw-apart     bios whose submission may sleep
 *   dm-cbw-stats     how long writes were held, what was copied for whom
 *   dm-cbw-sweep     the thread that copies in the background
 *   dm-cbw-pace      when its next copy may start
 *   dm-cbw-copy      copies, by one engine or another, and flushes
 *   dm-cbw-kcopyd    the copy engine on dm-kcopyd
 *   dm-cbw-buffered  the copy engine with buffers of its own
 *   dm-cbw-map       which chunks are pending, who copies them, who waits
 *   dm-cbw-bits      ranges of bits
 *   dm-cbw-time      how long something may take
 *
 * dm-cbw-compat.h is the only file that knows kernel versions; dm-cbw-trace.h
 * has the tracepoints of all units.
 *
 * Locks, in the order in which they nest:
 *
 *   cbw.messages     (mutex)     one message at a time, so that what a table
 *                                line shows is what was set last
 *   jobs_lock        (mutex)     the list of all jobs and their mapped devices
 *   copying.settling  (mutex)     one at a time says what becomes of what a job took
 *   changes_lock     (mutex)     the list of all tracking maps, and all of them but
 *                                their bits
 *   cbw_changes.pointers         where their bits are, and what was taken
 *   late_lock        (mutex)     metadata devices that may be written to late
 *   cbw_commit.lock              writes that wait until their bits are durable
 *   cbw_job.lock     (irq-safe)  a job's state, reason and target
 *   cbw_map.lock     (irq-safe)  bitmaps, claims, held writes, reads of views
 *   cbw_both.lock    (irq-safe)  writes that are under way on both devices
 *   cbw_apart.lock   (irq-safe)  bios that a worker is to submit
 *   buffered.lock    (irq-safe)  which units of a buffer are used, and who waits for some
 *   waitqueues' own locks
 *
 * No lock is held while a copy is started, a bio is submitted or ended, or
 * anything sleeps, but for the mutexes, under which no I/O is waited for.
 */
#ifndef DM_CBW_H
#define DM_CBW_H

#define DM_MSG_PREFIX	"cbw"

#endif
