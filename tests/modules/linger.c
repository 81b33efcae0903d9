// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: a program lingers whenever it comes out of certain functions of
 * the kernel, so that a race which is a microsecond wide is open for
 * milliseconds. Its processor is busy meanwhile; what the race is with needs
 * another one.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

#define MAX_FUNCTIONS	4

static char *functions[MAX_FUNCTIONS];
static int nr_functions;
module_param_array(functions, charp, &nr_functions, 0444);
MODULE_PARM_DESC(functions, "of the kernel, or of a module that is loaded");

static char *program = "dmsetup";
module_param(program, charp, 0444);
MODULE_PARM_DESC(program, "that lingers behind them");

static unsigned int msecs = 2;
module_param(msecs, uint, 0444);
MODULE_PARM_DESC(msecs, "that it takes");

static unsigned int times;
module_param(times, uint, 0444);
MODULE_PARM_DESC(times, "that it did so far, or does now");

static struct kretprobe probes[MAX_FUNCTIONS];
static struct kretprobe *registered[MAX_FUNCTIONS];

static int linger(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (!strcmp(current->comm, program)) {
		times++;
		mdelay(msecs);
	}
	return 0;
}

static int __init linger_init(void)
{
	int i;

	for (i = 0; i < nr_functions; i++) {
		probes[i].kp.symbol_name = functions[i];
		probes[i].handler = linger;
		registered[i] = &probes[i];
	}
	return register_kretprobes(registered, nr_functions);
}

static void __exit linger_exit(void)
{
	unregister_kretprobes(registered, nr_functions);
}

module_init(linger_init);
module_exit(linger_exit);

MODULE_DESCRIPTION("a program that lingers in the kernel, for tests");
MODULE_LICENSE("GPL");
