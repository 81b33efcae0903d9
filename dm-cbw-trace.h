/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints "cbw:*". "dev" is the mapped device everywhere; sectors are
 * those of the mapped device, the origin and the target device alike.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cbw

#if !defined(DM_CBW_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DM_CBW_TRACE_H

#include <linux/bio.h>
#include <linux/blk_types.h>
#include <linux/kdev_t.h>
#include <linux/ktime.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "dm-cbw-copy.h"
#include "dm-cbw-map.h"

/* User space knows only numbers. */
TRACE_DEFINE_ENUM(CBW_WRITE);
TRACE_DEFINE_ENUM(CBW_SWEEP);

/* A copy starts: "sweep", or "write" for copy-before-write. No sectors: the flush. */
TRACE_EVENT(cbw_copy_start,
	TP_PROTO(dev_t dev, enum cbw_kind kind, sector_t sector, sector_t sectors),
	TP_ARGS(dev, kind, sector, sectors),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned int, kind)
		__field(u64, sector)
		__field(u64, sectors)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->kind = kind;
		__entry->sector = sector;
		__entry->sectors = sectors;
	),
	TP_printk("%u:%u %s %llu + %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev),
		  __print_symbolic(__entry->kind, { CBW_WRITE, "write" }, { CBW_SWEEP, "sweep" }),
		  __entry->sector, __entry->sectors)
);

/* A copy has ended; which side failed, or "-". */
TRACE_EVENT(cbw_copy_done,
	TP_PROTO(dev_t dev, enum cbw_kind kind, sector_t sector, sector_t sectors,
		 unsigned int errors),
	TP_ARGS(dev, kind, sector, sectors, errors),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned int, kind)
		__field(u64, sector)
		__field(u64, sectors)
		__field(unsigned int, errors)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->kind = kind;
		__entry->sector = sector;
		__entry->sectors = sectors;
		__entry->errors = errors;
	),
	TP_printk("%u:%u %s %llu + %llu errors %s",
		  MAJOR(__entry->dev), MINOR(__entry->dev),
		  __print_symbolic(__entry->kind, { CBW_WRITE, "write" }, { CBW_SWEEP, "sweep" }),
		  __entry->sector, __entry->sectors,
		  __entry->errors ?
		  __print_flags(__entry->errors, "|",
				{ CBW_SOURCE_ERROR, "source" },
				{ CBW_TARGET_ERROR, "target" },
				{ CBW_NO_SPACE, "no-space" },
				{ CBW_CAUSE_UNKNOWN, "unknown" },
				{ CBW_NOT_MADE, "not-made" }) : "-")
);

/* A write has met pending chunks and is held, unless they were saved just now. */
TRACE_EVENT(cbw_hold,
	TP_PROTO(dev_t dev, sector_t sector, unsigned int sectors),
	TP_ARGS(dev, sector, sectors),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, sector)
		__field(unsigned int, sectors)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->sector = sector;
		__entry->sectors = sectors;
	),
	TP_printk("%u:%u %llu + %u",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->sector,
		  __entry->sectors)
);

/* A held write is let go, with the time it was held, and its fate: 0 goes on, or an errno. */
TRACE_EVENT(cbw_release,
	TP_PROTO(dev_t dev, sector_t sector, unsigned int sectors, u64 held_ns, int error),
	TP_ARGS(dev, sector, sectors, held_ns, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, sector)
		__field(unsigned int, sectors)
		__field(u64, held_ns)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->sector = sector;
		__entry->sectors = sectors;
		__entry->held_ns = held_ns;
		__entry->error = error;
	),
	TP_printk("%u:%u %llu + %u held_ns %llu error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->sector,
		  __entry->sectors, __entry->held_ns, __entry->error)
);

/* The state of a job changes. */
TRACE_EVENT(cbw_state,
	TP_PROTO(dev_t dev, const char *state, const char *reason),
	TP_ARGS(dev, state, reason),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__array(char, state, 16)
		__array(char, reason, 16)
	),
	TP_fast_assign(
		__entry->dev = dev;
		strscpy(__entry->state, state, sizeof(__entry->state));
		strscpy(__entry->reason, reason ?: "-", sizeof(__entry->reason));
	),
	TP_printk("%u:%u %s %s", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->state, __entry->reason)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dm-cbw-trace

#include <trace/define_trace.h>
