// SPDX-License-Identifier: GPL-2.0-only
/*
 * For measurements: a device-mapper target that does nothing but copy with
 * dm-kcopyd, to know what a copy costs by itself. Its table line names the
 * device to copy from, and the one to copy to. The message
 *
 *   copy <KiB> <in flight> <copies> <from> <to>
 *
 * does so many copies, each from one of so many places that lie side by side,
 * to one of so many, and tells how many ns one has taken.
 */
#include <linux/atomic.h>
#include <linux/device-mapper.h>
#include <linux/dm-kcopyd.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>

#define DM_MSG_PREFIX	"copies"

#define MAX_KIB		1024

struct devices {
	struct dm_dev *origin;
	struct dm_dev *dest;
};

/* What one message does. */
struct work {
	struct dm_kcopyd_client *client;
	struct dm_io_region from;
	struct dm_io_region to;
	unsigned int from_places;
	unsigned int to_places;
	atomic_t left;
	atomic_t failed;
};

static void copied(int read_err, unsigned long write_err, void *context);

static void start_next(struct work *work)
{
	struct dm_io_region from = work->from;
	struct dm_io_region to = work->to;
	int left = atomic_dec_if_positive(&work->left);

	if (left < 0)
		return;

	from.sector = left % work->from_places * from.count;
	to.sector = left % work->to_places * to.count;
	dm_kcopyd_copy(work->client, &from, 1, &to, 0, copied, work);
}

static void copied(int read_err, unsigned long write_err, void *context)
{
	struct work *work = context;

	if (read_err || write_err)
		atomic_inc(&work->failed);
	start_next(work);
}

/* The client is not destroyed before its last copy has ended. */
static int do_copies(struct work *work, unsigned int in_flight)
{
	work->client = dm_kcopyd_client_create(NULL);
	if (IS_ERR(work->client))
		return PTR_ERR(work->client);

	while (in_flight--)
		start_next(work);
	dm_kcopyd_client_destroy(work->client);
	return atomic_read(&work->failed) ? -EIO : 0;
}

static int parse(struct work *work, unsigned int argc, char **argv,
		 unsigned int *in_flight, unsigned int *copies)
{
	unsigned int kib;

	if (argc != 6 || strcasecmp(argv[0], "copy") ||
	    kstrtouint(argv[1], 10, &kib) || kstrtouint(argv[2], 10, in_flight) ||
	    kstrtouint(argv[3], 10, copies) ||
	    kstrtouint(argv[4], 10, &work->from_places) ||
	    kstrtouint(argv[5], 10, &work->to_places))
		return -EINVAL;
	if (!kib || kib > MAX_KIB || !*in_flight || !*copies || *copies > INT_MAX ||
	    !work->from_places || !work->to_places)
		return -EINVAL;

	work->from.count = kib * 2;
	work->to.count = kib * 2;
	atomic_set(&work->left, *copies);
	return 0;
}

static int copies_message(struct dm_target *ti, unsigned int argc, char **argv,
			  char *result, unsigned int maxlen)
{
	struct devices *devices = ti->private;
	unsigned int in_flight, copies, sz = 0;
	struct work work = {
		.from.bdev = devices->origin->bdev,
		.to.bdev = devices->dest->bdev,
	};
	u64 begin;
	int r = parse(&work, argc, argv, &in_flight, &copies);

	if (r)
		return r;
	if (max(work.from_places, work.to_places) > div64_u64(ti->len, work.to.count))
		return -ERANGE;

	begin = ktime_get_ns();
	r = do_copies(&work, in_flight);
	if (r)
		return r;

	DMEMIT("%llu", div_u64(ktime_get_ns() - begin, copies));
	return 1;
}

static void copies_dtr(struct dm_target *ti)
{
	struct devices *devices = ti->private;

	if (devices->dest)
		dm_put_device(ti, devices->dest);
	if (devices->origin)
		dm_put_device(ti, devices->origin);
	kfree(devices);
}

static int copies_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct devices *devices;
	int r;

	if (argc != 2) {
		ti->error = "Two devices are needed";
		return -EINVAL;
	}
	devices = kzalloc(sizeof(*devices), GFP_KERNEL);
	if (!devices) {
		ti->error = "Cannot allocate memory";
		return -ENOMEM;
	}
	ti->private = devices;
	r = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &devices->origin);
	if (!r)
		r = dm_get_device(ti, argv[1], dm_table_get_mode(ti->table), &devices->dest);
	if (r) {
		ti->error = "Cannot open a device";
		copies_dtr(ti);
	}
	return r;
}

static int copies_map(struct dm_target *ti, struct bio *bio)
{
	return DM_MAPIO_KILL;
}

static struct target_type copies_target = {
	.name = "copies",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = copies_ctr,
	.dtr = copies_dtr,
	.map = copies_map,
	.message = copies_message,
};

static int __init copies_init(void)
{
	return dm_register_target(&copies_target);
}

static void __exit copies_exit(void)
{
	dm_unregister_target(&copies_target);
}

module_init(copies_init);
module_exit(copies_exit);

MODULE_DESCRIPTION("copies that do nothing else, for measurements");
MODULE_LICENSE("GPL");
